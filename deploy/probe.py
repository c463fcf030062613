"""The web container's health check: exit 0 when /readyz answers 200."""

import http.client
import sys

connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=8)
connection.request("GET", "/readyz", headers={"Host": "localhost"})
sys.exit(connection.getresponse().status != 200)

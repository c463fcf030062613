"""The web server's settings, here and in production; gunicorn reads this file by itself.

The address comes from the command line. Access lines are written by the application, without query strings.
"""

import os

from carehome import logging

workers = int(os.environ.get("CAREHOME_WEB_WORKERS", "2"))
threads = int(os.environ.get("CAREHOME_WEB_THREADS", "4"))
worker_class = "gthread"
preload_app = True  # one load of the application for all workers
timeout = 60
graceful_timeout = 10
keepalive = 5
max_requests = 10_000
max_requests_jitter = 1_000
limit_request_line = 4094
limit_request_fields = 60
control_socket_disable = True
forwarded_allow_ips = os.environ.get("CAREHOME_PROXY_ADDRESSES", "127.0.0.1")
accesslog = None
logconfig_dict = {
    **logging.CONFIG,
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
        "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
    },
}

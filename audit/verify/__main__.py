"""`python -m audit.verify FILE …`."""

import sys

from audit.verify.command import main

sys.exit(main())

#!/usr/bin/env python
"""Run one of carehome's commands: `python manage.py help` lists them."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    if sys.argv[1:2] == ["up"]:  # it makes the database and the keys that the settings need
        from carehome.embedded import supervisor

        sys.exit(supervisor.main(sys.argv[2:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "carehome.settings")
    execute_from_command_line(sys.argv)

#!/usr/bin/env python3
"""Django's command line for the portal."""

import sys

from django.core.management import execute_from_command_line

from portal.start import read_settings, work_as_the_owner

if __name__ == "__main__":
    read_settings()
    work_as_the_owner(sys.argv[1:2])
    execute_from_command_line(sys.argv)

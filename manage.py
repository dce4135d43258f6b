#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys

if __name__ == "__main__":
    if sys.argv[1:] == ["up"]:  # a second faster without Django, which its children load meanwhile
        from spinnaker_web.embedded.launch import main

        sys.exit(main())
    from spinnaker_web.embedded.attach import attach

    attach(os.environ)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spinnaker_web.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)

"""``python -m studio`` and the ``studio`` command: the window, or a headless command."""

from __future__ import annotations

import sys

from studio.cli import main

if __name__ == "__main__":
    sys.exit(main())

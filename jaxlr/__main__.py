"""``python -m jaxlr``."""

import sys

from jaxlr.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""``python -m sam2track`` is ``sam2track``."""

import sys

from .cli import main

sys.exit(main())

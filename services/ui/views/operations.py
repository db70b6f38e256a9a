"""The page "Operations"."""

import os

from services.ui import operations, visit

operations.show(visit.now(), os.environ)

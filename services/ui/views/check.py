"""The page "Check an export"."""

from services.ui import checking, visit

checking.show(visit.now())

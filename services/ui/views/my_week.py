"""The page "My week"."""

from services.ui import visit, week

week.show(visit.now())

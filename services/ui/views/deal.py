"""The page "One deal"."""

from services.ui import deal, visit

deal.show(visit.now())

"""The page "Score a deal"."""

from services.ui import scoring, visit

scoring.show(visit.now().api, visit.now().model)

"""The page "Pipeline"."""

from services.ui import ranking, visit

ranking.show(visit.now().api, visit.now().model)

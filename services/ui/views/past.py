"""The page "Past answers"."""

from services.ui import history, visit

history.show(visit.now().api)

"""The page "Models"."""

from services.ui import models, visit

models.show(visit.now())

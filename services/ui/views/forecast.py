"""The page "Forecast"."""

from services.ui import forecast, visit

forecast.show(visit.now())

"""The page "Alerts"."""

from services.ui import alerts, visit

alerts.show(visit.now().api, visit.now().person)

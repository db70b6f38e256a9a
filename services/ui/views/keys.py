"""The page "Keys and audit"."""

from services.ui import keys, visit

keys.show(visit.now().api)

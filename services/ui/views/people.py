"""The page "People"."""

from services.ui import people, visit

people.show(visit.now().api, visit.now().person)

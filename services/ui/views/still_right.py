"""The page "Still right?"."""

from services.ui import visit, watch

watch.show(visit.now().api)

"""Everything that talks to other systems: settings, sources, object store, experiment tracking, model registry."""

"""The only code that talks to the outside: settings, sources, object store, experiment tracking, model registry."""

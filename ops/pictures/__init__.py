"""The pictures of the architecture, drawn from its model (docs/architecture.dsl)."""

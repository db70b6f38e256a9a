"""Monitoring's side in PostgreSQL: the journal's predictions joined with outcomes."""

"""The local PostgreSQL process, for machines without a managed database."""

"""Authentication, authorisation, rate limits and the audit log, independent of any web framework."""

"""Reads an export's bytes, whatever program wrote them, into one table of text."""

"""Personal data: replace a name or an identifier by a pseudonym in every place that stores it, and prove it."""

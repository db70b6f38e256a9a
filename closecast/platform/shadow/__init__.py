"""A second model that scores what the champion answered, and what follows from its outcomes."""

"""Who calls and what they may do: keys, tokens, limits, and the log of what was done. No web framework is known here."""

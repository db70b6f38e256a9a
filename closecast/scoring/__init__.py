"""From raw deals to probabilities: what may be scored, how it is read, and how one deal and many are answered."""

"""Shadow scoring: a second model scores what the champion answered, in a process of its own."""

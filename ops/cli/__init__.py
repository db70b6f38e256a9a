"""The command line: its arguments, what it prints, and which command does what."""

"""The command line: arguments, output, and commands."""

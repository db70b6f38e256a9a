"""The command `release`: what a version consists of, made from its tag."""

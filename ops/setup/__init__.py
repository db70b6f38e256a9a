"""Set up the machine: programs, Python environments, accounts, secrets, and checks of them."""

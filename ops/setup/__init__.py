"""What the machine needs: programs, Python environments, accounts, secrets and the checks of all of them."""

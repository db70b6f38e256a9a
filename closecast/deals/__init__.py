"""What a deal is: the raw contract, the synthetic source, as-of snapshots and their labels."""

"""What each process is made with: logs, background work, files, patience with servers that are away."""

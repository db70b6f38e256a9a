"""The command `acceptance`: what Closecast must do, the commands that show it, and what they printed last."""

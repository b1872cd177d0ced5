"""The doors: who is there, how many may come, and the loop of one connection."""

"""Tells a sales team which open deals will be won, and by when."""

import os

# Before anything in this package can load LightGBM, which reads it once: threads that wait for each other then sleep.
# Spinning, they take the processors from whoever they wait for; beside busy neighbours training took thirteen times as
# long. Every process that trains or scores imports this package first; whoever sets the variable keeps their value.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

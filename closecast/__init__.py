"""Predict which open deals of a sales team will be won, and by when."""

import os

# Before anything in this package can load LightGBM, which reads it once: threads that wait for each other then sleep.
# Spinning threads take the processors from those they wait for; beside other busy processes training took thirteen times
# as long. Every process that trains or scores imports this package first; a value that is already set is kept.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

"""The model: fit, evaluate against honest references, and the rule by which a candidate becomes champion."""

"""The model: training, evaluation against baselines, and the rule that promotes a candidate to champion."""

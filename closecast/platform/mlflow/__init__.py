"""MLflow: experiment tracking, the model registry, and who may move the champion."""

"""A BentoML service with one method for ready-made features."""

import os

import bentoml
import lightgbm
import numpy as np


@bentoml.service(workers=1)
class Deals:
    def __init__(self) -> None:
        self.booster = lightgbm.Booster(model_file=os.environ["BENCH_BOOSTER"])

    @bentoml.api
    async def predict(self, features: list[float]) -> float:
        return float(self.booster.predict(np.array([features]), num_threads=1)[0])

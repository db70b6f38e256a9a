"""A minimal FastAPI service: a pydantic model of ready-made features and LightGBM, without keys, logs and feature building."""

import json
import os
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel, create_model

_BOOSTER = lightgbm.Booster(model_file=os.environ["BENCH_BOOSTER"])
_NAMES: list[str] = json.loads(Path(os.environ["BENCH_FEATURES"]).read_text())
_FIELDS: dict[str, Any] = dict.fromkeys(_NAMES, (float, ...))
Features = create_model("Features", **_FIELDS)


class Answer(BaseModel):
    probability: float


app = FastAPI()


@app.post("/predict")
async def predict(features: Features) -> Answer:  # type: ignore[valid-type]
    row = np.array([[getattr(features, name) for name in _NAMES]])
    return Answer(probability=float(_BOOSTER.predict(row, num_threads=1)[0]))

"""MLflow's files beside a model, for `mlflow models serve`, `mlflow models predict` and `load_model`.

The code that the model needs goes with it, in `code/`: no package index has Closecast, so nobody else's package of that
name is ever installed. Everything else is pinned in `requirements.txt`, of which `python_env.yaml` and `conda.yaml`
make an environment.
"""

import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import version as installed
from pathlib import Path

import pandas as pd

import closecast
from closecast.models import manifest
from closecast.models.deal_model import FILES, DealModel
from closecast.scoring import pyfunc

# The dependencies of pyfunc.py and the packages it imports.
_PACKAGES = ("lightgbm", "mlflow", "numpy", "pandas", "pyarrow")
_ROOMS = ("deals", "features", "models", "scoring")


def write(folder: Path, model: DealModel, beside: Mapping[str, str] | None = None) -> None:
    """Add MLmodel, signature, input example, code and environment to `folder`, where `model` was saved, and to its manifest.

    `beside` is that of DealModel.save.
    """
    import mlflow.pyfunc
    from mlflow.models import Model
    from mlflow.models.signature import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec

    # Dates are text, as in JSON and CSV: MLflow cannot read CSV for a signature with dates.
    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.long if one.kind == "days" else DataType.string, one.name, required=one.required)
        for one in pyfunc.INPUTS
    ]
    with tempfile.TemporaryDirectory() as scratch:
        code, made, empty = (Path(scratch, name) for name in ("closecast", "made", "empty"))
        empty.mkdir()
        _copy_code(code)
        mlflow.pyfunc.save_model(
            str(made),
            loader_module=pyfunc.__name__,
            code_paths=[str(code)],
            signature=ModelSignature(Schema(inputs), Schema([ColSpec(DataType.double)])),
            input_example=_example(model),
            pip_requirements=[f"{name}=={installed(name)}" for name in _PACKAGES],
            # MLflow would include a uv.lock of the current folder, with its addresses.
            uv_project_path=empty,
        )
        description = Model.load(str(made))
        description.model_size_bytes = sum((folder / name).stat().st_size for name in FILES)
        description.save(str(made / "MLmodel"))
        shutil.copytree(made, folder, dirs_exist_ok=True)
    manifest.write(folder, beside)


def _copy_code(target: Path) -> None:
    source = Path(closecast.__file__).parent
    for room in _ROOMS:
        shutil.copytree(source / room, target / room, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("__init__.py", "version.py"):
        shutil.copy(source / file, target)


def _example(model: DealModel) -> pd.DataFrame:
    """Three of the model's deals, with dates as text, as in JSON and CSV."""
    deals = model.deals[model.deals["engage_date"].notna()].head(3)
    names = ("opportunity_id", "sales_agent", "product", "account")
    return pd.DataFrame(
        {
            **{name: [None if pd.isna(value) else str(value) for value in deals[name]] for name in names},
            "engage_date": deals["engage_date"].dt.strftime("%Y-%m-%d").tolist(),
            "as_of": model.card.data_as_of,
            "horizon_days": 30,
        }
    )

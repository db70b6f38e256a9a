"""The stamp of a picture tells whether model or picture were changed since it was drawn."""

from dataclasses import replace
from pathlib import Path

import pytest

from ops.errors import OperatorError
from ops.pictures.command import pictures
from ops.pictures.model import Model, read
from ops.pictures.stamp import stale, stamped

_PICTURE = "<svg>\n<text>web</text>\n</svg>\n"


@pytest.fixture
def model(tmp_path: Path) -> Model:
    file = tmp_path / "shop.dsl"
    file.write_text('workspace "Shop" {\n}\n')
    return replace(read(file), views=("containers",))


@pytest.fixture
def folder(tmp_path: Path, model: Model) -> Path:
    made = tmp_path / "pictures"
    made.mkdir()
    (made / "containers.svg").write_text(stamped(_PICTURE, model))
    return made


def test_a_picture_of_the_model_is_current(model: Model, folder: Path) -> None:
    assert stale(model, folder) == []


def test_a_change_of_the_model_without_a_new_picture_is_found(model: Model, folder: Path) -> None:
    model.files[0].write_text('workspace "Store" {\n}\n')
    assert stale(model, folder) == ["containers.svg is not what the model gives"]


@pytest.mark.parametrize(
    "change", [("web", "shop"), ("<!-- just pictures", "<!-- some pictures"), ("</svg>", "</svg>\n")]
)
def test_a_picture_that_was_changed_by_hand_is_found(model: Model, folder: Path, change: tuple[str, str]) -> None:
    file = folder / "containers.svg"
    file.write_text(file.read_text().replace(*change))
    assert stale(model, folder) == ["containers.svg is not what the model gives"]


def test_a_view_without_a_picture_and_a_picture_without_a_view_are_found(model: Model, folder: Path) -> None:
    (folder / "containers.svg").rename(folder / "old.svg")
    assert stale(model, folder) == ["containers.svg is missing", "old.svg belongs to no view of the model"]


def test_check_fails_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.pictures.command.stale", lambda _: ["api.svg is missing"])
    with pytest.raises(OperatorError, match=r"api\.svg is missing\n  remedy: run `just pictures`"):
        pictures(["--check"])

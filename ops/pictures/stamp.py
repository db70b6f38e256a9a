"""The stamp of a picture: whether it is what the present model gives, unchanged since."""

import hashlib
import re
from pathlib import Path

from ops.pictures.libraries import FOLDER
from ops.pictures.model import Model

PICTURES = FOLDER.parents[1] / "docs" / "pictures"
_STAMP = re.compile(r"\n<!-- just pictures: ([0-9a-f]{64}) -->\n\Z")


def stamped(picture: str, model: Model) -> str:
    """The SVG with its stamp at the end."""
    return f"{picture.rstrip()}\n<!-- just pictures: {_digest(picture.rstrip(), model)} -->\n"


def stale(model: Model, folder: Path = PICTURES) -> list[str]:
    """What is wrong with the pictures in `folder`, one sentence each; nothing if they are those of the model."""
    wrong = []
    for key in model.views:
        file = folder / f"{key}.svg"
        if not file.exists():
            wrong.append(f"{file.name} is missing")
        elif not _is_current(file.read_text(encoding="utf-8"), model):
            wrong.append(f"{file.name} is not what the model gives")
    unknown = {one.stem for one in folder.glob("*.svg")} - set(model.views)
    return wrong + [f"{key}.svg belongs to no view of the model" for key in sorted(unknown)]


def _is_current(picture: str, model: Model) -> bool:
    found = _STAMP.search(picture)
    return found is not None and found[1] == _digest(picture[: found.start()], model)


def _digest(picture: str, model: Model) -> str:
    """SHA-256 of the picture, the model, and what draws it."""
    digest = hashlib.sha256(picture.encode())
    for file in (*model.files, FOLDER / "Export.java", FOLDER / "jars.sha256"):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()

"""The command `pictures`."""

from ops.cli.arguments import Arguments
from ops.errors import OperatorError
from ops.paths import PROJECT
from ops.pictures.drawing import drawn
from ops.pictures.model import read
from ops.pictures.stamp import PICTURES, stale, stamped


def pictures(arguments: list[str]) -> int:
    """Draw the pictures of the architecture from docs/architecture.dsl into docs/pictures, with Java, Maven and Graphviz."""
    given = (
        Arguments("pictures", pictures.__doc__)
        .flag("check", "draw nothing, and fail where the pictures are not those of the model; needs none of the three")
        .given(arguments)
    )
    model = read()
    if given.check:
        if wrong := stale(model):
            raise OperatorError("; ".join(wrong), "run `just pictures`, look at them, and commit them with the model")
        return 0
    fresh = drawn()
    PICTURES.mkdir(exist_ok=True)
    for old in PICTURES.glob("*.svg"):
        old.unlink()
    for key, picture in fresh.items():
        file = PICTURES / f"{key}.svg"
        file.write_text(stamped(picture, model), encoding="utf-8")
        print(file.relative_to(PROJECT))
    return 0

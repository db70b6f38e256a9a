"""The pictures are drawn: Structurizr reads the model, Graphviz draws it, and the result is what was committed."""

import re
import shutil
from collections import Counter
from html import unescape
from pathlib import Path

import pytest

from ops.errors import OperatorError
from ops.pictures.drawing import drawn
from ops.pictures.libraries import UnreachableError, libraries
from ops.pictures.model import read
from ops.pictures.stamp import PICTURES

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def programs() -> None:
    missing = [name for name in ("java", "mvn", "dot") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"there is no {' and no '.join(missing)} (apt: openjdk-17-jdk-headless maven graphviz)")
    try:
        libraries()
    except UnreachableError as error:
        pytest.skip(str(error))


def _texts(picture: str) -> Counter[str]:
    """Its texts: where they stand depends on the machine's fonts and on Graphviz's version."""
    return Counter(unescape(text) for text in re.findall(r"<text [^>]*>(.*?)</text>", picture))


def test_the_committed_pictures_say_what_the_model_gives() -> None:
    # when
    fresh = drawn()
    # then
    assert set(fresh) == set(read().views)
    for key, picture in fresh.items():
        assert len(_texts(picture)) > 10
        assert _texts(picture) == _texts((PICTURES / f"{key}.svg").read_text()), key


def test_a_model_that_structurizr_refuses_is_quoted(tmp_path: Path) -> None:
    model = tmp_path / "shop.dsl"
    model.write_text('workspace "Shop" {\n    model {\n        shop = softwareSistem "Shop"\n    }\n}\n')
    with pytest.raises(OperatorError, match=r"Structurizr refuses the model: .* at line 3 (.|\n)*correct shop\.dsl"):
        drawn(model)

"""Reading a model: elements in their blocks, relationships, views, and files that are included."""

from pathlib import Path

import pytest

from ops.errors import OperatorError
from ops.pictures.model import read

_MODEL = """
workspace "Shop" {
    model {
        // a comment with a { brace
        buyer = person "Buyer"
        shop = softwareSystem "Shop" {
            !include parts/containers.dsl
        }
        buyer -> web "opens" "HTTPS"
        web -> store "reads"
        deploymentEnvironment "local" {
            deploymentNode "One machine" {
                containerInstance web
            }
        }
    }
    views {
        container shop "containers" "What runs" {
            include *
            exclude "web -> store"
        }
        deployment shop "local" "where" "Where it runs" {
            include *
        }
        styles {
            element "Person" {
                color #000000
            }
        }
    }
}
"""
_CONTAINERS = """
web = container "web" "Shows goods" "Python" {
    properties {
        job jobs/web.nomad.hcl
        source services/web
    }
}
store = container "store"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "containers.dsl").write_text(_CONTAINERS)
    (tmp_path / "shop.dsl").write_text(_MODEL)
    return tmp_path / "shop.dsl"


def test_elements_have_their_words_properties_and_places(file: Path) -> None:
    # when
    model = read(file)
    # then
    web = model.known("web")
    assert (web.kind, web.words) == ("container", ("web", "Shows goods", "Python"))
    assert web.properties == {"job": "jobs/web.nomad.hcl", "source": "services/web"}
    assert [one.name for one in model.of("container")] == ["web", "store"]
    assert web.parent is model.known("shop")
    (instance,) = model.of("containerInstance")
    assert [one.name for one in instance.within()][:2] == ["One machine", "local"]


def test_relationships_views_and_files_are_known(file: Path) -> None:
    model = read(file)
    assert [(one.source, one.target, one.technology) for one in model.relationships] == [
        ("buyer", "web", "HTTPS"),
        ("web", "store", ""),
    ]
    assert model.views == ("containers", "where")
    assert model.files == (file, file.parent / "parts" / "containers.dsl")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('workspace "Shop" {\n  model {\n  }\n', "the block `workspace Shop` does not end"),
        ('workspace "Shop" {\n}\n}\n', "line 3: this block was never opened"),
    ],
)
def test_unequal_braces_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "shop.dsl").write_text(text)
    with pytest.raises(OperatorError, match=message):
        read(tmp_path / "shop.dsl")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "shop.dsl").write_text("!include parts.dsl\n")
    with pytest.raises(OperatorError, match=r"includes parts\.dsl, which is not there"):
        read(tmp_path / "shop.dsl")

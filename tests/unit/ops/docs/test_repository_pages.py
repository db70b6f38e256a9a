"""Links of the site: to pages, pictures and code of the repository, and the build that fails on a dead one."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.ops.docs.conftest import FILES, configure


def build(root: Path) -> tuple[int, str]:
    """Exit status and messages of a build. MkDocs counts no warning that `--quiet` hides."""
    command = [sys.executable, "-m", "mkdocs", "build", "--config-file", str(root / "mkdocs.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    return done.returncode, done.stderr


def page(root: Path, name: str) -> str:
    return (root / "site" / name).read_text()


def test_links_lead_to_the_pages_of_the_site(root: Path) -> None:
    # when
    assert build(root)[0] == 0
    # then
    home, guide, speed = (page(root, name) for name in ("index.html", "guide.html", "benchmarks/speed.html"))
    assert '<a href="guide.html#a-part">Guide</a>' in home
    assert 'src="one.png"' in home
    assert '<a href="benchmarks/speed.html">Figures</a>' in guide
    assert 'src="speed.svg"' in speed
    assert (root / "site" / "benchmarks" / "speed.svg").exists()
    assert '<a href="../guide.html">back</a>' in speed


def test_code_is_named_and_not_linked_while_no_git_host_is_named(root: Path) -> None:
    assert build(root)[0] == 0
    assert "</a>, <code>code</code></p>" in page(root, "guide.html")
    assert "</a>, docs, <img" in page(root, "index.html")


def test_links_to_code_lead_to_the_git_host(root: Path) -> None:
    # given
    configure(root, extra={"repository": "https://git.example.com/acme/closecast/"})
    # when
    assert build(root)[0] == 0
    # then
    base = "https://git.example.com/acme/closecast"
    assert f'<a href="{base}/blob/main/ops/one.py"><code>code</code></a>' in page(root, "guide.html")
    assert f'<a href="{base}/tree/main/docs">docs</a>' in page(root, "index.html")


@pytest.mark.parametrize(
    ("file", "link", "message"),
    [
        ("docs/guide.md", "[x](gone.md)", "docs/guide.md has a link to gone.md, which is not in the repository"),
        ("docs/guide.md", "![x](gone.png)", "docs/guide.md has a link to gone.png"),
        ("docs/guide.md", "[x](../ops/gone.py)", "docs/guide.md has a link to ../ops/gone.py"),
        ("docs/guide.md", "[x](../../outside.md)", "docs/guide.md has a link to ../../outside.md"),
        ("docs/guide.md", "[x](#no-part)", "contains a link '#no-part', but there is no such anchor"),
        ("docs/guide.md", "[x](../README.md#no-part)", "does not contain an anchor '#no-part'"),
        ("README.md", "[x](docs/guide.md#no-part)", "does not contain an anchor '#no-part'"),
        ("README.md", "[x](docs/gone.md)", "README.md has a link to docs/gone.md"),
        ("benchmarks/speed.md", "[x](gone.md)", "benchmarks/speed.md has a link to gone.md"),
        ("docs/guide.md", "[x](/guide.md)", "/guide.md, which is not in the repository"),
    ],
)
def test_a_dead_link_fails_the_build(root: Path, file: str, link: str, message: str) -> None:
    # given
    (root / file).write_text(f"{FILES[file]}\n{link}\n")
    # when
    status, said = build(root)
    # then
    assert status == 1
    assert message in said


def test_a_page_that_is_not_in_the_menu_fails_the_build(root: Path) -> None:
    (root / "docs" / "forgotten.md").write_text("# Forgotten\n")
    status, said = build(root)
    assert status == 1
    assert "forgotten.md" in said


def test_what_looks_like_a_link_in_code_is_left_alone(root: Path) -> None:
    # given
    (root / "docs" / "guide.md").write_text("# Guide\n\n## A part\n\n`[a](b.md)`\n\n```\n[c](d.md)\n```\n")
    # when / then
    assert build(root)[0] == 0
    assert "<code>[a](b.md)</code>" in page(root, "guide.html")
    assert "[c](d.md)" in page(root, "guide.html")

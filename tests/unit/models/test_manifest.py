"""A model's folder: whatever of it is not as it was written is refused by name, to the bit."""

import hashlib
import json
import random
from pathlib import Path

import pytest

from closecast.models import manifest
from closecast.models.deal_model import FILES, DealModel, ModelError
from closecast.models.manifest import MANIFEST, Manifest, digest

_FLIPS = 60
_EVERY = (*FILES, MANIFEST)


@pytest.fixture
def folder(served_model: DealModel, tmp_path: Path) -> Path:
    served_model.save(tmp_path / "model", {"evaluation": "a" * 64})
    return tmp_path / "model"


@pytest.mark.parametrize("name", _EVERY)
def test_each_bit_of_each_file_counts(folder: Path, name: str) -> None:
    # given
    sha256, genuine = digest(folder), (folder / name).read_bytes()
    chance = random.Random(name)
    ends = [0, len(genuine) * 8 - 1]
    # when one bit is another
    for at in ends + [chance.randrange(len(genuine) * 8) for _ in range(_FLIPS)]:
        flipped = bytearray(genuine)
        flipped[at // 8] ^= 1 << at % 8
        (folder / name).write_bytes(flipped)
        # then
        with pytest.raises(ModelError, match=name):
            DealModel.load(folder, sha256)
    (folder / name).write_bytes(genuine)
    assert DealModel.load(folder, sha256).card.seed == 7


@pytest.mark.parametrize("name", _EVERY)
@pytest.mark.parametrize("change", ["gone", "empty", "cut", "longer", "another's"])
def test_a_file_that_is_not_whole_is_named(folder: Path, name: str, change: str) -> None:
    # given
    sha256, file = digest(folder), folder / name
    content = file.read_bytes()
    other = "card.json" if name != "card.json" else "golden.json"
    # when
    if change == "gone":
        file.unlink()
    else:
        new = {"empty": b"", "cut": content[:-1], "longer": content + b"\n", "another's": (folder / other).read_bytes()}
        file.write_bytes(new[change])
    # then
    with pytest.raises(ModelError, match=name):
        DealModel.load(folder, sha256)


def test_files_that_are_not_named_are_refused(folder: Path) -> None:
    for name in ("note.txt", "code/closecast/planted.py", "__pycache__/model.cpython-311.pyc"):
        added = folder / name
        added.parent.mkdir(parents=True, exist_ok=True)
        added.write_text("")
        with pytest.raises(ModelError, match=f"{name} is not in {MANIFEST}"):
            DealModel.load(folder)
        added.unlink()
    DealModel.load(folder)


@pytest.mark.parametrize("name", _EVERY)
def test_a_link_is_no_file(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / name).rename(tmp_path / name)
    (folder / name).symlink_to(tmp_path / name)
    with pytest.raises(ModelError, match=name):
        DealModel.load(folder)


def test_a_folder_that_is_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (folder / "code").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="code is neither a file nor a folder"):
        DealModel.load(folder)


def test_a_manifest_that_is_remade_is_another_model(folder: Path) -> None:
    # given who changes the answers, and every hash beside them
    sha256 = digest(folder)
    scorer = json.loads((folder / "scorer.json").read_text())
    scorer["calibration"]["c"] += 1
    (folder / "scorer.json").write_text(json.dumps(scorer))
    manifest.write(folder)
    # when / then the folder agrees with itself, and not with what was registered
    DealModel.load(folder)
    with pytest.raises(ModelError, match="has another SHA-256 than was registered"):
        DealModel.load(folder, sha256)


@pytest.mark.parametrize(
    "path", ["../outside", "/etc/passwd", "a/../b", "./a", "a//b", "", ".", "a\\b", "a\0b", MANIFEST]
)
def test_no_path_leads_outside(path: str) -> None:
    written = Manifest({path: manifest.Entry(1, "0" * 64)}, {}).to_json()
    with pytest.raises(ModelError, match=f"{MANIFEST} is damaged"):
        Manifest.from_json(written.encode())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b"[" * 100_000,
        b"x" * 1_000_001,
        b'{"files": {}}',
        b'{"files": [], "beside": {}}',
        b'{"files": {"a": 1}, "beside": {}}',
        b'{"files": {}, "beside": {}}',
        b'{\n "files": {\n  "a": {\n   "size": 1.5,\n   "sha256": "x"\n  }\n },\n "beside": {}\n}',
        b'{\n "files": {\n  "a": {\n   "size": true,\n   "sha256": "' + b"0" * 64 + b'"\n  }\n },\n "beside": {}\n}',
        b'{\n "files": {},\n "beside": {\n  "b": "0"\n }\n}',
    ],
)
def test_what_no_manifest_writes_is_none(content: bytes) -> None:
    with pytest.raises(ModelError, match=f"{MANIFEST} is damaged"):
        Manifest.from_json(content)


def test_a_model_of_before_manifests_says_what_to_do(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    with pytest.raises(
        ModelError, match=r"has no manifest.json: .* made by an earlier version .* train anew .`just up`"
    ):
        DealModel.load(folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("card.json", b"[]"),
        ("card.json", b"[" * 100_000),
        ("card.json", b"\xff"),
        ("scorer.json", b"[]"),
        ("scorer.json", b"1"),
        ("scorer.json", b'{"features": 1, "calibration": {}}'),
        ("model.txt", b"tree"),
        ("model.txt", b"\xff\xff"),
        ("deals.parquet", b"PAR1"),
        ("deals.parquet", b""),
    ],
)
def test_what_is_malformed_is_named_although_its_hash_is_right(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    manifest.write(folder)
    with pytest.raises(ModelError, match=f"{name}|card"):
        DealModel.load(folder)


@pytest.mark.parametrize("content", [b"[]", b"{}", b'{"as_of": 1, "rows": []}', b"[" * 100_000])
def test_golden_rows_that_are_malformed_are_told(folder: Path, content: bytes) -> None:
    (folder / "golden.json").write_bytes(content)
    manifest.write(folder)
    with pytest.raises(ModelError, match="golden"):
        DealModel.load(folder).replay(folder)


def test_a_copy_may_lack_what_is_not_loaded_and_a_whole_one_is_compared_to_the_end(folder: Path) -> None:
    # given a folder with code in it
    code = folder / "code" / "closecast" / "one.py"
    code.parent.mkdir(parents=True)
    code.write_text("x = 1\n")
    manifest.write(folder)
    sha256 = digest(folder)
    assert sha256 == hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    # when the code is another, and when it is not there
    code.write_text("x = 2\n")
    with pytest.raises(ModelError, match=r"code/closecast/one.py is damaged"):
        DealModel.load(folder, sha256)
    code.unlink()
    # then
    DealModel.load(folder, sha256)

"""Where the companion finds Terraform's plugins."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.bucket_mirror import providers


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any mirror; the usual places outside it are hidden from the search."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("CLOSECAST_TERRAFORM_MIRROR", raising=False)
    is_mirror = providers.is_mirror
    monkeypatch.setattr(providers, "is_mirror", lambda folder: folder.is_relative_to(tmp_path) and is_mirror(folder))
    return home


def _mirror(folder: Path, release: str | None = None) -> Path:
    (folder / "registry.terraform.io" / "hashicorp" / "aws" / (release or providers.pinned_version())).mkdir(
        parents=True
    )
    return folder


def test_the_pinned_release_is_a_full_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", providers.pinned_version())


def test_an_environment_that_pins_no_release_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    (tmp_path / "versions.tf").write_text('source = "hashicorp/aws"\nversion = ">= 5"\n')
    monkeypatch.setattr(providers, "ENVIRONMENT", tmp_path)
    # when / then
    with pytest.raises(ValueError, match=r"versions.tf pins no release of hashicorp/aws"):
        providers.pinned_version()


def test_no_mirror_anywhere_leaves_it_to_the_registry() -> None:
    assert providers.find_provider_mirror() is None


def test_the_mirror_that_the_variable_names_is_taken(
    bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    _mirror(bare_machine / ".terraform.d" / "plugins")
    named = _mirror(tmp_path / "named")
    monkeypatch.setenv("CLOSECAST_TERRAFORM_MIRROR", str(named))
    # when / then
    assert providers.find_provider_mirror() == named


def test_a_mirror_of_packed_plugins_is_one_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    folder = tmp_path / "packed" / "registry.terraform.io" / "hashicorp" / "aws"
    folder.mkdir(parents=True)
    (folder / f"terraform-provider-aws_{providers.pinned_version()}_linux_amd64.zip").touch()
    monkeypatch.setenv("CLOSECAST_TERRAFORM_MIRROR", str(tmp_path / "packed"))
    # when / then
    assert providers.find_provider_mirror() == tmp_path / "packed"


@pytest.mark.parametrize("release", [None, "1.0.0"])
def test_a_named_folder_without_the_release_is_never_passed_over(
    release: str | None, bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: a usual place would have one
    _mirror(bare_machine / ".terraform.d" / "plugins")
    named = tmp_path / "named"
    if release:
        _mirror(named, release)
    monkeypatch.setenv("CLOSECAST_TERRAFORM_MIRROR", str(named))
    # when / then
    with pytest.raises(
        FileNotFoundError, match=r"CLOSECAST_TERRAFORM_MIRROR names .*named, which holds no hashicorp/aws"
    ):
        providers.find_provider_mirror()


@pytest.mark.parametrize("place", [".terraform.d/plugins", ".local/share/terraform/plugins"])
def test_the_usual_places_of_a_home_are_searched(place: str, bare_machine: Path) -> None:
    # given
    folder = _mirror(bare_machine / place)
    # when / then
    assert providers.find_provider_mirror() == folder


def test_the_data_folder_that_the_desktop_names_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    folder = _mirror(tmp_path / "data" / "terraform" / "plugins")
    # when / then
    assert providers.find_provider_mirror() == folder


def test_a_place_that_may_not_be_read_is_passed_over(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    folder = _mirror(bare_machine / ".local" / "share" / "terraform" / "plugins")
    closed = bare_machine / ".terraform.d" / "plugins"
    glob = Path.glob

    def refuse(self: Path, pattern: str) -> Iterator[Path]:
        if self == closed:
            raise PermissionError(13, "Permission denied", str(self))
        return glob(self, pattern)

    monkeypatch.setattr(Path, "glob", refuse)
    # when / then
    assert providers.find_provider_mirror() == folder

"""The mirror's own folder, while no LocalStack is there to talk to."""

from dataclasses import replace
from pathlib import Path

import pytest

from services.bucket_mirror.mirror import Mirror, MirrorError
from services.bucket_mirror.settings import Settings
from tests.servers.processes import free_port


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    endpoint = f"http://127.0.0.1:{free_port()}"
    return Settings(endpoint, "test", "test", "us-east-1", tmp_path / "mirror", tmp_path, "127.0.0.1", 0)


def _put(settings: Settings, *paths: str) -> None:
    for path in paths:
        file = settings.mirror / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"bytes")


def _files(settings: Settings) -> list[str]:
    return sorted(str(path.relative_to(settings.mirror)) for path in settings.mirror.rglob("*") if path.is_file())


def test_the_folder_is_its_owners_alone(settings: Settings) -> None:
    # when
    Mirror(settings)
    # then
    assert settings.mirror.stat().st_mode & 0o777 == 0o700


def test_what_a_listing_lacks_is_forgotten_in_its_buckets_alone(settings: Settings) -> None:
    # given
    mirror = Mirror(settings)
    _put(settings, "lake/kept/a", "lake/gone/b", "lake/gone/c.0123abcd.closecast-part", "artifacts/of another bucket")
    # when
    mirror.forget({"lake": {"kept/a": "etag"}, "empty": {}})
    # then
    assert _files(settings) == ["artifacts/of another bucket", "lake/kept/a"]
    assert not (settings.mirror / "lake" / "gone").exists()


def test_nothing_changed_asks_for_no_copy(settings: Settings) -> None:
    # given: a copy would fail, for nobody is there
    mirror = Mirror(settings)
    listing = {"lake": {"a": "1"}, "artifacts": {}}
    # when
    mirror.fetch(listing, listing)
    # then
    with pytest.raises(MirrorError, match="rclone could not copy aws:lake to"):
        mirror.fetch(listing, {**listing, "lake": {"a": "2"}})
    assert _files(settings) == []


def test_an_empty_mirror_restores_nothing(settings: Settings) -> None:
    # given
    mirror = Mirror(settings)
    (settings.mirror / "lake" / "empty").mkdir(parents=True)
    # when / then
    assert mirror.restore() == 0


def test_a_file_that_was_never_finished_is_not_restored(settings: Settings) -> None:
    # given
    mirror = Mirror(settings)
    _put(settings, "lake/a.0123abcd.closecast-part")
    # when / then: nobody is there to take it
    assert mirror.restore() == 0


def test_a_localstack_that_is_away_is_told_as_such(settings: Settings) -> None:
    # given
    mirror = Mirror(settings)
    _put(settings, "lake/a")
    # when / then
    with pytest.raises(MirrorError, match="the buckets cannot be listed"):
        mirror.listing()
    with pytest.raises(MirrorError, match=r"rclone could not copy .* to aws:lake"):
        mirror.restore()
    assert _files(settings) == ["lake/a"]


def test_a_second_mirror_finds_what_the_first_kept(settings: Settings) -> None:
    # given
    Mirror(settings)
    _put(settings, "lake/a")
    # when
    Mirror(replace(settings, access_key="another"))
    # then
    assert _files(settings) == ["lake/a"]

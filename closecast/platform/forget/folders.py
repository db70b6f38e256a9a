"""The room of the state folder: copies on disk, exports, logs, and whatever else lies there."""

import os
import re
import shutil
import stat
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from closecast.platform.forget import contents
from closecast.platform.forget.cache import replaced_message
from closecast.platform.forget.contents import FixedError, UnreadableError
from closecast.platform.forget.matcher import Matcher
from closecast.platform.forget.places import FOLDERS, OTHER_FILES, SPOOL_PLACE, TEMPORARY_PLACE, folder_place
from closecast.platform.forget.room import ForgetError
from closecast.platform.journal.spool import messages
from closecast.platform.journal.stream import MessageError

TEMPORARY = ("closecast-batch-", "closecast-kaggle-")  # of services.api.batch.supervisor, and of sources.kaggle
_COPIES = ("closecast-", "history-")  # of models and of newer deals: fetched again when they are missing
_UNSEARCHED = ("asked", "program")
_LOG = re.compile(r"\.(?:stdout|stderr)\.\d+$|\.log$")
_LOADED_SECONDS = 30.0  # the API loads a rewritten model within two seconds, newer deals within fifteen


class Folders:
    """The folders and files of `state`, and what processes left in `temporary`."""

    def __init__(
        self,
        state: Path,
        flush: Callable[[], None] = lambda: None,
        temporary: Path | None = None,
        loaded_seconds: float = _LOADED_SECONDS,
    ) -> None:
        """`flush` has the bucket mirror copy everything now, and raises ForgetError if it cannot."""
        self._state, self._flush, self._loaded_seconds = state, flush, loaded_seconds
        self._temporary = temporary or Path(tempfile.gettempdir())

    def count(self, matcher: Matcher) -> Counter[str]:
        """Every file but those of programs, and PostgreSQL's own."""
        self._flush()
        found: Counter[str] = Counter()
        for place, file in self._files():
            found[place] += self._in(place, file, matcher)
        return found

    def clear(self, matcher: Matcher) -> Counter[str]:
        """Copies are deleted once the API has others, logs are masked, and other files rewritten."""
        self._flush()
        done: Counter[str] = Counter()
        self._wait_for_the_api(matcher)
        for name, how in FOLDERS.items():
            if how == "copies":
                for entry in self._entries(name):
                    done[folder_place(name)] += _deleted(
                        entry, sum(self._in("", file, matcher) for file in _below(entry))
                    )
        for entry in self._scratch():
            done[TEMPORARY_PLACE] += _deleted(entry, sum(self._in("", file, matcher) for file in _below(entry)))
        for name, how in FOLDERS.items():
            for file in _below(self._state / name) if how in ("rewritten", "masked") else ():
                if how == "rewritten":
                    done[folder_place(name)] += _rewritten(file, matcher)
                elif _LOG.search(file.name):
                    done[folder_place(name)] += _masked(file, matcher)
        for file in self._loose():
            done[OTHER_FILES] += _rewritten(file, matcher)
        return done

    def _wait_for_the_api(self, matcher: Matcher) -> None:
        """Until the API's newest copies are free of values, or it obviously does not run."""
        deadline = time.monotonic() + self._loaded_seconds
        while time.monotonic() < deadline:
            current = [self._state / "models" / name for name in ("current.json", "history.json")]
            named = [one.read_text() for one in current if one.exists()]
            if not any(old in text for old in matcher.renamed for text in named):
                return
            time.sleep(0.5)

    def _files(self) -> Iterator[tuple[str, Path]]:
        for name, how in FOLDERS.items():
            if how not in _UNSEARCHED:
                spool = self._state / name / "spool"
                for file in _below(self._state / name):
                    yield (SPOOL_PLACE if spool in file.parents else folder_place(name)), file
        for entry in self._scratch():
            yield from ((TEMPORARY_PLACE, file) for file in _below(entry))
        yield from ((OTHER_FILES, file) for file in self._loose())

    def _scratch(self) -> list[Path]:
        """What the platform's processes left in the system's temporary folder.

        Where they have accounts of their own, that is all that belongs to these; else it is what their names say.
        """
        accounts = {one.stat().st_uid for one in self._state.iterdir()} - {0} if os.geteuid() == 0 else set()
        return [
            one
            for one in self._temporary.iterdir()
            if (one.lstat().st_uid in accounts if accounts else one.name.startswith(TEMPORARY))
        ]

    def _entries(self, name: str) -> list[Path]:
        folder = self._state / name
        return [one for one in folder.iterdir() if one.name.startswith(_COPIES)] if folder.is_dir() else []

    def _loose(self) -> Iterator[Path]:
        """Files of no known folder."""
        for entry in sorted(self._state.iterdir()) if self._state.is_dir() else ():
            if entry.name not in FOLDERS:
                yield from _below(entry)

    @staticmethod
    def _in(place: str, file: Path, matcher: Matcher) -> int:
        try:
            content = file.read_bytes()
            if place == SPOOL_PLACE:
                return _in_spool(content, matcher)
            return contents.count(content, matcher)
        except FileNotFoundError:
            return 0
        except UnreadableError:
            return len(matcher.spans(content))  # half a file, of a download or a copy under way
        except OSError as error:
            raise ForgetError(f"{file} cannot be read: {error.strerror}") from error


def _below(entry: Path) -> Iterator[Path]:
    """All files below a folder, or the file itself; links lead elsewhere."""
    if entry.is_symlink():
        return
    if entry.is_file():
        yield entry
    elif entry.is_dir():
        for folder, _, names in os.walk(entry):
            for name in sorted(names):
                file = Path(folder, name)
                if file.is_file() and not file.is_symlink():
                    yield file


def _in_spool(content: bytes, matcher: Matcher) -> int:
    """Values in the readable messages of a segment; of what is damaged, the bytes are searched."""
    whole, end = messages(content)
    found = len(matcher.spans(content[end:]))
    for message in whole:
        try:
            found += replaced_message(message, matcher)[1]
        except MessageError:
            found += len(matcher.spans(message))
    return found


def _deleted(entry: Path, found: int) -> int:
    if found and entry.is_dir():
        shutil.rmtree(entry, ignore_errors=True)
    elif found:
        entry.unlink(missing_ok=True)
    return found


def _rewritten(file: Path, matcher: Matcher) -> int:
    """What cannot be written again is left, and the search afterwards says so."""
    try:
        before = file.read_bytes()
        after, found = contents.replaced(before, matcher)
    except (FileNotFoundError, FixedError, UnreadableError):
        return 0
    if found:
        _write_like(file, after)
    return found


def _write_like(file: Path, content: bytes) -> None:
    """Replace the file atomically by one of the same owner and mode."""
    facts = file.stat()
    partial = file.with_name(f"{file.name}.forget-{os.getpid()}")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
    if os.geteuid() == 0:
        os.chown(partial, facts.st_uid, facts.st_gid)
    partial.chmod(stat.S_IMODE(facts.st_mode))
    partial.replace(file)


def _masked(file: Path, matcher: Matcher) -> int:
    """Overwrite values in place: a process may have the file open."""
    try:
        with file.open("r+b") as opened:
            spans = matcher.spans(opened.read())
            for begin, end in spans:
                opened.seek(begin)
                opened.write(b"*" * (end - begin))
    except FileNotFoundError:
        return 0
    return len(spans)

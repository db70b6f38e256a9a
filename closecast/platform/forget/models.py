"""Rewrite a model's folder: its deals and examples, its manifest, and the signature of a model that was signed."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from closecast.models import manifest
from closecast.models.deal_model import DealModel
from closecast.models.golden import Golden
from closecast.models.manifest import MANIFEST, Entry, Manifest, ModelError
from closecast.platform.forget import contents
from closecast.platform.forget.contents import FixedError, UnreadableError
from closecast.platform.forget.matcher import Matcher
from closecast.platform.forget.room import ForgetError
from closecast.platform.mlflow.identity import MODEL_NAME
from closecast.platform.mlflow.registry import DIGEST_TAG
from closecast.platform.signatures import SIGNATURE_TAG, Signer, TrustedKeys, UnsignedError

_GOLDEN = "golden.json"


class Models:
    """Rewrites folders of models; `notes` say, a sentence each, what was not signed again and why."""

    def __init__(self, tags: Callable[[str], Mapping[str, str]], signer: Signer, trusted: TrustedKeys) -> None:
        """`tags` gives those of an MLflow run, none for a run that is gone."""
        self._tags, self._signer, self._trusted = tags, signer, trusted
        self.notes: list[str] = []

    def remade(self, key: str, files: dict[str, bytes], matcher: Matcher) -> tuple[dict[str, bytes], int]:
        """The files of the folder `key` that change, the manifest last, and how many values were replaced.

        Only what was signed is signed again: its files are compared with the old manifest first, it is loaded with its
        new deals, and its golden rows must come out as before. The new hash and signature go to `matcher.renamed`.
        Raises ForgetError for a model that would answer otherwise than before.
        """
        changed, found = {}, 0
        for name, content in files.items():
            if name == MANIFEST:
                continue
            after, number = _replaced(content, matcher, f"{key}/{name}")
            found += number
            if after != content:
                changed[name] = after
        if MANIFEST not in files:
            return changed, found
        before = manifest_of(files[MANIFEST])
        beside = {} if before is None else {name: matcher.renamed.get(one, one) for name, one in before.beside.items()}
        if not changed and (before is None or beside == before.beside):
            return changed, found
        if before is None or {name: Entry.of(one) for name, one in files.items() if name != MANIFEST} != before.files:
            self.notes.append(f"{key} was damaged before: its files were rewritten, and it is not signed")
            return changed, found
        with tempfile.TemporaryDirectory() as scratch:
            old, new = Path(scratch, "old"), Path(scratch, "new")
            _write(old, files)
            _write(new, {name: one for name, one in {**files, **changed}.items() if name != MANIFEST})
            manifest.write(new, beside)
            run, is_model = key.split("/")[-3], key.endswith("/model")
            signature = self._signature(run, manifest.digest(old)) if is_model else None
            if signature is not None and self._answers_anew(key, old, new):
                changed[_GOLDEN] = (new / _GOLDEN).read_bytes()
                manifest.write(new, beside)
            elif is_model and signature is None:
                self.notes.append(f"{key} bore no valid signature: it was rewritten, and is not signed")
            digests = manifest.digest(old), manifest.digest(new)
            matcher.renamed[digests[0]] = digests[1]
            if signature is not None:
                matcher.renamed[signature] = self._signer.sign(MODEL_NAME, run, digests[1])
            return {**changed, MANIFEST: (new / MANIFEST).read_bytes()}, found

    def _signature(self, run: str, digest: str) -> str | None:
        """The run's signature if it is valid for the folder with this digest."""
        tags = self._tags(run)
        signature = tags.get(SIGNATURE_TAG)
        try:
            self._trusted.check(MODEL_NAME, run, digest, signature)
        except UnsignedError:
            return None
        return signature if tags.get(DIGEST_TAG) == digest else None

    def _answers_anew(self, key: str, old: Path, new: Path) -> bool:
        """Whether the golden rows had to be written anew in `new`; False if they are as before.

        They may differ in one case: another identifier is drawn another donor for a missing account, and is ordered
        differently among the deals that closed on its day.
        """
        try:
            models = DealModel.load(old), DealModel.load(new)
        except (ModelError, ValueError, KeyError, TypeError) as error:
            self.notes.append(f"{key} was made by another version of Closecast and was not tried: {error}")
            return False
        # Both are computed here: the rows that are kept may have been rounded differently, by another version or processor.
        earlier, made = (Golden.of(one) for one in models)
        before, after = (one.deals for one in models)
        is_another = bool((before["opportunity_id"].to_numpy() != after["opportunity_id"].to_numpy()).any())
        for was, now in zip(earlier.rows, made.rows, strict=True):
            if was != now and not (is_another and pd.isna(after["account"].iloc[now.deal])):
                raise ForgetError(
                    f"{key} would answer otherwise with pseudonyms than before, so nothing was changed in it: report this"
                )
        if made.rows == earlier.rows:
            return False
        (new / _GOLDEN).write_text(made.to_json())
        return True


def manifest_of(content: bytes) -> Manifest | None:
    """The manifest in `content`, None for a damaged one."""
    try:
        return Manifest.from_json(content)
    except ModelError:
        return None


def _replaced(content: bytes, matcher: Matcher, name: str) -> tuple[bytes, int]:
    try:
        return contents.replaced(content, matcher)
    except FixedError:
        return content, 0  # the search afterwards says so
    except UnreadableError as error:
        raise ForgetError(f"the artifact {name} cannot be searched: {error}; restore or delete it") from error


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

"""`train`: train a model on an export and keep it in a folder, with no platform and no registry."""

import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from closecast.cli.arguments import SOURCES, Arguments, month, number
from closecast.cli.errors import CommandError
from closecast.cli.evaluate import print_verdict
from closecast.cli.files import named_by_user
from closecast.cli.mapping import chosen_mapping
from closecast.cli.source import parse_source
from closecast.deals.calendar import FiscalCalendar
from closecast.deals.contract import ContractError
from closecast.deals.quality import QualityError
from closecast.models import candidate as candidates
from closecast.models.data import NotEnoughDataError
from closecast.models.deal_model import DealModel
from closecast.platform.lake.ingestion import Ingested, ingest
from closecast.platform.lake.store import Lake
from closecast.platform.measuring import judge_alone, make_card
from closecast.platform.runtime import processors
from closecast.platform.settings import LakeSettings
from closecast.platform.sources.errors import SourceError
from closecast.platform.sources.export import RawExport, read_source

_LAYERS = ("bronze", "silver", "quarantine", "steps", "newest")


def train(arguments: list[str], program: str = "closecast") -> int:
    """Train a model on an export and keep it in a new folder, for `predict`.

    Where the gate refuses it, the baseline is kept if the gate takes that; exit status 2 where it takes neither.
    """
    wanted = Arguments(program, "train", train.__doc__).option("source", str, SOURCES, default="synthetic")
    wanted.mapping().as_of()
    wanted.option(
        "fiscal-year-start",
        month,
        "the month with which the fiscal year begins, 1 to 12 (default: the mapping's, or 1)",
        value="month",
    )
    wanted.option("seed", number(0, 2**31 - 1), "random seed (default: 7)", default=7)
    wanted.add_argument("--out", required=True, metavar="<folder>", help="a folder to make for the model")
    given = wanted.given(arguments)
    out = named_by_user(given.out)
    if out.exists():
        raise CommandError(f"there is a file or folder {out} already", "move it away, or name another after --out")
    source = parse_source(given.source) or given.source
    threads = processors.usable()
    try:
        export = read_source(source, given.seed, mapping=chosen_mapping(given, source))
        data = _ingested(export, given.as_of)
        print(f"{data.source}: {data.summary}; quality {data.quality.score:.3f}")
        fiscal = FiscalCalendar(given.fiscal_year_start or export.fiscal_year_start or 1)
        candidate = candidates.build(data.deals, given.seed, threads, fiscal=fiscal)
    except (SourceError, ContractError, QualityError, NotEnoughDataError) as error:
        raise CommandError(str(error), "correct what it names, or name another --source or --as-of") from error
    judged = judge_alone(candidate, threads)
    print_verdict(judged.report)
    if judged.serves is None:
        print("the gate refuses the model and the baseline: nothing is kept")
        return 2
    card = make_card(judged.serves, data, datetime.now(UTC), None)
    _save(DealModel(judged.serves.scorer, card, data.deals), out)
    print(f"the {judged.serves.kind} is in {out}")
    return 0


def _ingested(export: RawExport, as_of: date | None) -> Ingested:
    """Check `export` as the platform does, in a lake that is thrown away. Raises as closecast.platform.lake.ingestion."""
    with tempfile.TemporaryDirectory(prefix="closecast-") as folder:
        for layer in _LAYERS:
            Path(folder, "lake", layer).mkdir(parents=True)
        files = SubTreeFileSystem(folder, LocalFileSystem())
        return ingest(export, Lake(LakeSettings("lake", "none"), files), as_of=as_of)


def _save(model: DealModel, out: Path) -> None:
    """Write the model into the new folder `out`, which is there only once it is whole. Raises CommandError."""
    try:
        with tempfile.TemporaryDirectory(prefix=".closecast-", dir=out.parent) as scratch:
            model.save(Path(scratch, out.name))
            Path(scratch, out.name).rename(out)
    except OSError as error:
        raise CommandError(f"{out} cannot be written: {error.strerror}", "name another folder after --out") from error

"""The process that checks one uploaded export: it reads standard input and writes one Outcome to standard output.

A stranger's file may crash or block what reads it, so each gets a process of its own, with little memory and time.
Started by `checks` as `python -m services.api.checks.reader [<profile>]`.
"""

import hashlib
import os
import resource
import sys

import msgspec

from closecast.deals import contract
from closecast.deals.mapping.profiles import shipped
from closecast.platform.sources.errors import SourceError
from closecast.platform.sources.export import RawExport
from closecast.platform.sources.mapped import mapped, read_table
from closecast.scoring.own_columns import OwnColumns
from services.api.checks.outcome import Outcome

_WHAT = "the file"
_MAX_DATA = 700_000_000  # bytes of memory
_MAX_SECONDS = 60  # of a processor


def outcome(content: bytes, profile: str | None) -> Outcome:
    """Check `content` with the mapping of the profile, or one that fits with certainty."""
    named = {one.name: one for one in shipped()}
    try:
        table = read_table(content, _WHAT)
        mapping = None if profile is None else OwnColumns(named[profile]).fitted(table.frame)
        read = mapped(table, _WHAT, mapping)
        export = RawExport(read.frame, "upload", hashlib.sha256(content).hexdigest(), read)
        checked = contract.check(export.frame)
    except (SourceError, contract.ContractError) as error:
        return Outcome(problem=str(error))
    # Here, because most files that nobody can read need not wait for what measures models.
    from closecast.platform.sources.inspection import findings

    return Outcome(msgspec.Raw(msgspec.json.encode(findings(export, checked))))


def main() -> None:
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_DATA, (_MAX_DATA, _MAX_DATA))
    resource.setrlimit(resource.RLIMIT_CPU, (_MAX_SECONDS, _MAX_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    found = outcome(sys.stdin.buffer.read(), sys.argv[1] if len(sys.argv) > 1 else None)
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main()

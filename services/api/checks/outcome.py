"""The outcome of a check, which the process that reads the export hands to the service."""

import msgspec


class Outcome(msgspec.Struct, frozen=True):
    """The findings, or the sentence that says why there are none."""

    findings: msgspec.Raw = msgspec.Raw(b"null")  # closecast.platform.sources.findings.Findings in JSON
    problem: str | None = None

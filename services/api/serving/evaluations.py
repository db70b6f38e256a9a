"""Registered versions and the reports of their trainings, read from the registry."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from closecast.platform.mlflow.registry import Identity, LostError, ModelRegistry, Registered
from services.api.problems import InvalidInputError
from services.api.records.runs import Runs
from services.api.schemas.evaluation import (
    Evaluation,
    GainPoint,
    GateCheck,
    Measured,
    RegisteredVersion,
    ReliabilityPoint,
    TargetEvaluation,
)

_MODEL = "candidate"  # what the report calls the version itself


class Evaluations:
    """Reads the registry anew for each answer; every method blocks, and raises RegistryError when it is away."""

    def __init__(self, registry: ModelRegistry, runs: Runs) -> None:
        self._registry, self._runs = registry, runs

    def versions(self, most: int) -> list[RegisteredVersion]:
        """The latest `most` versions."""
        return [self._version(one) for one in self._registry.versions(most)]

    def identity(self, version: str) -> Identity:
        """The identity of a version. Raises InvalidInputError when there is none of this number."""
        found = self._registry.find(version)
        if found is None:
            raise InvalidInputError("version", version, "a registered version", f"there is no version {version}")
        return found

    def evaluation(self, model: Identity) -> Evaluation:
        """What the report of its training says. Raises LostError when it is gone, or is no such report."""
        content = self._registry.evaluation(model)
        try:
            return _read(model, json.loads(content))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise LostError(f"the report of {model} is not what its training wrote ({type(error).__name__})") from error

    def _version(self, one: Registered) -> RegisteredVersion:
        tags = one.tags
        return RegisteredVersion(
            version=one.identity.version,
            run_id=one.identity.run_id,
            run=self._runs.page(one.identity.run_id) if one.identity.run_id else None,
            made_at=one.made_at,
            kind=tags.get("kind"),
            data_as_of=tags.get("data_as_of"),
            decision=tags.get("decision"),
            reasons=tags.get("decision_reasons"),
            decided_by=tags.get("decision_by"),
            role=one.role,
        )


def _read(model: Identity, report: Mapping[str, Any]) -> Evaluation:
    return Evaluation(
        version=model.version,
        run_id=model.run_id,
        promoted=msgspec.convert(report["decision"]["promoted"], bool),
        checks=msgspec.convert(report["decision"]["checks"], list[GateCheck]),
        targets=[_target(name, found) for name, found in report["targets"].items()],
    )


def _target(name: str, found: Mapping[str, Any]) -> TargetEvaluation:
    rungs = found["ladder"]["all"]["rungs"]
    losses = {rung: msgspec.convert(measures["log_loss"], Measured) for rung, measures in rungs.items()}
    if _MODEL not in losses:
        raise KeyError(_MODEL)
    return TargetEvaluation(
        target=name,
        rows=msgspec.convert(found["rows_test"], int),
        share_won=msgspec.convert(found["share_won_test"], float),
        log_loss=losses,
        reliability=msgspec.convert(found["reliability"], list[ReliabilityPoint]),
        gain=msgspec.convert(found.get("gain", []), list[GainPoint]),
    )

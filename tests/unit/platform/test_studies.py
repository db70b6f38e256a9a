"""Studies: trials whose worker has gone, and one that ends while these are looked for."""

from typing import Any

import optuna
import pytest

from closecast.platform import studies


def test_a_trial_that_ends_while_lost_ones_are_looked_for_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    # given two running trials, of which one ends after it was seen running
    study = optuna.create_study()
    lost, late = study.ask(), study.ask()
    seen = study.get_trials

    def then_one_ends(**wanted: Any) -> list[optuna.trial.FrozenTrial]:
        found = seen(**{**wanted, "deepcopy": True})
        study.tell(late, 0.5)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(study, "get_trials", then_one_ends)
        # when
        assert studies.settle(study) == 1
    # then
    states = {trial.number: trial.state.name for trial in study.get_trials()}
    assert states == {lost.number: "FAIL", late.number: "COMPLETE"}
    assert study.best_value == 0.5

"""What a study tells of its trials, the lost ones too."""

import optuna

from closecast.platform import studies


def test_what_is_called_running_when_nobody_runs_it_is_written_down_as_failed() -> None:
    # given a study with a finished trial and one whose worker was killed
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    finished, _lost = study.ask(), study.ask()
    finished.set_user_attr("worker", "a")
    study.tell(finished, 0.3)
    # when
    count = studies.settle(study)
    # then
    assert count == 1
    assert [trial.state.name for trial in study.get_trials()] == ["COMPLETE", "FAIL"]
    assert studies.settle(study) == 0


def test_the_table_has_the_best_trial_first() -> None:
    # given
    study = optuna.create_study()
    for value in (0.4, None, 0.2):
        trial = study.ask()
        trial.suggest_float("learning_rate", 0.01, 0.1)
        trial.set_user_attr("rounds", 10)
        study.tell(trial, value, state=None if value else optuna.trial.TrialState.FAIL)
    # when
    rows = studies.table(study)
    # then
    assert [row["log_loss"] for row in rows] == [0.2, 0.4, None]
    assert rows[0]["rounds"] == 10
    assert set(rows[0]) >= {"trial", "state", "seconds", "worker", "learning_rate"}

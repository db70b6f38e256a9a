"""The policy of promotions and the days that a former champion is watched, from a real Prefect server's variables."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from closecast.platform.mlflow.registry import CHALLENGER_ROLE
from closecast.platform.settings import PROMOTION_VARIABLE, WATCH_VARIABLE
from tests.shadow_stage import AT, Stage

pytestmark = pytest.mark.integration


@contextmanager
def set_to(name: str, value: str) -> Iterator[None]:
    from prefect.variables import Variable

    Variable.set(name, value, overwrite=True)
    try:
        yield
    finally:
        Variable.unset(name)


@pytest.mark.usefixtures("here")
def test_without_a_setting_it_is_automatic_and_sixty_days() -> None:
    from flows import steps

    assert (steps.promotion_policy(), steps.watch_days()) == ("auto", 60)
    with set_to(PROMOTION_VARIABLE, "manual"), set_to(WATCH_VARIABLE, "90"):
        assert (steps.promotion_policy(), steps.watch_days()) == ("manual", 90)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("name", "value"), [(PROMOTION_VARIABLE, "sometimes"), (WATCH_VARIABLE, "two months")])
def test_a_setting_that_is_none_is_refused_with_the_command(name: str, value: str) -> None:
    from flows import steps

    read: Callable[[], Any] = steps.promotion_policy if name == PROMOTION_VARIABLE else steps.watch_days
    with set_to(name, value), pytest.raises(ValueError, match=f"{name} is '{value}': set it by `just shadow"):
        read()


@pytest.mark.usefixtures("here")
def test_by_the_policy_manual_a_person_has_the_monitor_promote_what_is_ready(stage: Stage) -> None:
    from flows.monitor import compared

    stage.registry.put_in_shadow(stage.new.version, CHALLENGER_ROLE, AT)
    stage.answered(stage.old, stage.new, better=stage.new)
    with set_to(PROMOTION_VARIABLE, "manual"):
        assert compared.fn(AT, promote=False)["action"] == "ready"
        assert stage.aliases() == (stage.old.version, stage.new.version)
        assert compared.fn(AT, promote=True)["action"] == "promoted"
    # then the former champion is watched
    assert stage.aliases() == (stage.new.version, stage.old.version)

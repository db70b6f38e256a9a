"""The arguments of measures: read as what they are, or refused by name with what is expected, before anything is measured."""

import signal
import subprocess
import sys
from datetime import date
from importlib import import_module

import pytest

from benchmarks import arguments
from ops.errors import OperatorError
from ops.paths import PROJECT

_KNOWN = {
    "rounds": arguments.whole(3, most=100),
    "seed": arguments.whole(1, 0, most=5),
    "rows": arguments.wholes((10, 20), most=1_000),
    "only": arguments.names(("cache", "database")),
    "cut": arguments.day(),
    "cuts": arguments.days([date(2017, 9, 1)]),
    "source": arguments.text("synthetic:100", "a source"),
}
_MEASURES = {
    "up": "rounds",
    "features": "deals",
    "scoring": "rows",
    "truth": "seeds",
    "gate": "rows",
    "scale": "deals",
    "training": "rows",
    "serving.__main__": "minutes",
    "kills": "seconds",
    "hostile": "inputs",
    "drift": "rounds",
    "suite": "runs",
}


def test_what_is_not_given_is_as_declared_and_what_is_given_is_read() -> None:
    assert arguments.read([], **_KNOWN) == {
        "rounds": 3,
        "seed": 1,
        "rows": (10, 20),
        "only": ("cache", "database"),
        "cut": None,
        "cuts": (date(2017, 9, 1),),
        "source": "synthetic:100",
    }
    given = [
        "rows=7",
        "source=file:/a=b.csv",
        "cut=2017-09-01",
        "seed=0",
        "only=database",
        "cuts=2017-07-01,2017-08-01",
    ]
    assert arguments.read(given, **_KNOWN) == {
        "rounds": 3,
        "seed": 0,
        "rows": (7,),
        "only": ("database",),
        "cut": date(2017, 9, 1),
        "cuts": (date(2017, 7, 1), date(2017, 8, 1)),
        "source": "file:/a=b.csv",
    }


@pytest.mark.parametrize(
    "given",
    [
        "rounds=",
        "rounds=x",
        "rounds=0",
        "rounds=-1",
        "rounds=+1",
        "rounds=1.5",
        "rounds=1e2",
        "rounds= 3",
        "rounds=3\n",
        "rounds=101",
        f"rounds={'9' * 5_000}",
        "rounds=٣",
        "rounds=²",
        "rounds=1_0",
        "rounds=3,4",
        "seed=6",
        "rows=10,",
        "rows=10,x",
        "rows=10,1001",
        "rows=10 20",
        "only=",
        "only=cache,",
        "only=disk",
        "cut=2017-13-01",
        "cut=20170901",
        "cut=",
        "cuts=2017-09-01,",
        "cuts=",
        "source=",
        "source= ",
    ],
)
def test_a_value_that_is_none_is_refused_with_what_is_expected(given: str) -> None:
    with pytest.raises(OperatorError) as refused:
        arguments.read([given], **_KNOWN)
    name = given.partition("=")[0]
    assert refused.value.problem == f"{given} is not understood"
    assert refused.value.remedy == f"{name} is {_KNOWN[name].expected}"


@pytest.mark.parametrize("given", ["size=3", "rounds", "=3", "", "--rounds=3", "Rounds=3", "file.csv"])
def test_a_name_that_is_none_is_refused_with_those_that_are(given: str) -> None:
    with pytest.raises(OperatorError) as refused:
        arguments.read([given], **_KNOWN)
    assert refused.value.problem == f"{given!r} is not an argument of this measure"
    assert refused.value.remedy.startswith("it takes rounds=<a whole number from 1 to 100>; seed=<")


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(OperatorError, match="rounds is given twice"):
        arguments.read(["rounds=3", "rounds=4"], **_KNOWN)


@pytest.mark.parametrize(("measure", "number"), _MEASURES.items())
def test_every_measure_refuses_what_is_none_of_its_arguments(measure: str, number: str) -> None:
    main = import_module(f"benchmarks.{measure}").main
    for given in ("size=3", f"{number}=x", f"{number}=-1", f"{number}=1000000000"):
        with pytest.raises(OperatorError) as refused:
            main([given])
        assert given in refused.value.problem
        assert f"{number}=<" in refused.value.remedy or f"{number} is " in refused.value.remedy


def test_a_cut_or_an_export_that_is_none_is_refused_by_the_gate(tmp_path: object) -> None:
    main = import_module("benchmarks.gate").main
    for given in (["cut=yesterday"], [f"{tmp_path}/none.csv"], ["one.csv", "two.csv"], ["rows=99"]):
        with pytest.raises(OperatorError, match=given[-1].rpartition("/")[2]):
            main(given)


def test_a_refusal_is_one_message_and_status_1() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.hostile", "inputs=many"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "closecast: inputs=many is not understood\n  remedy: inputs is a whole number from 1 to 10,000,000\n"
    )


def test_help_tells_what_a_measure_is_and_takes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.hostile", "--help"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "  inputs=<a whole number from 1 to 10,000,000>" in done.stdout.splitlines()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_measure_that_is_ended_ends_what_it_started(number: int, status: int) -> None:
    # given a measure in the midst of its work
    code = (
        # Ctrl-C is ignored by what a shell starts in the background, the tests and so this, unless it says otherwise.
        "import signal, time\nfrom benchmarks import arguments\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def main(given):\n try:\n  print('begun', flush=True); time.sleep(60)\n finally:\n  print('cleared', flush=True)\n"
        "arguments.run(main)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        # when
        process.send_signal(number)
        printed, said = process.communicate(timeout=60)
    # then
    assert (process.returncode, printed, said) == (status, "cleared\n", "")

"""The table of benchmarks/gate.md: each line is what training and the gate say of a changed export."""

from benchmarks import gate
from closecast.deals.synthetic.generator import generate
from closecast.models.candidate import Candidate

RAW = generate(2_500, seed=11)


def test_the_table_is_made_of_what_was_measured(made_up_candidate: Candidate) -> None:
    # given the export as it is, and two scenarios: one set aside, one that the gate refuses
    figures = {name: made_up_candidate.metrics()[name] for name in gate.FIGURES}
    known = {"the file as it is": {"figures": figures, "says": "", "promoted": True, "set_aside": ""}}
    # when
    found = gate.compare(RAW, ["a price of 10^12", "no lost deal"], None, known, 1)
    # then
    plain, priced, lost = found.values()
    assert priced["figures"] == plain["figures"]
    assert "close_value is 100 times or more" in priced["set_aside"]
    assert lost["says"].startswith("none of the 1,146 closed deals is Lost")
    assert gate.page("deals.csv", found).count("\n| ") == 4

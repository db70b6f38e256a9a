"""Whole trainings: the same file whatever the threads, and the preset that the data ask for."""

import pandas as pd

from closecast.deals.contract import check
from closecast.deals.synthetic import generator
from closecast.models import candidate
from closecast.models.data import Data
from closecast.models.hyperparameters import PRESETS


def test_the_same_rows_and_seed_give_the_same_file_whatever_the_threads(
    deals: pd.DataFrame, built: candidate.Candidate
) -> None:
    # when
    again = candidate.build(deals, seed=7, threads=2)
    # then
    text = [made.scorer.booster.text.replace("[num_threads: 2]", "[num_threads: 1]") for made in (again, built)]
    assert text[0] == text[1]
    assert again.metrics() == built.metrics()
    assert again.scorer.calibration == built.scorer.calibration


def test_the_second_preset_is_taken_where_agents_differ_and_not_where_they_are_alike() -> None:
    for effect, chosen in ((1.5, PRESETS[1]), (0.0, PRESETS[0])):
        # given
        made = generator.Settings(rows=3_000, agents=6, agent_effect=effect, product_effect=0.0)
        data = Data(check(generator.generate_with_truth(made, seed=3)[0]).accepted)
        # when
        _, _, found = candidate.fit_before(data, PRESETS, 7, 1, data.plan.cut)
        # then
        assert found.settings == chosen

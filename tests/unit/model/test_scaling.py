"""How sizes change, with the roundings that heat/scaling/scalingutil.py has."""

from __future__ import annotations

import pytest

from global_heat.model.scaling import Adjustment, Change


@pytest.mark.parametrize(
    ("change", "amount", "members", "size"),
    [
        (Change.BY, 2, 3, 5),
        (Change.BY, -4, 3, -1),
        (Change.TO, 7, 3, 7),
        (Change.BY_PERCENT, 50, 4, 6),
        (Change.BY_PERCENT, 50, 5, 7),
        (Change.BY_PERCENT, -50, 5, 3),
        (Change.BY_PERCENT, 10, 5, 6),
        (Change.BY_PERCENT, -10, 5, 4),
        (Change.BY_PERCENT, 0, 5, 5),
        (Change.BY_PERCENT, 10, 0, 0),
    ],
)
def test_the_size_that_a_group_shall_have(change: Change, amount: float, members: int, size: int) -> None:
    assert Adjustment("g", change, amount).size(members) == size


def test_percents_count_for_a_least_number() -> None:
    assert Adjustment("g", Change.BY_PERCENT, 10, step_min=3).size(10) == 13
    assert Adjustment("g", Change.BY_PERCENT, -10, step_min=3).size(10) == 7
    assert Adjustment("g", Change.BY_PERCENT, 50, step_min=3).size(10) == 15
    assert Adjustment("g", Change.BY, 1, step_min=3).size(10) == 11

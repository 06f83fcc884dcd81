"""Values, and the value that is not there yet."""

from __future__ import annotations

import pytest

from global_heat.model.errors import Fault, Invalid, Reason
from global_heat.model.values import Unknown, has_unknown

LATER = Unknown("server")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (LATER, True),
        ([1, [LATER]], True),
        ({"a": {"b": (1, LATER)}}, True),
        (None, False),
        ("<known after server>", False),
        ([{"a": [1, 2.5, True]}, {}], False),
    ],
)
def test_an_unknown_is_found_however_deep_it_stands(value, expected):
    assert has_unknown(value) is expected


def test_an_unknown_says_what_it_waits_for():
    assert str(LATER) == "<known after server>"


def test_an_invalid_shows_all_its_faults_at_once_each_where_it_is():
    error = Invalid("two faults", Fault("a.b", "too long"), Fault("c", "missing"), region="east")
    assert str(error) == "two faults\n  a.b: too long\n  c: missing"
    assert (error.reason, error.metadata) == (Reason.INVALID, {"region": "east"})

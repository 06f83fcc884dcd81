"""Every vector, category by category, beside the list of agreed deviations."""

from __future__ import annotations

from collections import defaultdict

import pytest

from tests.conformance.checking import check
from tests.conformance.conftest import Tally
from tests.conformance.deviations import agreed
from tests.conformance.lifecycle import LIFE, check_life
from tests.conformance.vectors import Vector, load_vectors

_BY_CATEGORY: dict[str, list[Vector]] = defaultdict(list)
for _vector in load_vectors():
    _BY_CATEGORY[_vector.category].append(_vector)


@pytest.mark.parametrize("category", _BY_CATEGORY)
def test_category(category: str, tally: Tally) -> None:
    """Fails for what differs and is not listed, and for what is listed and does not differ."""
    reasons, failures = agreed(), []
    for vector in _BY_CATEGORY[category]:
        found = check_life(vector) if LIFE in vector.want else check(vector)
        tally.count(category, agrees=not found)
        if found and vector.id not in reasons:
            failures += [vector.id, *(f"    {difference}" for difference in found)]
        elif not found and vector.id in reasons:
            failures.append(f"{vector.id} is listed as a deviation and does not differ")
    assert not failures, "\n" + "\n".join(failures)


def test_every_vector_has_an_id_of_its_own() -> None:
    ids = [vector.id for vectors in _BY_CATEGORY.values() for vector in vectors]
    assert len(ids) == len(set(ids))

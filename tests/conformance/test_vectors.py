"""Every vector, category by category."""

from __future__ import annotations

from collections import defaultdict

import pytest

from tests.conformance.checking import check
from tests.conformance.vectors import Vector, load_vectors

_BY_CATEGORY: dict[str, list[Vector]] = defaultdict(list)
for _vector in load_vectors():
    _BY_CATEGORY[_vector.category].append(_vector)


@pytest.mark.parametrize("category", _BY_CATEGORY)
def test_category(category: str) -> None:
    pass

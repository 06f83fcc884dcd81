"""Whether a thing is already as wished: a wish says less than a service shows."""

from __future__ import annotations

from global_heat.model.values import Json


def covers(actual: Json, wished: Json) -> bool:
    """Tell whether what is wished holds of what is there.

    A wished map may leave keys out; maps in a list must match in any order, each wished one by one of its
    own; other lists must be equal; null and empty are the same.
    """
    match wished:
        case dict():
            if not wished or not isinstance(actual, dict):
                return not wished and not actual
            return all(covers(actual.get(key), value) for key, value in wished.items())
        case list() | tuple():
            return _lists_match(list(actual or ()), list(wished))
        case None | "":
            return not actual and actual is not False
        case bool():
            return actual is wished
        case _:
            return bool(actual == wished)


def _lists_match(actual: list[Json], wished: list[Json]) -> bool:
    """The most particular wishes choose first."""
    if len(actual) != len(wished):
        return False
    if not any(isinstance(item, dict) for item in wished):
        return actual == wished
    left = list(actual)
    for wish in sorted(wished, key=lambda item: len(item) if isinstance(item, dict) else 0, reverse=True):
        found = next((item for item in left if covers(item, wish)), None)
        if found is None:
            return False
        left.remove(found)
    return True


def given(values: Json) -> Json:
    """The value without the entries of its maps that are null."""
    match values:
        case dict():
            return {key: given(value) for key, value in values.items() if value is not None}
        case list() | tuple():
            return [given(item) for item in values]
        case _:
            return values

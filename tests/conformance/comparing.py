"""Compare an answer with Heat's: values and types exactly, messages never."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

ERROR = "$error"
SHOWN_MAX = 200


def differences(wanted: Any, found: Any, at: str = "") -> Iterator[str]:
    """Say place by place what Heat answers and what we do."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        if ERROR in wanted or ERROR in found:
            if (ERROR in wanted) != (ERROR in found):
                yield _differ(at, wanted, found)
            return
        for key in [*wanted, *(key for key in found if key not in wanted)]:
            below = f"{at}.{key}" if at else str(key)
            if key not in found:
                yield f"{below}: Heat {_short(wanted[key])}, here nothing"
            elif key not in wanted:
                yield f"{below}: Heat nothing, here {_short(found[key])}"
            else:
                yield from differences(wanted[key], found[key], below)
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for index, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from differences(one, other, f"{at}[{index}]")
    elif not _same(wanted, found):
        yield _differ(at, wanted, found)


def _same(wanted: Any, found: Any) -> bool:
    if type(wanted) is not type(found):
        return False
    if isinstance(wanted, float) and math.isnan(wanted):
        return math.isnan(found)
    return bool(wanted == found)


def _differ(at: str, wanted: Any, found: Any) -> str:
    return f"{at or 'all of it'}: Heat {_short(wanted)}, here {_short(found)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"

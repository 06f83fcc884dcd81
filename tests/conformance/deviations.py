"""The deviations that are on purpose, as `docs/heat-compatibility.md` lists them."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "heat-compatibility.md"
_ROW = re.compile(r"^\| `([^`]+)` \| (.+) \|$", re.MULTILINE)


def agreed() -> dict[str, str]:
    """The reason by the id of a vector, or by the path of a template."""
    rows: list[tuple[str, str]] = _ROW.findall(PAGE.read_text())
    reasons = dict(rows)
    assert len(reasons) == len(rows), "a deviation is listed twice"
    return reasons

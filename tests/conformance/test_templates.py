"""Real templates: Heat's verdict, its order, its outputs and the properties that it resolves."""

from __future__ import annotations

from tests.conformance.conftest import Tally
from tests.conformance.deviations import agreed
from tests.conformance.templates import VARIABLE, check_case, load_cases


def test_templates(tally: Tally) -> None:
    """Fails for what differs and is not listed, and for what is listed and does not differ."""
    cases, reasons, failures = load_cases(), agreed(), []
    if not cases:
        print(f"no templates were looked at: {VARIABLE} is not set")
    for case in cases:
        found = check_case(case)
        tally.count("templates", agrees=not found)
        if found and case.path not in reasons:
            failures += [case.path, *(f"    {difference}" for difference in found)]
        elif not found and case.path in reasons:
            failures.append(f"{case.path} is listed as a deviation and does not differ")
    assert not failures, "\n" + "\n".join(failures)

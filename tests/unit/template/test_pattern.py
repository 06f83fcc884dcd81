from __future__ import annotations

import pytest

from global_heat.template.location import Wrong
from global_heat.template.pattern import Pattern


def matches(pattern: str, text: str) -> bool:
    return Pattern(pattern).matches(text)


def test_the_first_match_must_end_at_the_end() -> None:
    assert matches("[a-z]+", "abc")
    assert not matches("a|ab", "ab")
    assert not matches("a+?", "aa")
    assert not matches("abc$", "abc\n")
    assert not matches("b", "ab")


def test_classes_know_all_scripts() -> None:
    assert matches(r"\d+", "٣")
    assert matches(r"[\w-]+", "é-ü_1")
    assert matches(r"[]a]+", "]a")
    assert matches(r"[^]]", "a")
    assert not matches(r"\W", "é")


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*)*x", "([a-z]+)*[0-9]", "(x+x+)+y"])
def test_patterns_that_explode_elsewhere_come_to_an_end(pattern: str) -> None:
    assert not matches(pattern, "a" * 5000 + "!")


@pytest.mark.parametrize("pattern", ["[", "(?=a)a", r"(a)\1", "(?<!a)b", "*a", "a" * 5000])
def test_what_cannot_be_used_says_why(pattern: str) -> None:
    with pytest.raises(Wrong):
        matches(pattern, "a")

"""Plain YAML is read in another way than the rest, and must come to the same."""

from __future__ import annotations

import random

import pytest

from global_heat.template import document
from global_heat.template.plain_yaml import NotPlain
from tests.conformance.vectors import load_vectors

TEXTS = [vector.template for vector in load_vectors() if not vector.template.lstrip().startswith("{")]


@pytest.mark.parametrize(
    "text",
    [
        "heat_template_version: 2021-04-16\nresources:\n  a: {type: T, x: {n: 010, y: [~, 'no', no, 1.5]}}",
        "- |\n  text\n  --- of lines\n- >\n  folded\n  text\n- ''\n-",
        "a:\n- b: {}\n- []\n",
        "",
    ],
)
def test_what_is_plain_comes_to_the_same(text: str) -> None:
    assert repr(document._parse_plain(text)) == repr(document._parse_any(text, "", []))


@pytest.mark.parametrize(
    "text",
    [
        "a: &x 1\nb: *x",
        "{<<: {a: 1}}",
        "a: !!str 1",
        "a: ! 1",
        "a: 1\na: 2",
        "1: a",
        "true: a",
        "? [a]\n: b",
        "a: [",
        "a: =",
        "a: 9223372036854775808",
        "a: 1\n--- b",
        "\x01",
        "[" * (document.DEPTH_MAX + 1) + "]" * (document.DEPTH_MAX + 1),
    ],
)
def test_what_is_not_plain_is_left_to_who_knows_what_to_say(text: str) -> None:
    with pytest.raises(NotPlain):
        document._parse_plain(text)


def test_most_templates_are_plain_and_all_of_those_come_to_the_same() -> None:
    plain = [text for text in TEXTS if _same(text)]
    assert len(plain) > 0.9 * len(TEXTS)


@pytest.mark.parametrize("seed", range(20))
def test_broken_templates_come_to_the_same(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(100):
        text = chance.choice(TEXTS)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(text) + 1)
            text = text[:at] + chance.choice(":-[]{}#&*!|>'\" \n?=<~_0") + text[at + chance.randrange(3) :]
        _same(text)


def _same(text: str) -> bool:
    """Whether a text is plain; if so, that both ways of reading come to the same."""
    try:
        plain = document._parse_plain(text)
    except NotPlain:
        return False
    repeated: list[document.Fault] = []
    assert repr(plain) == repr(document._parse_any(text, "", repeated)), text
    assert not repeated
    return True

"""The token of an attempt: who can make one, how a thing carries it, how it comes off again."""

from __future__ import annotations

import itertools

import pytest

from global_heat.model.names import Project, Region, Token
from global_heat.model.token import (
    DESCRIPTION_LENGTH_MAX,
    TOKEN_LENGTH,
    mark,
    mint,
    strip_mark,
    token_in,
    verifies,
)

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
RED, EAST = Project("red"), Region("east")
RANDOM = bytes(range(16))
TOKEN = mint(KEY, RED, EAST, "network.port", RANDOM)
ANOTHER = mint(KEY, RED, EAST, "network.port", bytes(16))


def test_a_token_has_its_length_and_only_letters_and_digits_that_every_service_takes():
    assert len(TOKEN) == TOKEN_LENGTH
    assert set(TOKEN) <= set("abcdefghijklmnopqrstuvwxyz234567")


def test_a_token_verifies_for_what_it_was_made_for():
    assert verifies(TOKEN, (KEY,), RED, EAST, "network.port")


def test_a_token_verifies_under_an_old_key_too():
    assert verifies(TOKEN, (OTHER_KEY, KEY), RED, EAST, "network.port")


@pytest.mark.parametrize(
    ("keys", "project", "region", "kind"),
    [
        ((OTHER_KEY,), "red", "east", "network.port"),
        ((), "red", "east", "network.port"),
        ((KEY,), "blue", "east", "network.port"),
        ((KEY,), "red", "west", "network.port"),
        ((KEY,), "red", "east", "compute.server"),
        ((KEY,), "re", "deast", "network.port"),
    ],
)
def test_a_token_does_not_verify_under_another_key_or_for_another_place(keys, project, region, kind):
    assert not verifies(TOKEN, keys, Project(project), Region(region), kind)


@pytest.mark.parametrize("at", range(TOKEN_LENGTH))
def test_no_character_of_a_token_can_be_another(at):
    for other in "abcdefghijklmnopqrstuvwxyz234567":
        changed = TOKEN[:at] + other + TOKEN[at + 1 :]
        assert verifies(changed, (KEY,), RED, EAST, "network.port") == (changed == TOKEN)


@pytest.mark.parametrize("text", ["", "x", "é" * 42, TOKEN[:-1], TOKEN + "a", TOKEN.upper(), "1" * 42])
def test_what_is_no_token_does_not_verify_and_breaks_nothing(text):
    assert not verifies(text, (KEY,), RED, EAST, "network.port")


@pytest.mark.parametrize("text", ["web", "", None, "two words", "a\nb", "ends with space "])
def test_what_was_marked_is_found_and_comes_off_again(text):
    marked = mark(text, TOKEN)
    assert token_in(marked) == TOKEN
    assert strip_mark(marked) == (text or "")


def test_a_user_keeps_the_promised_length_of_a_description():
    assert len(mark("x" * DESCRIPTION_LENGTH_MAX, TOKEN)) <= 255


@pytest.mark.parametrize("text", [None, "", "web", "gh1-short", f"gh1-{TOKEN}x", f"gh2-{TOKEN}"])
def test_a_text_without_a_mark_has_no_token_and_stays_as_it_is(text):
    assert token_in(text) is None
    assert strip_mark(text or "") == (text or "")


@pytest.mark.parametrize("theirs", [f"gh1-{ANOTHER}", f"copied gh1-{ANOTHER}", f"gh1-{ANOTHER} copied"])
def test_a_mark_that_a_user_copied_never_stands_for_the_thing(theirs):
    assert token_in(mark(theirs, TOKEN)) == TOKEN
    assert ANOTHER not in mark(theirs, TOKEN)


def test_of_two_marks_the_last_counts():
    for first, last in itertools.permutations((TOKEN, ANOTHER)):
        assert token_in(f"gh1-{first} gh1-{last}") == Token(last)

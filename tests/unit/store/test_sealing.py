"""What is sealed opens where it was sealed, under the keys it was sealed with, and nowhere else."""

from __future__ import annotations

import itertools

import pytest

from global_heat.model.errors import Invalid, Reason
from global_heat.store.sealing import Seal

OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32
PLACE = ("trust", "red", "stack", "cloud")
SECRET = {"password": "open sesame", "n": [1, 2.5, None, True]}


def seal(**keys: bytes) -> Seal:
    numbers = itertools.count(1)
    return Seal(keys, lambda count: next(numbers).to_bytes(count, "big"))


def test_what_is_sealed_opens_in_its_place():
    one = seal(k1=OLD)
    assert one.open(one.seal(SECRET, *PLACE), *PLACE) == SECRET
    assert one.open_bytes(one.seal_bytes(b"", *PLACE), *PLACE) == b""


def test_what_is_sealed_does_not_show_what_it_is():
    sealed = seal(k1=OLD).seal_bytes(b"open sesame", *PLACE)
    assert b"sesame" not in sealed and sealed.startswith(b"k1.")


def test_the_same_sealed_twice_looks_different():
    one = seal(k1=OLD)
    assert one.seal(SECRET, *PLACE) != one.seal(SECRET, *PLACE)


@pytest.mark.parametrize(
    "elsewhere",
    [
        ("trust", "blue", "stack", "cloud"),
        ("trust", "red", "other", "cloud"),
        ("incarnation", "red", "stack", "cloud"),
        ("trust", "red", "stack"),
        ("trust", "red", "stack", "cloud", ""),
        ("trust", "redstack", "", "cloud"),
        (),
    ],
)
def test_what_is_moved_elsewhere_does_not_open(elsewhere):
    one = seal(k1=OLD)
    with pytest.raises(Invalid, match="does not belong"):
        one.open(one.seal(SECRET, *PLACE), *elsewhere)


@pytest.mark.parametrize("at", [3, 10, -1])
def test_what_was_changed_does_not_open(at):
    one = seal(k1=OLD)
    sealed = bytearray(one.seal_bytes(b"open sesame", *PLACE))
    sealed[at] ^= 1
    with pytest.raises(Invalid, match="does not belong"):
        one.open_bytes(bytes(sealed), *PLACE)


@pytest.mark.parametrize("sealed", [b"", b"k1", b"k1.", b"k1.short", b"\xff\xfe.rest", b"k1." + b"x" * 12])
def test_what_was_never_sealed_does_not_open(sealed):
    with pytest.raises(Invalid):
        seal(k1=OLD).open_bytes(sealed, *PLACE)


@pytest.mark.parametrize("sealed", ["", "a", "no base 64!", "é"])
def test_a_text_that_was_never_sealed_does_not_open(sealed):
    with pytest.raises(Invalid):
        seal(k1=OLD).open(sealed, *PLACE)


def test_after_a_new_key_came_in_what_the_old_one_sealed_still_opens():
    sealed = seal(old=OLD).seal(SECRET, *PLACE)
    assert seal(new=NEW, old=OLD).open(sealed, *PLACE) == SECRET


def test_the_first_key_seals_what_is_new():
    sealed = seal(new=NEW, old=OLD).seal(SECRET, *PLACE)
    assert seal(new=NEW).open(sealed, *PLACE) == SECRET


def test_without_its_key_a_sealed_text_is_refused_by_the_keys_name():
    sealed = seal(old=OLD).seal(SECRET, *PLACE)
    with pytest.raises(Invalid, match="'old'") as caught:
        seal(new=NEW).open(sealed, *PLACE)
    assert caught.value.reason is Reason.PRECONDITION


def test_another_key_of_the_same_name_opens_nothing():
    sealed = seal(k1=OLD).seal(SECRET, *PLACE)
    with pytest.raises(Invalid):
        seal(k1=OTHER).open(sealed, *PLACE)


@pytest.mark.parametrize(
    "keys", [{}, {"k1": b"short"}, {"k1": b"x" * 33}, {"k1": OLD, "k2": b""}, {"a.b": OLD}, {"": OLD}]
)
def test_keys_that_cannot_be_used_are_refused_at_once(keys):
    with pytest.raises(Invalid) as caught:
        Seal(keys, bytes)
    assert caught.value.reason is Reason.PRECONDITION


def test_equal_values_have_equal_fingerprints_whatever_the_order_of_their_keys():
    one, again = seal(k1=OLD), seal(k1=OLD)
    assert one.fingerprint({"a": 1, "b": [2]}, *PLACE) == again.fingerprint({"b": [2], "a": 1}, *PLACE)


def test_different_values_have_different_fingerprints():
    one = seal(k1=OLD)
    values = (1, "1", [1], {"a": 1}, {"a": "1"}, None, "", [], {}, True, 1.5)
    assert len({one.fingerprint(value, *PLACE) for value in values}) == len(values)


def test_a_fingerprint_is_bound_to_its_place_and_to_the_key():
    prints = {
        seal(k1=OLD).fingerprint("x", *PLACE),
        seal(k1=OTHER).fingerprint("x", *PLACE),
        seal(k1=OLD).fingerprint("x", "trust", "red", "stack", "elsewhere"),
        seal(k1=OLD).fingerprint("x", *PLACE, ""),
    }
    assert len(prints) == 4


def test_a_new_key_changes_no_fingerprint_and_makes_the_new_tokens_while_the_old_ones_verify():
    before, after = seal(old=OLD), seal(new=NEW, old=OLD)
    assert after.fingerprint(SECRET, *PLACE) == before.fingerprint(SECRET, *PLACE)
    assert after.token_keys[1:] == before.token_keys
    assert after.token_keys[0] == seal(new=NEW).token_keys[0] != before.token_keys[0]


def test_no_purpose_uses_the_key_itself():
    assert seal(old=OLD).token_keys[0] not in (OLD, b"")

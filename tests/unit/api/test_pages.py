"""Pages that neither repeat nor skip when the list changes between them; filters."""

from __future__ import annotations

import pytest

from global_heat.api.pages import filtered, page
from global_heat.model.errors import Invalid
from global_heat.proto.v1.stack_service_pb2 import ListStacksRequest


def ask(items, size, token="", falling=False, **fields):
    request = ListStacksRequest(page_size=size, page_token=token, **fields)
    return page(request, items, lambda item: (item,), falling=falling)


def test_what_comes_and_goes_between_pages_moves_nothing():
    first, token = ask(["b", "d", "f"], 2)
    assert first == ["b", "d"]
    assert ask(["a", "c", "d", "e", "f"], 2, token) == (["e", "f"], "")
    assert ask(["a"], 2, token) == ([], "")


def test_a_falling_list_pages_as_well():
    first, token = ask(["b", "d", "f"], 2, falling=True)
    assert first == ["f", "d"]
    assert ask(["b", "c", "d", "f", "g"], 5, token, falling=True) == (["c", "b"], "")
    assert ask(["b"], 5, token, falling=True) == (["b"], "")


def test_a_token_belongs_to_its_list():
    _, token = ask(["a", "b"], 1, filter="name=a*")
    with pytest.raises(Invalid):
        ask(["a", "b"], 1, token, filter="name=b*")
    with pytest.raises(Invalid):
        ask(["a", "b"], -1)


def test_the_last_page_has_no_token():
    assert ask(["a", "b"], 2) == (["a", "b"], "")
    assert ask([], 0) == ([], "")


FIELDS = {"name": lambda item: item["name"], "tag": lambda item: item["tags"]}
ITEMS = [{"name": "web1", "tags": ["x"]}, {"name": "web2", "tags": ["x", "y"]}, {"name": "db", "tags": []}]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["web1", "web2", "db"]),
        ("name=web*", ["web1", "web2"]),
        ('name="web*" AND tag = y', ["web2"]),
        ("name=WEB*", []),
    ],
)
def test_filters(text, names):
    assert [item["name"] for item in filtered(text, ITEMS, FIELDS)] == names


@pytest.mark.parametrize("text", ["name", "size=3", "AND", "name=a AND "])
def test_filters_that_cannot_be_read(text):
    with pytest.raises(Invalid):
        filtered(text, ITEMS, FIELDS)

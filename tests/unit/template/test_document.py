from __future__ import annotations

from typing import Any

import pytest

from global_heat.model.errors import Fault, Invalid
from global_heat.template.document import DEPTH_MAX, TEXT_BYTES_MAX, parse_document, split_documents


def refused(text: str, name: str = "") -> str:
    with pytest.raises(Invalid) as caught:
        parse_document(text, name)
    return str(caught.value)


def test_yaml_is_that_of_heat() -> None:
    text = "{a: 010, b: 1:30, c: 1_000, d: [yes, no, on, off, y, ~], e: 2020-01-02, f: !!binary aGVsbG8=}"
    assert parse_document("x: " + text)["x"] == {
        "a": 8,
        "b": 90,
        "c": 1000,
        "d": [True, False, True, False, "y", None],
        "e": "2020-01-02",
        "f": [104, 101, 108, 108, 111],
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: 1", [{"a": 1}]),
        ("# one\n---\na: 1\n...\n", [{"a": 1}]),
        ("---\na: 1\n---\n# nothing\n---\nb: |\n  x\n  ---\n  y\n", [{"a": 1}, {"b": "x\n---\ny\n"}]),
        ("%YAML 1.1\n---\na: 1\n...\n%YAML 1.1\n--- {b: --- }\n", [{"a": 1}, {"b": "---"}]),
        ("", [None]),
    ],
)
def test_a_stream_is_split_where_its_documents_start(text: str, found: list[Any]) -> None:
    assert [parse_document(each) for each in split_documents(text)] == found


def test_json_and_flow_yaml_begin_alike() -> None:
    assert parse_document('{"a": [1, null]}') == {"a": [1, None]}
    assert parse_document("{a: [1, null]}") == {"a": [1, None]}


def test_nothing_is_null() -> None:
    assert parse_document("") is None


def test_malformed_yaml_is_located() -> None:
    assert "line 2, column 11" in refused("a: b\nfoo: {a: [}\n")
    assert "line 2, column 1" in refused("a:\n\tb: c\n")
    assert "undefined alias (line 1, column 4)" in refused("a: *b")


def test_a_file_is_called_by_its_name() -> None:
    assert refused("a: [}", "web.yaml").startswith("The file web.yaml ")


def test_of_keys_that_stand_twice_the_last_counts_and_all_are_told_with_both_places() -> None:
    warnings: list[Fault] = []
    assert parse_document("a: 1\nb: {x: 1, x: 2}\na: 2\n", warnings=warnings) == {"a": 2, "b": {"x": 2}}
    told = "\n".join(warning.message for warning in warnings)
    assert 'the key "a" (line 3, column 1) stands in the same map already (line 1, column 1)' in told
    assert 'the key "x" (line 2, column 11)' in told


def test_of_keys_that_stand_twice_in_json_the_last_counts() -> None:
    warnings: list[Fault] = []
    assert parse_document('{"a": 1, "a": 2}') == parse_document('{"a": 1, "a": 2}', "", warnings) == {"a": 2}
    assert [warning.message for warning in warnings] == [
        'the key "a" stands twice in one map; the last one counts'
    ]


def test_a_few_aliases_cannot_stand_for_billions() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert "aliases are written out" in refused("\n".join(lines))


def test_an_alias_inside_what_it_names_is_refused() -> None:
    assert "inside what it names" in refused("a: &a [*a]")


@pytest.mark.parametrize("unit", ["[", "- ", "{a: ", "? ", '{"a":'])
def test_depth_is_bounded_before_anything_recurses(unit: str) -> None:
    assert f"deeper than {DEPTH_MAX} levels" in refused(unit * (TEXT_BYTES_MAX // len(unit)))


def test_just_deep_enough_is_read() -> None:
    assert parse_document("[" * DEPTH_MAX + "]" * DEPTH_MAX)
    assert "levels" in refused("[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1))


def test_size_is_bounded() -> None:
    assert "larger than" in refused("a" * (TEXT_BYTES_MAX + 1))
    assert "larger than" in refused("é" * (TEXT_BYTES_MAX // 2 + 1))


def test_numbers_that_no_record_can_keep_are_refused() -> None:
    assert parse_document("a: 9223372036854775807") == {"a": 2**63 - 1}
    assert "too large" in refused("a: 9223372036854775808")
    assert "too large" in refused('{"a": 9223372036854775808}')
    assert "too large" in refused("a: " + "9" * 5000)


def test_tags_make_no_objects() -> None:
    assert "is not supported" in refused("a: !!python/object:os.system {}")


def test_keys_are_texts() -> None:
    assert "a key that is a list or a map" in refused("? [a]\n: b")

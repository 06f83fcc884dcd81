from __future__ import annotations

import pytest

from global_heat.model.values import Json
from tests.unit.template.compiling import compile_text, faults_of


def value_of(declaration: str, given: Json = None) -> Json:
    parameters = {} if given is None else {"p": given}
    return compile_text(f"parameters: {{p: {{{declaration}}}}}", parameters).parameters()["p"]


def fault_of(declaration: str, given: Json = None, version: str = "") -> str:
    text = f"{version}\nparameters: {{p: {{{declaration}}}}}"
    found = faults_of(text, parameters={} if given is None else {"p": given})
    assert len(found) == 1
    return next(iter(found.values()))


@pytest.mark.parametrize(
    ("type", "given", "value"),
    [
        ("string", 5, "5"),
        ("string", ["a", 1], "['a', 1]"),
        ("string", "", ""),
        ("number", "5", 5),
        ("number", "1e3", 1000.0),
        ("number", "007", 7),
        ("number", True, True),
        ("boolean", "Yes", True),
        ("boolean", "off", False),
        ("boolean", 1, True),
        ("comma_delimited_list", "a, b", ["a", " b"]),
        ("comma_delimited_list", "", []),
        ("comma_delimited_list", ["a", 1], ["a", "1"]),
        ("json", '{"a": [1]}', {"a": [1]}),
        ("json", {"a": 1}, {"a": 1}),
        ("json", "null", None),
    ],
)
def test_values_become_those_of_their_type(type: str, given: Json, value: Json) -> None:
    assert value_of(f"type: {type}", given) == value
    assert value_of(f"type: {type}", given).__class__ is value.__class__


@pytest.mark.parametrize(
    ("type", "given", "expected"),
    [
        ("number", "0x10", "expected a number"),
        ("number", "", "expected a number"),
        ("boolean", "maybe", "expected true or false"),
        ("boolean", 2, "expected true or false"),
        ("comma_delimited_list", {"a": 1}, "expected a list"),
        ("json", "abc", "expected JSON"),
    ],
)
def test_what_does_not_fit_is_a_fault(type: str, given: Json, expected: str) -> None:
    assert expected in fault_of(f"type: {type}", given)


def test_a_number_given_as_a_text_is_told_as_the_number_it_is() -> None:
    declaration = "type: number, constraints: [{range: {min: 1, max: 3}}]"
    assert fault_of(declaration, "9") == "expected a number from 1 to 3, found the number 9"
    assert fault_of(declaration, 9) == "expected a number from 1 to 3, found the number 9"
    assert fault_of(declaration, "nine").endswith('found the text "nine"')


def test_null_is_as_not_given() -> None:
    assert value_of("type: string, default: d", None) == "d"
    assert "no value and no default" in fault_of("type: string, default: null")


def test_where_values_come_from() -> None:
    text = "parameters: {p: {type: string, default: t}}"
    environment = {"parameter_defaults": {"p": "defaults", "other": 1}}
    assert compile_text(text).parameters() == {"p": "t"}
    assert compile_text(text, environment=environment).parameters() == {"p": "defaults"}
    environment["parameters"] = {"p": "environment"}
    assert compile_text(text, environment=environment).parameters() == {"p": "environment"}
    assert compile_text(text, {"p": "call"}, environment).parameters() == {"p": "call"}


def test_unknown_ones_are_faults_where_they_are_given() -> None:
    found = faults_of(
        "parameters: {p: {type: string}}",
        parameters={"q": 1, "OS::stack_name": "x"},
        environment={"parameters": {"r": 1}},
    )
    assert found.keys() == {
        "parameters.q",
        "parameters.OS::stack_name",
        "environment.parameters.r",
        "parameters.p",
    }
    assert "declares p" in found["parameters.q"]


@pytest.mark.parametrize(
    ("declaration", "good", "bad", "expected"),
    [
        ("type: string, constraints: [{length: {min: 2, max: '3'}}]", "abc", "a", "length from 2 to 3"),
        ("type: string, constraints: [{length: {max: 3}}]", "123", 123, "a text, so that it can be measured"),
        ("type: string, constraints: [{allowed_pattern: '[0-9]+'}]", "5", 5, "a text"),
        ("type: comma_delimited_list, constraints: [{length: {max: 1}}]", "a", "a,b", "at most 1"),
        ("type: number, constraints: [{range: {min: 1.5}}]", 1.5, 1.4, "a number at least 1.5"),
        ("type: number, constraints: [{modulo: {step: 2, offset: 1}}]", 5, 4, "a multiple of 2 plus 1"),
        ("type: number, constraints: [{allowed_values: ['1', 2]}]", "1", 3, "one of 1, 2"),
        ("type: comma_delimited_list, constraints: [{allowed_values: [a, b]}]", "b,a", "a,c", "one of a, b"),
        ("type: string, constraints: [{allowed_pattern: '[a-z]+'}]", "abc", "a1", "the pattern"),
        ("type: string, constraints: [{custom_constraint: ip_addr}]", "::1", "10.0.0.256", "an IP address"),
        ("type: string, constraints: [{custom_constraint: net_cidr}]", "10.0.0.5/24", "10.0.0.0/33", "CIDR"),
        ("type: string, constraints: [{custom_constraint: mac_addr}]", "00:16:3e:00:00:01", "x", "MAC"),
        ("type: string, constraints: [{custom_constraint: dns_domain}]", "a.b.", "a.b", 'end with "."'),
        ("type: string, constraints: [{custom_constraint: dns_name}]", "a-b.c", "-a", "DNS name"),
        (
            "type: string, constraints: [{custom_constraint: timezone}]",
            "Asia/Taipei",
            "No/Where",
            "time zone",
        ),
        ("type: string, constraints: [{custom_constraint: iso_8601}]", "2020-01-01T00:00:00Z", "x", "ISO"),
        ("type: string, constraints: [{custom_constraint: iso_8601}]", "2020", "20", "ISO"),
        ("type: string, constraints: [{custom_constraint: iso_8601}]", "2020-1", "2020-13", "ISO"),
        (
            "type: string, constraints: [{custom_constraint: iso_8601}]",
            "2020-1-2 03:04",
            "2020-1T03:04",
            "ISO",
        ),
        ("type: string, constraints: [{custom_constraint: expiration}]", " 2120 ", "x", "ISO"),
        ("type: number, constraints: [{range: {min: 1, max: 5}}]", "nan", "inf", "from 1 to 5"),
        ("type: string, constraints: [{custom_constraint: json_string}]", "{}", "{a}", "not JSON"),
        (
            "type: string, constraints: [{custom_constraint: cron_expression}]",
            "*/5 1-4 * jan mon",
            "61 * * * *",
            "cron",
        ),
        ("type: string, constraints: [{length: {max: 1}, description: too long}]", "a", "ab", "too long"),
    ],
)
def test_constraints(declaration: str, good: Json, bad: Json, expected: str) -> None:
    value_of(declaration, good)
    assert expected in fault_of(declaration, bad)


def test_a_default_must_fit_as_well() -> None:
    assert "length" in fault_of("type: string, default: abcd, constraints: [{length: {max: 3}}]", "ok")


def test_custom_constraints_look_at_a_default_when_it_is_used() -> None:
    declaration = "type: string, default: x, constraints: [{custom_constraint: ip_addr}]"
    assert value_of(declaration, "1.2.3.4") == "1.2.3.4"
    assert "IP address" in fault_of(declaration)


def test_custom_constraints_of_what_is_no_text() -> None:
    number, flag = (
        f"type: {type}, constraints: [{{custom_constraint: %s}}]" for type in ("number", "boolean")
    )
    assert "for a text" in fault_of(number % "ip_addr", 5)
    assert "for a text" in fault_of(flag % "timezone", True)
    assert value_of(number % "timezone", 0) == 0
    assert value_of(number % "test_constr", 5) == 5


@pytest.mark.parametrize(
    ("name", "empty_too"),
    [("ip_addr", False), ("net_cidr", False), ("mac_addr", False), ("dns_name", True), ("json_string", True)],
)
def test_custom_constraints_of_what_is_empty(name: str, empty_too: bool) -> None:
    assert value_of(f"type: string, constraints: [{{custom_constraint: {name}}}]", "") == ""
    for type, value in (("number", 0), ("boolean", False)):
        declaration = f"type: {type}, constraints: [{{custom_constraint: {name}}}]"
        if empty_too:
            assert value_of(declaration, value) == value
        else:
            assert fault_of(declaration, value)


@pytest.mark.parametrize(
    "declaration",
    [
        "type: list",
        "type: string, required: true",
        "type: string, default: x, constraints: {length: {max: 1}}",
        "type: string, default: x, constraints: [{maximum: 5}]",
        "type: string, default: x, constraints: [{description: d}]",
        "type: number, default: 1, constraints: [{length: {max: 1}}]",
        "type: string, default: x, constraints: [{length: {minimum: 1}}]",
        "type: string, default: x, constraints: [{length: {min: 1.5}}]",
        "type: string, default: x, constraints: [{allowed_pattern: '['}]",
        "type: number, default: 4, constraints: [{modulo: {step: 2}}]",
        "type: number, default: 3, constraints: [{modulo: {step: 1.5, offset: 0}}]",
        "type: number, default: 3, constraints: [{range: {max: null}}]",
        "type: string, default: x, constraints: [{length: {min: null, max: null}}]",
        "type: string, default: x, constraints: [{custom_constraint: no.such}]",
        "type: string, default: x, tags: 5",
    ],
)
def test_bad_declarations(declaration: str) -> None:
    with_value = {"p": "x"} if "default" not in declaration else {}
    assert faults_of(f"parameters: {{p: {{{declaration}}}}}", parameters=with_value)


def test_what_came_later_is_no_constraint_before() -> None:
    declaration = "type: number, default: 5, constraints: [{modulo: {step: 2, offset: 1}}]"
    assert "states no constraint" in fault_of(declaration, version="heat_template_version: 2016-10-14")


def test_shown() -> None:
    tree = compile_text(
        "parameters: {h: {type: string, hidden: true}, l: {type: comma_delimited_list, default: [a, b]},"
        " j: {type: json, default: {t: 1}}, b: {type: boolean, default: 'no'}}",
        {"h": "secret"},
    )
    assert tree.parameters_shown() == {
        "OS::stack_name": "stack",
        "OS::stack_id": "00000000-0000-4000-8000-000000000001",
        "OS::project_id": "project",
        "h": "******",
        "l": "a,b",
        "j": '{"t": 1}',
        "b": "False",
    }


def test_faults_do_not_repeat_hidden_values() -> None:
    declaration = "type: string, hidden: true, constraints: [{length: {max: 3}}]"
    assert "hunter2" not in fault_of(declaration, "hunter2")
    found = faults_of(
        "parameters: {p: {type: string, hidden: true}}\n"
        "resources: {a: {type: c.yaml, properties: {n: {get_param: p}}},"
        " t: {type: 'OS::Heat::TestResource', properties: {wait_secs: {get_param: p}}}}",
        parameters={"p": "hunter2"},
        files={"c.yaml": "heat_template_version: rocky\nparameters: {n: {type: number}}"},
    )
    assert len(found) == 2
    assert "hunter2" not in str(found)


def test_immutable() -> None:
    def declare(more: str, given: Json) -> object:
        return compile_text(f"parameters: {{p: {{type: number, default: 1{more}}}}}", {"p": given})

    old = declare(", immutable: true", 1)
    assert not old.immutable_changes(declare(", immutable: true", 1))  # type: ignore[attr-defined]
    assert old.immutable_changes(declare(", immutable: true", "1"))  # type: ignore[attr-defined]
    assert not old.immutable_changes(declare("", 2))  # type: ignore[attr-defined]
    [fault] = old.immutable_changes(declare(", immutable: true", 2))  # type: ignore[attr-defined]
    assert fault.path == "parameters.p"


def test_groups() -> None:
    declared = "parameters: {a: {type: string, default: x}}\nparameter_groups: "
    compile_text(declared + "[{label: L, description: D, parameters: [a]}]")
    assert list(faults_of(declared + "[{label: L}]")) == ["parameter_groups[0]"]
    assert list(faults_of(declared + "[{parameters: [a, b, a]}]")) == [
        "parameter_groups[0].parameters[1]",
        "parameter_groups[0].parameters[2]",
    ]

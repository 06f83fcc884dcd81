"""Templates of CloudFormation."""

from __future__ import annotations

import pytest

from global_heat.model.errors import Invalid
from global_heat.model.values import Json
from global_heat.template.location import spell
from global_heat.template.view import NothingYet
from tests.unit.template.compiling import compile_text, faults_of

AWS = "AWSTemplateFormatVersion: '2010-09-09'\n"
HEAT = "HeatTemplateFormatVersion: '2012-12-12'\n"
MARK = "# heat_template_version\n"
"""Keeps the one who compiles from putting a version before the text."""
DECLARED = """
Parameters: {P: {Type: String, Default: one}, L: {Type: CommaDelimitedList, Default: 'a,b'}}
Mappings: {Sizes: {one: {cores: 1}, two: {cores: 2}}}
"""
RESOURCE = "Resources: {R: {Type: 'OS::Heat::Value', Properties: {value: x}}}\n"


def output(expression: str, start: str = AWS) -> Json:
    text = f"{MARK}{start}{DECLARED}{RESOURCE}Outputs: {{O: {{Value: {expression}}}}}"
    [found] = compile_text(text).outputs(NothingYet()).values()
    assert not found.error, found.error
    return found.value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("{Ref: P}", "one"),
        ("{Ref: 'AWS::StackName'}", "stack"),
        ("{'Fn::FindInMap': [Sizes, {Ref: P}, cores]}", 1),
        ("{'Fn::Join': ['-', [a, b]]}", "a-b"),
        ("{'Fn::Select': [1, {Ref: L}]}", "b"),
        ("{'Fn::Select': ['5', {Ref: L}]}", ""),
        ("{'Fn::Select': [k, {k: v}]}", "v"),
        ("{'Fn::Select': [0, '[7]']}", 7),
        ("{'Fn::Split': [',', 'a,b']}", ["a", "b"]),
        ("{'Fn::Replace': [{ab: X, b: Y}, 'ab b']}", "X Y"),
        ("{'Fn::Base64': text}", "text"),
        ("{'Fn::GetAZs': ''}", ["nova"]),
        (
            "{'Fn::MemberListToMap': [N, V, ['.member.0.N=a', '.member.0.V=b=c', '.member.1.N=d']]}",
            {"a": "b=c"},
        ),
    ],
)
def test_functions(expression: str, value: Json) -> None:
    assert output(expression) == value
    assert output(expression, HEAT) == value


@pytest.mark.parametrize(
    "expression",
    [
        "{'Fn::GetAtt': [R]}",
        "{'Fn::FindInMap': [Sizes, one]}",
        "{'Fn::Select': [1]}",
        "{'Fn::Select': [0, 5]}",
        "{'Fn::Split': ['', abc]}",
        "{'Fn::Base64': 5}",
        "{'Fn::MemberListToMap': [1, V, []]}",
        "{'Fn::Replace': [x, y]}",
        "{Ref: Nobody}",
        "{'Fn::FindInMap': [Sizes, three, cores]}",
    ],
)
def test_what_is_wrong_is_told(expression: str) -> None:
    text = f"{MARK}{AWS}{DECLARED}{RESOURCE}Outputs: {{O: {{Value: {expression}}}}}"
    try:
        [found] = compile_text(text).outputs(NothingYet()).values()
    except Invalid as invalid:
        assert [fault.path.startswith("Outputs.O.Value.") for fault in invalid.faults] == [True]
    else:
        assert found.error


def test_conditions() -> None:
    text = f"""{MARK}{AWS}{DECLARED}
Conditions:
  One: {{'Fn::Equals': [{{Ref: P}}, one]}}
  Other: {{'Fn::Not': [One]}}
Resources:
  A: {{Type: 'OS::Heat::None', Condition: Other}}
  B: {{Type: 'OS::Heat::Value', Properties: {{value: {{'Fn::If': [One, yes, no]}}}}}}
  C: {{Type: 'OS::Heat::None', DependsOn: [B], DeletionPolicy: Retain}}
"""
    tree = compile_text(text)
    assert tree.disabled() == ["A"]
    assert tree.edges() == [("C", "B")]
    assert tree.properties(tree.definitions["B"].path, NothingYet())["value"] is True
    assert tree.definitions["C"].deletion_policy == "Retain"


def test_places_are_spelt_as_the_template_spells_them() -> None:
    text = f"""{MARK}{AWS}
Parameters: {{P: {{Type: Number, Default: 1, MaxValue: 3, Nope: 1}}}}
Resources:
  A: {{Type: 'OS::Heat::RandomString', Properties: {{length: x}}, DependsOn: Z}}
"""
    assert set(faults_of(text, parameters={"P": 5})) == {
        "Parameters.P.Nope",
        "parameters.P",
        "Resources.A.Properties.length",
        "Resources.A.DependsOn[0]",
    }
    assert spell(None) == ""

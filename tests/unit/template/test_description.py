"""What a template wants to be given; what is probably not meant; what there is to know of functions."""

from __future__ import annotations

from pathlib import Path

import pytest

from global_heat.model.errors import Invalid
from global_heat.template.description import describe_source
from global_heat.template.reference import page
from global_heat.template.source import Source
from global_heat.template.warnings import find_warnings
from tests.unit.template.compiling import SCHEMAS, VERSION

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_values_are_no_matter_of_the_form() -> None:
    text = VERSION + (
        "parameters: {p: {type: number, constraints: [{range: {min: 1}}]}}\n"
        "resources: {a: {type: 'OS::Heat::RandomString', properties: {length: x}}}"
    )
    described = describe_source(Source(text, parameters={"p": "none"}), SCHEMAS)
    assert described.parameters["p"]["MinValue"] == 1
    assert described.as_heat()["Parameters"]["p"]["Value"] == "none"


def test_what_is_merged_is_described() -> None:
    environment = {"parameter_merge_strategies": {"p": "merge"}, "parameters": {"p": "file"}}
    source = Source(f"{VERSION}parameters: {{p: {{type: string}}}}", environment, {}, {"p": "given "})
    described = describe_source(source, SCHEMAS)
    assert described.as_heat()["Parameters"]["p"]["Value"] == "given file"
    assert described.environment["parameters"] == {"p": "given file"}


@pytest.mark.parametrize(
    "text",
    [
        "resources: {a: {type: 'No::Such'}}",
        "resources: {a: {type: 'OS::Heat::RandomString', properties: {lenght: 5}}}",
        "outputs: {o: {value: {get_attr: [zz, x]}}}",
        "parameters: {p: {type: string, default: abc, constraints: [{length: {max: 1}}]}}",
    ],
)
def test_the_form_must_be_right(text: str) -> None:
    with pytest.raises(Invalid):
        describe_source(Source(VERSION + text), SCHEMAS)


@pytest.mark.parametrize(
    "group",
    [
        "OS::Heat::ResourceGroup, properties: {count: 0, resource_def: %s}",
        "OS::Heat::ResourceGroup, properties: {count: {get_param: c}, resource_def: %s}",
        "OS::Heat::ResourceGroup, properties: {count: 2, resource_def: %s}",
        "OS::Heat::AutoScalingGroup, properties: {min_size: 0, max_size: 1, resource: %s}",
    ],
)
def test_one_member_is_shown_of_a_group_even_if_it_has_none(group: str) -> None:
    child = "description: kid\nparameters: {r: {type: number}}\nresources: {x: {type: 'OS::Heat::None'}}"
    member = "{type: child.yaml, properties: {r: 1}}"
    text = f"parameters: {{c: {{type: number}}}}\nresources: {{g: {{type: {group % member}}}}}"
    described = describe_source(Source(VERSION + text, files={"child.yaml": VERSION + child}), SCHEMAS)
    [shown] = described.nested["g"].nested.values()
    assert (shown.type, shown.description, shown.parameters["r"]["Value"]) == ("child.yaml", "kid", 1)


def test_what_a_group_of_none_would_hold_is_not_checked() -> None:
    group = "{type: 'OS::Heat::ResourceGroup', properties: {count: 0, resource_def: {type: bad.yaml}}}"
    text = f"{VERSION}resources: {{g: {group}%s}}"
    files = {"bad.yaml": f"{VERSION}resources: {{x: {{type: 'No::Such'}}}}\nnope: 1"}
    describe_source(Source(text % "", files=files), SCHEMAS)
    with pytest.raises(Invalid, match="nope"):
        describe_source(Source(text % ", h: {type: bad.yaml}", files=files), SCHEMAS)


def test_functions_of_later_versions_and_keys_that_stand_twice() -> None:
    values = "value: [{repeat: {}}, {nothing: x}], value: {yaql: 1}"
    old = f"heat_template_version: 2014-10-16\noutputs: {{o: {{{values}}}}}"
    other = {
        "text.txt": "yaql: 1\nyaql: 2",
        "cfn.json": '{"AWSTemplateFormatVersion": "2010-09-09", "a": 1, "a": 2}',
    }
    found = find_warnings(Source(VERSION, files={"old.yaml": old, **other}))
    assert [(warning.path, warning.reason) for warning in found] == [
        ("old.yaml", "REPEATED_KEY"),
        ("<old.yaml>.outputs.o.value.yaql", "NEWER_FUNCTION"),
        ("cfn.json", "REPEATED_KEY"),
    ]


@pytest.mark.parametrize(
    ("text", "path", "meant"),
    [
        ("outputs: {o: {value: {get_parm: x}}}", "outputs.o.value.get_parm", "get_param"),
        ("outputs: {o: {value: {Get_Param: x}}}", "outputs.o.value.Get_Param", "get_param"),
        ("outputs: {o: {value: [{getattr: [a, b]}]}}", "outputs.o.value[0].getattr", "get_attr"),
        (
            "resources: {a: {type: T, properties: {p: {str_replce: {params: {x: {get_atr: [a]}}}}}}}",
            "resources.a.properties.p.str_replce",
            "str_replace",
        ),
        (
            "resources: {a: {type: T, metadata: {m: {get_fle: x}}}}",
            "resources.a.metadata.m.get_fle",
            "get_file",
        ),
        ("conditions: {c: {equls: [1, 1]}}", "conditions.c.equls", "equals"),
        ("conditions: {c: {nott: d}}", "conditions.c.nott", "not"),
        ("conditions: {c: {equals: [{get_parm: x}, 1]}}", "conditions.c.equals[0].get_parm", "get_param"),
    ],
)
def test_misspelt_functions(text: str, path: str, meant: str) -> None:
    warning = find_warnings(Source(VERSION + text))[0]
    name = path.rpartition(".")[2]
    assert (warning.path, warning.reason) == (path, "MISSPELT_FUNCTION")
    assert warning.message == f"is plain data: there is no function {name}; did you mean {meant}?"


def test_misspelt_functions_of_cloudformation() -> None:
    text = (
        "AWSTemplateFormatVersion: 2010-09-09\nConditions: {c: {'Fn::Equal': [1, 1]}}\n"
        "Resources: {a: {Type: T, Properties: {p: {ref: b}, q: {'Fn::GetAttr': [a, b]}}}}"
    )
    assert [warning.path for warning in find_warnings(Source(text))] == [
        "Resources.a.Properties.p.ref",
        "Resources.a.Properties.q.Fn::GetAttr",
        "Conditions.c.Fn::Equal",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "resources: {get_parm: {type: T, properties: {get_params: 5}}}",
        "resources: {a: {type: T, properties: {p: {filters: 1}, q: {note: 1}, r: {get_parm: 1, s: 2}}}}",
        "outputs: {get_atr: {value: {equal: [1, 1]}}}",
        "conditions: {equal: {equals: [1, 1]}}",
        "parameters: {p: {type: json, default: {get_parm: x}}}",
    ],
)
def test_what_is_no_function_and_need_not_be(text: str) -> None:
    assert not find_warnings(Source(VERSION + text))


def test_the_page_of_the_functions_is_that_of_the_code() -> None:
    assert (DOCS / "functions.md").read_text() == page(), (
        "python -m global_heat.template.reference > docs/functions.md"
    )

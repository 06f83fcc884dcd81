"""Whatever is wrong with a template is told at once: where it is, what was found, what was expected."""

from __future__ import annotations

import pytest

from global_heat.model.errors import Invalid
from global_heat.template.view import NothingYet
from tests.unit.template.compiling import VERSION, compile_text, faults_of

A = "resources: {a: {type: 'OS::Heat::None'"


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("heat_template_version: 2013-05-24\n", "heat_template_version", "expected one of 2013-05-23"),
        ("heat_template_version:\n", "heat_template_version", "found nothing"),
        ("heat_template_version: kilo\n", "heat_template_version", "newton"),
        ("Resources: {}", "Resources", "is no section; expected one of description"),
        ("resources: [a]", "resources", "expected a map of names, found a list"),
        ("resources: {a: null}", "resources.a", "expected a map"),
        ("resources: {a: {properties: {}}}", "resources.a.type", "expected the name of a resource type"),
        ("resources: {a: {type: 'OS::No::Such'}}", "resources.a.type", "is not known"),
        ("resources: {a: {type: 'os::nova::server'}}", "resources.a.type", "did you mean OS::Nova::Server?"),
        (A + ", Type: x}}", "resources.a.Type", "is no key of a resource"),
        (A + ", properties: [a]}}", "resources.a.properties", "expected a map"),
        (A + ", properties: null}}", "resources.a.properties", "expected a map"),
        (A + ", metadata: x}}", "resources.a.metadata", "expected a map"),
        (A + ", depends_on: 5}}", "resources.a.depends_on", "a resource's name or a list"),
        (A + ", depends_on: [5]}}", "resources.a.depends_on", "a resource's name or a list"),
        (A + ", depends_on: zz}}", "resources.a.depends_on[0]", "there is no resource zz"),
        (
            A + ", deletion_policy: Keep}}",
            "resources.a.deletion_policy",
            "expected Delete, Retain or Snapshot",
        ),
        (
            A + ", deletion_policy: null}}",
            "resources.a.deletion_policy",
            "expected Delete, Retain or Snapshot",
        ),
        (A + ", update_policy: {x: 1}}}", "resources.a.update_policy.x", "is no property here"),
        (A + ", external_id: 5}}", "resources.a.external_id", "the id of a thing"),
        (A + ", condition: zz}}", "resources.a.condition", "there is no condition zz"),
        (A + ", condition: [c]}}", "resources.a.condition", "expected a condition's name"),
        ("resources: {a/b: {type: 'OS::Heat::None'}}", "resources.a/b", 'hold a "/"'),
        ("resources: {'': {type: 'OS::Heat::None'}}", "resources.", "must not be empty"),
        (A + "}}\nparameters: {a: {type: string, default: x}}", "resources.a", "name of a parameter"),
        ("parameters: {p: null}", "parameters.p", "expected a map"),
        ("outputs: {o: x}", "outputs.o", "expected a map with the output's value"),
        ("outputs: {o: {description: d}}", "outputs.o", "found a map without value"),
        ("outputs: {o: {description: d, val: 1}}", "outputs.o", "found a map without value, with val"),
        ("outputs: {o: x}", "outputs.o", 'found the text "x"'),
        (
            "parameter_groups: [{label: l, params: []}]",
            "parameter_groups[0]",
            "found a map without parameters, with params",
        ),
        (
            "outputs: {o: {value: {str_replace: {template: a, parms: {}}}}}",
            "outputs.o.value.str_replace",
            "found a map without params, with parms",
        ),
        ("outputs: {o: {value: {str_replace: [a]}}}", "outputs.o.value.str_replace", "found a list"),
        (
            "outputs: {o: {value: {repeat: {permutations: true}}}}",
            "outputs.o.value.repeat",
            "found a map without template and for_each",
        ),
        (
            "outputs: {o: {value: {yaql: {expr: $, data: 1}}}}",
            "outputs.o.value.yaql",
            "found a map without expression, with expr",
        ),
        (
            "outputs: {o: {value: {yaql: {expression: $, dat: 1}}}}",
            "outputs.o.value.yaql",
            "found a map with dat",
        ),
        ("outputs: {o: {value: 1, condition: zz}}", "outputs.o.condition", "there is no condition zz"),
        ("conditions: [c]", "conditions", "expected a map"),
        ("conditions: {c: 1}", "conditions.c", "expected true, false or a function"),
        ("conditions: {c: d, d: true}", "conditions.c", "expected true, false or a function"),
        (
            "conditions: {c: {not: c}}\noutputs: {o: {value: {if: [c, 1, 2]}}}",
            "conditions.c.not",
            "depends on itself",
        ),
        ("conditions: {c: {equals: [1]}}", "conditions.c.equals", "[value, value]"),
        ("conditions: {c: {str_replace: {}}}", "conditions.c.str_replace", "cannot be used in a condition"),
        ("conditions: {yes: true}", "conditions.true", "choose another one"),
    ],
)
def test_each_class(text: str, path: str, expected: str) -> None:
    found = faults_of(text)
    assert list(found) == [path]
    assert expected in found[path]


def test_a_template_that_is_none() -> None:
    assert list(faults_of("heat_template_version")) == ["template"]
    assert list(faults_of("[heat_template_version]")) == ["template"]
    both = "{AWSTemplateFormatVersion: '2010-09-09', heat_template_version: '2018-08-31'}"
    assert list(faults_of(both)) == ["AWSTemplateFormatVersion"]
    assert list(faults_of("AWSTemplateFormatVersion: heat_template_version")) == ["AWSTemplateFormatVersion"]


def test_a_circle_of_conditions() -> None:
    circle = "conditions: {c: {not: d}, d: {not: c}}\n"
    compile_text(circle)  # as in Heat, nobody notices as long as nobody asks
    found = faults_of(circle + "resources: {a: {type: 'OS::Heat::None', condition: c}}")
    assert all("depends on itself" in message for message in found.values())


def test_older_versions_do_not_know_what_came_later() -> None:
    old = "heat_template_version: 2015-10-15\n"
    assert "resources.a.condition" in faults_of(old + A + ", condition: true}}")
    assert "resources.a.deletion_policy" in faults_of(old + A + ", deletion_policy: retain}}")
    assert "conditions" in faults_of(old + "conditions: {c: true}")
    assert compile_text(old + "outputs: {o: {value: 1, condition: false}}")


def test_all_at_once() -> None:
    found = faults_of(
        "nope: 1\n"
        "parameters: {p: {type: number}, q: {type: lost}, r: {type: string}}\n"
        "conditions: {c: 5}\n"
        "resources:\n"
        "  a: {type: 'OS::No::Such'}\n"
        "  b: {type: 'OS::Heat::RandomString', properties: {length: [], salt: {}, x: 1}}\n"
        "  c: {type: 'OS::Heat::Value', region: Mars, depends_on: zz, properties: {value: {get_param: zz}}}\n"
        "  d: {type: 'OS::Heat::Value', properties: {value: {get_resource: d}}}\n"
        "outputs: {o: {value: {get_attr: [b, zz]}}}\n",
        parameters={"p": "x", "s": 1},
    )
    assert found.keys() == {
        "nope",
        "parameters.p",
        "parameters.q.type",
        "parameters.r",
        "parameters.s",
        "conditions.c",
        "resources.a.type",
        "resources.b.properties.length",
        "resources.b.properties.salt",
        "resources.b.properties.x",
        "resources.c.region",
        "resources.c.depends_on[0]",
        "resources.c.properties.value.get_param",
        "resources.d",
        "outputs.o.value.get_attr",
    }


def test_what_depends_on_something_faulty_is_not_told_again() -> None:
    found = faults_of(
        "parameters: {p: {type: number}}\n"
        "conditions: {c: {equals: [{get_param: p}, 1]}}\n"
        "resources:\n"
        "  a: {type: 'OS::Heat::RandomString', condition: c, properties: {length: {get_param: p}}}\n"
        "  b: {type: 'OS::Heat::Value', properties: {value: {get_resource: a}}}\n",
        parameters={"p": "x"},
    )
    assert list(found) == ["parameters.p"]


def test_a_thousand_times_the_same_is_cut_short() -> None:
    text = "resources:\n" + "".join(f"  r{n}: {{type: 'OS::No::Such'}}\n" for n in range(1000))
    with pytest.raises(Invalid) as caught:
        compile_text(text)
    assert len(caught.value.faults) == 100
    assert "1000 faults; the first 100 are shown" in str(caught.value)


def test_too_many_resources() -> None:
    child = (
        "heat_template_version: rocky\n"
        "resources: {g: {type: 'OS::Heat::ResourceGroup', properties:"
        " {count: 5000, resource_def: {type: 'OS::Heat::None'}}}}"
    )
    [message] = faults_of(
        "resources: {a: {type: 'OS::Heat::ResourceGroup', properties:"
        " {count: 5000, resource_def: {type: c.yaml}}}}",
        files={"c.yaml": child},
    ).values()
    assert "split the stack" in message


def test_a_region_condition_or_count_cannot_wait_for_a_resource() -> None:
    child = (
        "heat_template_version: rocky\nparameters: {p: {type: string}}\n"
        "conditions: {c: {equals: [{get_param: p}, x]}}"
    )
    found = faults_of(
        "resources:\n"
        "  a: {type: 'OS::Heat::RandomString'}\n"
        "  b: {type: c.yaml, properties: {p: {get_attr: [a, value]}}}\n",
        files={"c.yaml": child},
    )
    assert list(found) == ["resources.b<c.yaml>.conditions.c"]


def test_outputs_that_fail_only_when_asked_for_fail_alone() -> None:
    tree = compile_text(
        VERSION + "outputs: {bad: {value: {get_param: zz}}, good: {value: 1, description: d},"
        " gone: {value: 2, condition: false}}"
    )
    found = tree.outputs(NothingYet())
    assert "no parameter zz" in found["bad"].error
    assert (found["good"].value, found["good"].description, found["good"].error) == (1, "d", "")
    assert found["gone"].value is None

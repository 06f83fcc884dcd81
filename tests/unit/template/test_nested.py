from __future__ import annotations

import pytest

from global_heat.model.names import Path
from global_heat.model.values import Json
from global_heat.template.tree import Tree
from global_heat.template.view import NothingYet
from tests.unit.template.compiling import Recorded, compile_text, faults_of

CHILD = """
heat_template_version: 2018-08-31
description: A child
parameters:
  s: {type: string}
  n: {type: number, default: 3}
  l: {type: comma_delimited_list, default: "x,y"}
  j: {type: json, default: {}}
  b: {type: boolean, default: false}
resources:
  v:
    type: OS::Heat::Value
    properties: {value: [{get_param: s}, {get_param: n}, {get_param: l}, {get_param: j}, {get_param: b}]}
outputs:
  out: {value: {get_attr: [v, value, 0]}}
  name: {value: {get_param: "OS::stack_name"}}
"""
FILES = {"ch.yaml": CHILD}


def value_at(tree: Tree, path: str) -> Json:
    return tree.properties(Path(path), NothingYet())["value"]


def outputs(tree: Tree, things: dict[str, dict[str, Json]] | None = None) -> dict[str, Json]:
    found = tree.outputs(Recorded(things or {}))
    assert not [output.error for output in found.values() if output.error]
    return {name: output.value for name, output in found.items()}


def test_properties_become_parameters() -> None:
    tree = compile_text(
        "resources: {a: {type: ch.yaml, properties: {s: 5, n: '7', l: [p, '1'], j: {k: [1]}, b: 'True'}}}",
        files=FILES,
    )
    assert value_at(tree, "a/v") == ["5", 7, ["p", "1"], {"k": [1]}, True]
    [container] = tree.containers.values()
    assert (container.path, container.description, container.file, container.resources) == (
        "a",
        "A child",
        "ch.yaml",
        ("v",),
    )


def test_defaults_come_from_the_environment_too_but_parameters_do_not() -> None:
    environment = {"parameter_defaults": {"s": "def"}, "parameters": {"s": "not this"}}
    tree = compile_text(
        "parameters: {s: {type: string}}\nresources: {a: {type: ch.yaml}}",
        files=FILES,
        environment=environment,
    )
    assert value_at(tree, "a/v")[0] == "def"
    found = faults_of("resources: {a: {type: ch.yaml}}", files=FILES)
    assert found == {"resources.a.properties": "the property s is required and missing; add it"}


def test_what_does_not_fit_is_located_where_it_is_given() -> None:
    found = faults_of(
        "resources: {a: {type: ch.yaml, properties: {s: x, b: 'yes', n: {k: v}, zz: 1}}}", files=FILES
    )
    assert found.keys() == {
        "resources.a.properties.b",
        "resources.a.properties.n",
        "resources.a.properties.zz",
    }


def test_outputs_are_attributes() -> None:
    tree = compile_text(
        "resources: {a: {type: ch.yaml, properties: {s: x}}}\n"
        "outputs:\n"
        "  o: {value: {get_attr: [a, out]}}\n"
        "  r: {value: {get_attr: [a, resource.v]}}\n"
        "  w: {value: {get_attr: [a, resource.v, value, 0]}}\n"
        "  ref: {value: {get_resource: a}}\n"
        "  name: {value: {get_attr: [a, name]}}\n",
        files=FILES,
    )
    found = outputs(tree, {"a/v": {"": "id", "value": ["x"]}})
    container = tree.containers[Path("a")]
    assert (found["o"], found["r"], found["w"]) == ("x", "id", "x")
    assert found["ref"] == f"arn:openstack:heat::project:stacks/{container.stack_name}/{container.stack_id}"
    assert found["name"] == container.stack_name
    assert container.stack_name.startswith("stack-a-")
    assert tree.needed_attributes(Path("a/v")) == {"", "value"}
    nested = tree.outputs(Recorded({"a/v": {"value": ["x"]}}), Path("a"))
    assert nested["out"].value == "x"


def test_names_and_ids_of_nested_stacks_are_the_same_each_time_and_differ() -> None:
    text = "resources: {a: {type: ch.yaml, properties: {s: x}}, b: {type: ch.yaml, properties: {s: x}}}"
    first, second = compile_text(text, files=FILES), compile_text(text, files=FILES)
    assert first.containers == second.containers
    assert len({container.stack_id for container in first.containers.values()}) == 2


def test_an_output_that_is_not_there_is_an_error_of_who_asks() -> None:
    text = "resources: {a: {type: ch.yaml, properties: {s: x}}}\noutputs: {o: {value: {get_attr: [a, zz]}}}"
    output = compile_text(text, files=FILES).outputs(NothingYet())["o"]
    assert "no output zz; it has name, out" in output.error


def test_faults_inside_are_located_with_the_file() -> None:
    child = (
        "heat_template_version: rocky\n"
        "resources:\n"
        "  x: {type: 'OS::No::Such'}\n"
        "  y: {type: 'OS::Heat::RandomString', properties: {length: a}}\n"
        "nope: 1\n"
    )
    found = faults_of(
        "resources: {a: {type: c.yaml}, g: {type: 'OS::Heat::ResourceGroup', properties:"
        " {count: 2, resource_def: {type: c.yaml}}}}",
        files={"c.yaml": child},
    )
    group = "resources.g.properties.resource_def<c.yaml>"
    assert found.keys() == {
        "<c.yaml>.nope",
        "resources.a<c.yaml>.resources.x.type",
        "resources.a<c.yaml>.resources.y.properties.length",
        f"{group}.resources.x.type",
        f"{group}.resources.y.properties.length",
    }


def test_a_file_that_is_missing_or_cannot_be_read() -> None:
    found = faults_of("resources: {a: {type: zz.yaml}, b: {type: bad.yaml}}", files={"bad.yaml": "a: [}"})
    assert found.keys() == {"resources.a.type", "<bad.yaml>"}


def test_a_template_that_nests_itself_comes_to_an_end() -> None:
    child = "heat_template_version: rocky\nresources: {x: {type: c.yaml}}"
    [message] = faults_of("resources: {a: {type: c.yaml}}", files={"c.yaml": child}).values()
    assert "more than 5 stacks deep" in message


def group(properties: str) -> str:
    return f"resources: {{g: {{type: 'OS::Heat::ResourceGroup', properties: {{{properties}}}}}}}\n"


VALUE = "type: 'OS::Heat::Value', properties: "


def test_a_group_puts_the_index_in() -> None:
    tree = compile_text(
        group(f"count: '2', resource_def: {{{VALUE}{{value: {{'k%index%': [v%index%, 5]}}}}}}")
    )
    assert list(tree.definitions) == ["g/0", "g/1"]
    assert value_at(tree, "g/1") == {"k%index%": ["v1", 5]}
    tree = compile_text(
        group(f"index_var: $i$, resource_def: {{{VALUE}{{value: 'v$i$ %index%', type: null}}}}")
    )
    assert value_at(tree, "g/0") == "v0 %index%"


def test_removal_policies_take_names_out() -> None:
    tree = compile_text(
        group(
            "count: 2, removal_policies: [{resource_list: [0, '2']}], resource_def: {type: 'OS::Heat::None'}"
        )
    )
    assert list(tree.definitions) == ["g/1", "g/3"]


def test_attributes_of_a_group() -> None:
    tree = compile_text(
        group("count: 2, resource_def: {type: ch.yaml, properties: {s: 'n%index%', l: [a, b]}}")
        + "outputs:\n"
        "  list: {value: {get_attr: [g, out]}}\n"
        "  one: {value: {get_attr: [g, resource.1.out]}}\n"
        "  other: {value: {get_attr: [g, resource.0, out]}}\n"
        "  map: {value: {get_attr: [g, attributes, out]}}\n"
        "  refs: {value: {get_attr: [g, refs]}}\n"
        "  refs_map: {value: {get_attr: [g, refs_map, '1']}}\n",
        files=FILES,
    )
    found = outputs(tree, {"g/0/v": {"value": ["n0"]}, "g/1/v": {"value": ["n1"]}})
    assert found["list"] == ["n0", "n1"]
    assert (found["one"], found["other"]) == ("n1", "n0")
    assert found["map"] == {"0": "n0", "1": "n1"}
    assert (
        found["refs"][1]
        == found["refs_map"]
        == (
            "arn:openstack:heat::project:stacks/"
            f"{tree.containers[Path('g/1')].stack_name}/{tree.containers[Path('g/1')].stack_id}"
        )
    )


def test_values_that_are_not_known_yet_reach_the_members() -> None:
    tree = compile_text(
        "resources:\n"
        f"  a: {{{VALUE}{{value: 1}}}}\n"
        "  g: {type: 'OS::Heat::ResourceGroup', properties: {count: 2, resource_def: {type: ch.yaml,"
        " properties: {s: {list_join: ['-', ['%index%', {get_attr: [a, value]}]]}}}}}\n",
        files=FILES,
    )
    things = {"a": {"value": "x"}}
    assert tree.properties(Path("g/1/v"), Recorded(things))["value"][0] == "1-x"
    assert set(tree.requires(Path("g/1/v"))) == {"a"}


@pytest.mark.parametrize(
    ("properties", "path"),
    [
        ("count: -1, resource_def: {type: 'OS::Heat::None'}", ".count"),
        ("count: 99999999, resource_def: {type: 'OS::Heat::None'}", ".count"),
        ("count: 1, resource_def: {get_attr: [a, value]}", ".resource_def.properties"),
        ("count: 1, resource_def: {type: 'OS::Heat::None', depends_on: a}", ".resource_def.depends_on"),
        ("count: 1", ""),
        (
            "removal_policies_mode: sometimes, resource_def: {type: 'OS::Heat::None'}",
            ".removal_policies_mode",
        ),
        (
            f"count: 5, resource_def: {{{VALUE}{{value: {{get_resource: zz}}}}}}",
            ".resource_def.properties.value.get_resource",
        ),
        (
            f"count: 0, resource_def: {{{VALUE}{{value: {{get_resource: zz}}}}}}",
            ".resource_def.properties.value.get_resource",
        ),
    ],
)
def test_bad_groups(properties: str, path: str) -> None:
    found = faults_of(
        f"resources:\n  a: {{{VALUE}{{value: 1}}}}\n"
        f"  g: {{type: 'OS::Heat::ResourceGroup', properties: {{{properties}}}}}\n"
    )
    assert list(found) == [f"resources.g.properties{path}"]


def test_what_is_broken_is_told_once_and_not_again_where_it_is_used() -> None:
    found = faults_of(
        "resources:\n"
        "  a: {type: 'OS::No::Such'}\n"
        "  g: {type: 'OS::Heat::ResourceGroup', properties: {count: {get_param: n},"
        " resource_def: {type: 'OS::Heat::None'}}}\n"
        f"  b: {{depends_on: g, {VALUE}{{value: [{{get_attr: [a, x]}}, {{get_attr: [g, refs]}}]}}}}\n"
        "parameters: {n: {type: number}}\n"
        "outputs: {o: {value: {get_resource: a}}}\n",
        parameters={"n": "many"},
    )
    assert found.keys() == {"resources.a.type", "parameters.n"}

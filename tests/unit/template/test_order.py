from __future__ import annotations

from global_heat.model.names import Path
from tests.unit.template.compiling import compile_text, faults_of

V = "type: 'OS::Heat::Value', properties: {value: "


def edges(text: str, **more: object) -> set[tuple[str, str]]:
    tree = compile_text(text, **more)  # type: ignore[arg-type]
    return {(path, need) for path in tree.definitions for need in tree.requires(path)}


def test_references_attributes_metadata_and_depends_on() -> None:
    assert edges(
        "resources:\n"
        f"  a: {{{V}1}}}}\n"
        f"  b: {{{V}{{get_resource: a}}}}}}\n"
        f"  c: {{{V}[{{get_attr: [b, value, x]}}]}}}}\n"
        f"  d: {{depends_on: [a, c], {V}1}}}}\n"
        f"  e: {{depends_on: a, metadata: {{k: {{get_attr: [d, value]}}}}, {V}1}}}}\n"
        f"  f: {{{V}{{get_resource: a, x: 1}}}}}}\n"
        f"outputs: {{o: {{value: {{get_resource: f}}}}}}\n"
    ) == {("b", "a"), ("c", "b"), ("d", "a"), ("d", "c"), ("e", "a"), ("e", "d")}


def test_only_the_chosen_branch_counts() -> None:
    assert edges(
        "conditions: {c: false}\n"
        "resources:\n"
        f"  a: {{{V}1}}}}\n"
        f"  b: {{{V}1}}}}\n"
        f"  r: {{{V}{{if: [c, {{get_resource: a}}, {{get_resource: b}}]}}}}}}\n"
    ) == {("r", "b")}


def test_a_resource_that_is_not_there_is_waited_for_by_nobody() -> None:
    tree = compile_text(
        "conditions: {c: false}\n"
        "resources:\n"
        f"  a: {{condition: c, {V}1}}}}\n"
        f"  b: {{depends_on: a, condition: {{not: c}}, {V}1}}}}\n"
    )
    assert list(tree.definitions) == ["b"]
    assert not tree.requires(Path("b"))


def test_circles_are_told_with_their_way() -> None:
    found = faults_of(
        "resources:\n"
        f"  a: {{{V}{{get_resource: b}}}}}}\n"
        f"  b: {{depends_on: a, {V}1}}}}\n"
        f"  c: {{{V}{{get_resource: c}}}}}}\n"
        f"  d: {{{V}{{get_attr: [a, value]}}}}}}\n"
    )
    assert len(found) == 2
    assert any("a → b → a" in message or "b → a → b" in message for message in found.values())
    assert any("c → c" in message for message in found.values())


def test_needed_attributes() -> None:
    tree = compile_text(
        "resources:\n"
        f"  a: {{{V}1}}}}\n"
        f"  b: {{{V}[{{get_resource: a}}, {{get_attr: [c, value]}}]}}}}\n"
        f"  c: {{{V}1}}}}\n"
        f"  d: {{{V}1}}}}\n"
        "outputs: {o: {value: {get_attr: [a, value]}}}\n"
    )
    assert {path: set(tree.needed_attributes(path)) for path in tree.definitions} == {
        "a": {"", "value"},
        "b": set(),
        "c": {"value"},
        "d": set(),
    }


NETWORK = """
resources:
  ext: {type: OS::Neutron::Net}
  exts: {type: OS::Neutron::Subnet, properties: {network: {get_resource: ext}, cidr: 10.9.0.0/24}}
  net: {type: OS::Neutron::Net}
  sub: {type: OS::Neutron::Subnet, properties: {network_id: {get_resource: net}, cidr: 10.0.0.0/24}}
  rtr: {type: OS::Neutron::Router, properties: {external_gateway_info: {network: {get_resource: ext}}}}
  itf:
    type: OS::Neutron::RouterInterface
    properties: {router: {get_resource: rtr}, subnet: {get_resource: sub}}
  port: {type: OS::Neutron::Port, properties: {network_id: {get_resource: net}}}
  fip:
    type: OS::Neutron::FloatingIP
    properties: {floating_network: {get_resource: ext}, port_id: {get_resource: port}}
  srv: {type: OS::Nova::Server, properties: {flavor: f, networks: [{port: {get_resource: port}}]}}
"""


def test_orders_that_neutron_needs_and_nobody_writes() -> None:
    found = edges(NETWORK)
    assert {("rtr", "exts"), ("port", "sub"), ("fip", "rtr"), ("fip", "itf"), ("srv", "sub")} <= found
    assert ("srv", "itf") not in found


def test_they_are_inferred_inside_one_region_only() -> None:
    text = (
        "resources:\n"
        "  sub: {type: 'OS::Neutron::Subnet', region: Two, properties: {network: n, cidr: 10.0.0.0/24}}\n"
        "  one: {type: 'OS::Neutron::Port', properties: {network: n}}\n"
        "  two: {type: 'OS::Neutron::Port', region: Two, properties: {network: n}}\n"
    )
    assert edges(text) == {("two", "sub")}


CHILD = (
    "heat_template_version: rocky\n"
    "parameters: {p: {type: string, default: ''}, q: {type: string, default: ''}}\n"
    "resources:\n"
    f"  x: {{{V}{{get_param: p}}}}}}\n"
    f"  y: {{{V}{{get_resource: x}}}}}}\n"
    f"  z: {{{V}{{get_param: q}}}}}}\n"
    "outputs: {o: {value: {get_attr: [x, value]}}}\n"
)


def test_through_nested_stacks() -> None:
    text = (
        "resources:\n"
        f"  a: {{{V}1}}}}\n"
        f"  b: {{{V}1}}}}\n"
        "  n: {type: c.yaml, depends_on: b, properties: {p: {get_resource: a}}}\n"
        f"  user: {{{V}{{get_attr: [n, o]}}}}}}\n"
        f"  after: {{depends_on: n, {V}1}}}}\n"
    )
    assert edges(text, files={"c.yaml": CHILD}) == {
        ("n/x", "a"),
        ("n/x", "b"),
        ("n/y", "n/x"),
        ("n/y", "b"),
        ("n/z", "b"),
        ("user", "n/x"),
        ("user", "n/y"),
        ("user", "n/z"),
        ("after", "n/y"),
        ("after", "n/z"),
    }


def test_an_empty_group_hands_on_what_it_waits_for() -> None:
    text = (
        "resources:\n"
        f"  a: {{{V}1}}}}\n"
        "  g: {type: 'OS::Heat::ResourceGroup', depends_on: a, properties:"
        " {count: 0, resource_def: {type: 'OS::Heat::None'}}}\n"
        f"  b: {{depends_on: g, {V}1}}}}\n"
    )
    assert edges(text) == {("b", "a")}


def test_a_circle_through_a_nested_stack() -> None:
    text = (
        "resources:\n"
        f"  a: {{{V}{{get_attr: [n, o]}}}}}}\n"
        "  n: {type: c.yaml, properties: {q: {get_resource: a}}}\n"
    )
    [message] = faults_of(text, files={"c.yaml": CHILD}).values()
    assert "n/z" in message

"""Whatever stands in a template, the answer is a tree or located faults, never anything else."""

from __future__ import annotations

import copy
import random

import pytest
import yaml

from global_heat.model.errors import Invalid
from global_heat.model.values import Json
from global_heat.template.view import NothingYet
from tests.unit.template.compiling import compile_text

TEMPLATE = """
heat_template_version: 2021-04-16
parameters:
  p: {type: json, default: {k: [1]}}
  q: {type: number, default: 2, constraints: [{range: {min: 1}}]}
parameter_groups: [{label: L, parameters: [p]}]
conditions: {c: {equals: [{get_param: q}, 2]}}
resources:
  a: {type: OS::Heat::Value, properties: {value: {get_param: [p, k]}, type: comma_delimited_list}}
  b:
    type: OS::Neutron::Port
    region: Two
    condition: c
    depends_on: [a]
    metadata: {k: {get_attr: [a, value]}}
    properties: {network: {get_attr: [g, refs, 0]}, fixed_ips: [{subnet: {if: [c, x, y]}}]}
  g:
    type: OS::Heat::ResourceGroup
    properties: {count: {get_param: q}, resource_def: {type: c.yaml, properties: {s: "%index%"}}}
outputs:
  o: {value: {repeat: {template: {get_attr: [g, attributes, out]}, for_each: {x: [a, b]}}}, condition: c}
"""
CHILD = """
heat_template_version: rocky
parameters: {s: {type: string}}
resources: {v: {type: OS::Heat::RandomString, properties: {salt: {get_param: s}}}}
outputs: {out: {value: {str_replace: {template: a, params: {a: {get_attr: [v, value]}}}}}}
"""
ATOMS: list[Json] = [
    *(None, True, -1, 1.5, 10**6, float("inf"), "", "x", "a", [], {}, [1, [2]], {"a": {"b": 1}}, {1: 2}),
    *("OS::Heat::ResourceGroup", "c.yaml", {"get_param": "p"}, {"get_param": [None]}, {"get_resource": "a"}),
    *({"get_attr": ["a", "value"]}, {"get_attr": [["a"], {}]}, {"get_attr": [{"get_resource": "a"}]}),
    *({"if": ["c", 1]}, {"and": []}, {"digest": [[], []]}, {"contains": [1, "a"]}, {"filter": [[{}], [{}]]}),
    *({"map_replace": [{"a": []}, {"keys": {"a": []}}]}, {"make_url": {"port": {}}}, {"get_file": []}),
    *({"str_replace": {"template": [], "params": {"": {}}}}, {"resource_facade": []}, {"list_join": [1, 2]}),
]


def spots(data: Json) -> list[tuple[Json, Json]]:
    """Every place in nested data, as its container and key."""
    keys = list(data) if isinstance(data, dict) else list(range(len(data))) if isinstance(data, list) else []
    return [spot for key in keys for spot in ((data, key), *spots(data[key]))]


def mutated(data: Json, chance: random.Random) -> Json:
    data = copy.deepcopy(data)
    for _ in range(chance.randint(1, 3)):
        container, key = chance.choice(spots(data) or [({}, "x")])
        if chance.random() < 0.3 and isinstance(container, dict):
            key = chance.choice([5, True, None, "", "depends_on", "condition", "region", "count"])
        if key != "heat_template_version":
            container[key] = copy.deepcopy(chance.choice(ATOMS))
    return data


def test_without_a_mutation_it_compiles() -> None:
    assert compile_text(TEMPLATE, files={"c.yaml": CHILD}).definitions.keys() == {"a", "b", "g/0/v", "g/1/v"}


@pytest.mark.parametrize("seed", range(4))
def test_any_mutation(seed: int) -> None:
    chance = random.Random(seed)
    template, child = yaml.safe_load(TEMPLATE), yaml.safe_load(CHILD)
    compiled = 0
    for _ in range(150):
        text = yaml.safe_dump(mutated(template, chance), sort_keys=False)
        inner = yaml.safe_dump(mutated(child, chance) if chance.random() < 0.5 else child)
        try:
            tree = compile_text(text, files={"c.yaml": inner})
        except Invalid as invalid:
            assert invalid.faults, text
            continue
        compiled += 1
        tree.outputs(NothingYet())
        tree.parameters_shown()
        for path in tree.definitions:
            tree.properties(path, NothingYet())
    assert compiled

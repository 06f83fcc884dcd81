from __future__ import annotations

import pytest

from global_heat.model.errors import Invalid
from global_heat.model.names import Path
from global_heat.model.values import Json
from global_heat.template.merging import merge_environments
from global_heat.template.view import NothingYet
from tests.unit.template.compiling import compile_text, faults_of


def types_of(text: str, registry: Json, **more: object) -> dict[str, str]:
    tree = compile_text(text, environment={"resource_registry": registry}, **more)  # type: ignore[arg-type]
    return {path: definition.type for path, definition in tree.definitions.items()}


def test_the_last_of_the_same_counts() -> None:
    merged = merge_environments(
        [
            "parameters: {a: 1, j: {x: 1}, kept: yes}\n"
            "resource_registry: {A: B, C: D, resources: {r: {X: Y}}}",
            "",
            "parameters: {a: 2, j: {y: 2}, kept: null}\n"
            "resource_registry: {C: null, resources: {r: {Z: W}, s: {X: Y}}}\n"
            "regions: {default: One}",
        ]
    )
    assert merged == {
        "parameters": {"a": 2, "j": {"y": 2}, "kept": True},
        "resource_registry": {"A": "B", "C": "D", "resources": {"r": {"Z": "W"}, "s": {"X": "Y"}}},
        "regions": {"default": "One"},
    }


def test_files_by_name() -> None:
    assert merge_environments(["e.yaml"], {"e.yaml": "parameters: {a: 1}"}) == {"parameters": {"a": 1}}


TYPES = {"j": "json", "l": "comma_delimited_list", "s": "string", "n": "number"}


@pytest.mark.parametrize(
    ("first", "second", "merged"),
    [
        ("{j: merge}", "", {"a": 1, "b": 2}),
        ("{default: merge}", "", {"a": 1, "b": 2}),
        ("{j: merge}", "{default: overwrite}", {"a": 1, "b": 2}),
        ("{s: merge}", "", {"b": 2}),
    ],
)
def test_a_strategy_holds_in_later_environments(first: str, second: str, merged: Json) -> None:
    def environment(strategies: str, values: str) -> str:
        said = f"parameter_merge_strategies: {strategies}\n" if strategies else ""
        return f"{said}parameters: {values}"

    found = merge_environments(
        [environment(first, "{j: {a: 1}}"), environment(second, "{j: {b: 2}}")], types=TYPES
    )
    assert found["parameters"]["j"] == merged


def test_one_strategy_for_all() -> None:
    texts = ["parameters: {j: {a: 1}}", "parameter_merge_strategies: {j: merge}\nparameters: {j: {b: 1}}"]
    with pytest.raises(Invalid) as caught:
        merge_environments(texts, types=TYPES)
    assert [fault.path for fault in caught.value.faults] == ["environment 2.parameters.j"]


BESIDE = """
parameters: {j: {type: json}, l: {type: comma_delimited_list}, s: {type: string}, n: {type: number}}
resources: {a: {type: 'OS::Heat::Value', properties: {value: {get_param: %s}}}}"""


@pytest.mark.parametrize(
    ("strategy", "name", "given", "value"),
    [
        ("merge", "j", {"z": 1}, {"z": 1, "a": {"b": 1}}),
        ("merge", "j", '{"a": {"c": 1}}', {"a": {"b": 1}}),
        ("deep_merge", "j", {"a": {"c": 1}}, {"a": {"c": 1, "b": 1}}),
        ("overwrite", "j", {"z": 1}, {"z": 1}),
        ("merge", "l", ["x"], ["x", "y"]),
        ("merge", "l", "x,w", ["x", "w", "y"]),
        ("merge", "s", "given ", "given file"),
        ("merge", "n", None, 5),
    ],
)
@pytest.mark.parametrize("number", [1, 2])
def test_a_strategy_holds_for_what_is_handed_over(
    strategy: str, name: str, given: Json, value: Json, number: int
) -> None:
    text = f"parameter_merge_strategies: {{default: {strategy}}}\n" + (
        "parameters: {j: {a: {b: 1}}, l: [y], s: file, n: 5}"
    )
    environment = merge_environments([text, "regions: {default: One}"][:number], types=TYPES)
    tree = compile_text(BESIDE % name, {name: given}, environment)
    assert tree.properties(Path("a"), NothingYet())["value"] == value


def test_what_cannot_be_merged_with_what_is_handed_over() -> None:
    environment = {"parameter_merge_strategies": {"n": "merge"}, "parameters": {"n": 5}}
    found = faults_of(BESIDE % "n", parameters={"n": 4, "j": {}, "l": "", "s": ""}, environment=environment)
    assert found == {
        "parameters.n": "cannot be merged: it is a number, found the number 5; use the strategy overwrite"
    }


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a: [}", "environment 1"),
        ("[a]", "environment 1"),
        ("nope: {}", "environment 1.nope"),
        ("parameters: [a]", "environment 1.parameters"),
        ("parameters:", "environment 1.parameters"),
        ("event_sinks: {}", "environment 1.event_sinks"),
        ("event_sinks: [{type: nope}]", "environment.event_sinks[0]"),
        ("event_sinks: [{type: zaqar-queue}]", "environment.event_sinks[0].target"),
        ("event_sinks: [{type: zaqar-queue, target: [a]}]", "environment.event_sinks[0].target"),
        ("event_sinks: [{type: zaqar-queue, target: a/b}]", "environment.event_sinks[0].target"),
        ("event_sinks: [{type: zaqar-queue, target: a, ttl: soon}]", "environment.event_sinks[0].ttl"),
        ("event_sinks: [{type: zaqar-queue, target: a, ttl: true}]", "environment.event_sinks[0].ttl"),
        ("event_sinks: [{type: zaqar-queue, target: a, url: b}]", "environment.event_sinks[0].url"),
        ("parameter_merge_strategies: []", "environment 1.parameter_merge_strategies"),
        ("resource_registry: {A: [B]}", "environment.resource_registry.A"),
        ("resource_registry: {resources: 5}", "environment.resource_registry.resources"),
        (
            "resource_registry: {resources: {a: {hooks: create}}}",
            "environment.resource_registry.resources.a.hooks",
        ),
        (
            "resource_registry: {resources: {a: {restricted_actions: [update, delete]}}}",
            "environment.resource_registry.resources.a.restricted_actions",
        ),
        ("regions: {where: x}", "environment.regions.where"),
        ("regions: {default: 5}", "environment.regions.default"),
        ("regions: {resources: {a: 5}}", "environment.regions.resources.a"),
        ("regions: {names: {One: {zone: {a: b}}}}", "environment.regions.names.One.zone"),
        ("regions: {names: {One: {image: {a: 5}}}}", "environment.regions.names.One.image.a"),
    ],
)
def test_bad_environments(text: str, path: str) -> None:
    with pytest.raises(Invalid) as caught:
        merge_environments([text])
    assert [fault.path for fault in caught.value.faults] == [path]


@pytest.mark.parametrize("setting", ["hooks", "restricted_actions"])
def test_a_setting_that_is_null_says_nothing(setting: str) -> None:
    registry = {"resources": {"a": {setting: None}}}
    tree = compile_text(
        "resources: {a: {type: 'OS::Heat::None'}}", environment={"resource_registry": registry}
    )
    [definition] = tree.definitions.values()
    assert (definition.hooks, definition.restricted) == ((), ())


A = "resources: {a: {type: 'My::Type'}, web_1: {type: 'OS::Heat::RandomString'}}"
NONE, RANDOM = "OS::Heat::None", "OS::Heat::RandomString"


@pytest.mark.parametrize(
    ("registry", "types"),
    [
        ({"My::Type": NONE}, (NONE, RANDOM)),
        ({"My::Type": "A", "A": "B", "B": NONE}, (NONE, RANDOM)),
        ({"My::*": NONE}, (NONE, RANDOM)),
        ({"*": NONE}, (NONE, NONE)),
        ({"My::T*": "OS::Heat::R*", "OS::Heat::Rype": NONE}, (NONE, RANDOM)),
        ({"My::Type": RANDOM, "resources": {"a": {"My::Type": NONE}}}, (NONE, RANDOM)),
        ({"My::Type": RANDOM, RANDOM: NONE}, (NONE, NONE)),
        ({"My::*": NONE, "My::T*": RANDOM}, (NONE, RANDOM)),
        ({"My::Type": NONE, RANDOM: "No::Such"}, (NONE, RANDOM)),
        ({"My::Type": "No::Such", "My::*": NONE}, (NONE, RANDOM)),
        ({"My::Type": NONE, RANDOM: "A", "A": "No::Such"}, (NONE, RANDOM)),
        ({"My::Type": NONE, "resources": {"a": {"My::Type": "No::Such"}}}, (NONE, RANDOM)),
        ({"My::Type": NONE, "resources": {"web_1": {RANDOM: "No::Such"}}}, (NONE, RANDOM)),
    ],
)
def test_types_in_the_place_of_types(registry: Json, types: tuple[str, str]) -> None:
    assert types_of(A, registry) == {"a": types[0], "web_1": types[1]}


@pytest.mark.parametrize(
    "registry",
    [
        {},
        {"My::Type": None},
        {"My::Type": "No::Such"},
        {"My::*": "OS::Heat::*"},
        {"*::Type": "OS::Heat::None"},
        {"My::Type": "B", "B": "My::Type"},
        {"resources": {"a*": {"My::Type": "OS::Heat::None"}}},
    ],
)
def test_a_type_that_leads_nowhere(registry: Json) -> None:
    found = faults_of(A, environment={"resource_registry": registry})
    assert list(found) == ["resources.a.type"]


def test_a_template_in_the_place_of_a_type_may_use_that_type() -> None:
    child = "heat_template_version: rocky\nresources: {x: {type: 'OS::Heat::RandomString'}}"
    registry = {"OS::Heat::RandomString": "c.yaml"}
    assert types_of(A.replace("My::Type", "OS::Heat::None"), registry, files={"c.yaml": child}) == {
        "a": "OS::Heat::None",
        "web_1/x": "OS::Heat::RandomString",
    }


def test_mappings_of_one_resource_inside_a_nested_stack() -> None:
    child = "heat_template_version: rocky\nresources: {x: {type: 'My::Type'}, y: {type: 'OS::Heat::None'}}"
    registry = {"resources": {"a": {"x": {"My::Type": "OS::Heat::RandomString"}}}}
    assert types_of("resources: {a: {type: c.yaml}}", registry, files={"c.yaml": child}) == {
        "a/x": "OS::Heat::RandomString",
        "a/y": "OS::Heat::None",
    }

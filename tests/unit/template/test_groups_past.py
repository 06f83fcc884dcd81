"""What a group leaves to its next revision; chains."""

from __future__ import annotations

import pytest

from global_heat.model.errors import Invalid
from global_heat.model.names import Path
from global_heat.model.values import Json, has_unknown
from global_heat.template.compilation import compile_source
from global_heat.template.source import GroupPast, Source
from global_heat.template.tree import Tree
from global_heat.template.view import NothingYet
from tests.unit.template.compiling import IDENTITY, SCHEMAS, VERSION, Recorded, compile_text, faults_of

MEMBER = "resource_def: {type: 'OS::Heat::TestResource'}"


def group(properties: str, past: GroupPast | None = None) -> Tree:
    given = f"{{{properties}, {MEMBER}}}"
    text = f"{VERSION}resources: {{g: {{type: 'OS::Heat::ResourceGroup', properties: {given}}}}}"
    return compile_source(Source(text, groups={"g": past} if past else {}), IDENTITY, SCHEMAS, None)


def names(tree: Tree) -> list[str]:
    return tree.names(Path("g"))


PAST = GroupPast({"0": "id-0", "1": "id-1", "2": "id-2"}, ("7",))


@pytest.mark.parametrize(
    ("listed", "members", "removed"),
    [
        ("[]", ["0", "1", "2"], ("7",)),
        ("[1]", ["0", "2", "3"], ("1", "7")),
        ("[id-0]", ["1", "2", "3"], ("0", "7")),
        ("['9', nothing]", ["0", "1", "2"], ("7",)),
    ],
)
def test_what_is_taken_out_stays_out(listed: str, members: list[str], removed: tuple[str, ...]) -> None:
    tree = group(f"count: 3, removal_policies: [{{resource_list: {listed}}}]", PAST)
    assert names(tree) == members
    assert tree.groups.past(NothingYet())["g"].removed == removed


def test_an_update_of_the_list_brings_names_back() -> None:
    policies = "removal_policies: [{resource_list: ['1']}], removal_policies_mode: update"
    tree = group(f"count: 8, {policies}", PAST)
    assert names(tree) == ["0", "2", "3", "4", "5", "6", "7", "8"]
    assert tree.groups.past(NothingYet())["g"].removed == ("1",)


def test_the_past_knows_members_by_what_they_are_called_now() -> None:
    tree = group("count: 2")
    assert tree.groups.past(NothingYet()) == {"g": GroupPast({"0": None, "1": None})}
    recorded = Recorded({"g/0": {"": "id-0"}})
    assert tree.groups.past(recorded) == {"g": GroupPast({"0": "id-0", "1": None})}


CHAIN = (
    "resources: {c: {type: 'OS::Heat::ResourceChain', properties: {resources: ['OS::Heat::None', a.yaml]%s}}}"
)
FILES = {"a.yaml": VERSION + "resources: {x: {type: 'OS::Heat::None'}, y: {type: 'OS::Heat::None'}}"}


def test_a_chain_goes_link_by_link() -> None:
    tree = compile_text(CHAIN % "", files=FILES)
    assert tree.names(Path("c")) == ["0", "1"]
    assert tree.edges(Path("c")) == [("1", "0")]
    assert tree.requires(Path("c/1/x")) == tree.requires(Path("c/1/y")) == ("c/0",)


def test_a_concurrent_chain_does_not_wait() -> None:
    tree = compile_text(CHAIN % ", concurrent: true", files=FILES)
    assert tree.requires(Path("c/1/x")) == ()


def test_each_link_is_given_the_same() -> None:
    text = "resources: {c: {type: 'OS::Heat::ResourceChain', properties: {resources: [%s, %s], %s}}}"
    value = "OS::Heat::Value"
    tree = compile_text(text % (f"'{value}'", f"'{value}'", "resource_properties: {value: [1]}"))
    assert [tree.properties(Path(f"c/{name}"), NothingYet())["value"] for name in "01"] == [[1], [1]]


LATER = (
    "resources: {a: {type: 'OS::Heat::Value', properties: {value: x}},"
    " g: {type: 'OS::Heat::%s', properties: {%s}},"
    " r: {type: 'OS::Heat::Value', properties: {value: {get_attr: [g, refs]}}}}"
)
LINKS = LATER % ("ResourceChain", "resources: {get_attr: [a, value]}")
COUNT = LATER % ("ResourceGroup", f"count: {{get_attr: [a, value]}}, {MEMBER}")
KIND = LATER % ("ResourceGroup", "count: 2, resource_def: {type: {get_attr: [a, value]}}")
G, A, R = Path("g"), Path("a"), Path("r")


@pytest.mark.parametrize(
    ("text", "value", "shape"),
    [
        (LINKS, ["OS::Heat::None"], {"resources": ["OS::Heat::None"]}),
        (COUNT, "3", {"count": 3}),
        (KIND, "OS::Heat::None", {"resource_def.type": "OS::Heat::None"}),
    ],
)
def test_what_an_attribute_says_is_found_by_a_step(text: str, value: Json, shape: dict[str, Json]) -> None:
    tree = compile_text(text)
    assert tree.groups.opening == {G: "One"} and names(tree) == []
    assert tree.requires(G) == (A,) and G in tree.requires(R)
    assert has_unknown(tree.properties(R, NothingYet()))
    assert tree.groups.shape(G, Recorded({"a": {"value": value}})) == shape

    source = Source(VERSION + text).expanded({G: shape})
    found = compile_source(source, IDENTITY, SCHEMAS, None)
    assert found.groups.has_shape(G, shape) and not tree.groups.has_shape(G, shape)
    members = [Path(f"g/{name}") for name in names(found)]
    assert members and all(G in found.requires(member) for member in members)
    assert found.groups.past(NothingYet())["g"].shape == shape


@pytest.mark.parametrize(("value", "why"), [("many", "Integer"), (-1, "at least 0"), (None, "")])
def test_what_an_attribute_says_must_fit(value: Json, why: str) -> None:
    tree = compile_text(COUNT)
    if not why:
        assert tree.groups.shape(G, Recorded({"a": {"value": value}})) == {"count": 1}
        return
    with pytest.raises(Invalid) as refused:
        tree.groups.shape(G, Recorded({"a": {"value": value}}))
    assert [fault.path for fault in refused.value.faults] == ["resources.g.properties.count"]


def test_what_members_would_be_is_checked_before_there_are_any() -> None:
    text = COUNT.replace("'OS::Heat::TestResource'", "'OS::Heat::TestResource', properties: {fail: maybe}")
    assert "fail" in next(iter(faults_of(text)))


def test_a_group_that_counts_itself_goes_in_circles() -> None:
    text = (
        "resources: {g: {type: 'OS::Heat::ResourceGroup', properties: {count: {get_attr: [g, refs, 0]}, %s}}}"
    )
    assert "waits for itself: g → g" in faults_of(text % MEMBER)["resources.g"]

"""What is wrong with the members of a group: told once, and no later step meets the wrong value."""

from __future__ import annotations

import pytest

from global_heat.model.errors import Invalid
from global_heat.resources.catalogue import load_schemas
from global_heat.template.compilation import compile_source
from global_heat.template.source import Source
from tests.unit.template.compiling import IDENTITY, VERSION

SCHEMAS = load_schemas()
"""With the rules of the types, which no wrong value may reach."""
GROUPS = {
    "ResourceGroup": "count: 2, resource_def: {type: %(type)s, properties: {%(given)s}}",
    "AutoScalingGroup": "min_size: 2, max_size: 2, resource: {type: %(type)s, properties: {%(given)s}}",
    "ResourceChain": "resources: [%(type)s, %(type)s], resource_properties: {%(given)s}",
}


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize(
    ("type", "given", "place", "message"),
    [
        ("Heat::RandomString", "length: abc", "length", "expected a whole number"),
        ("Heat::RandomString", "character_classes: abc", "character_classes", "expected a list"),
        (
            "Heat::RandomString",
            "character_classes: [{class: foo}]",
            "character_classes[0].class",
            "expected one of",
        ),
        (
            "Heat::RandomString",
            "character_classes: [{min: abc}]",
            "character_classes[0].min",
            "expected a whole number",
        ),
        (
            "Neutron::SecurityGroupRule",
            "security_group: s, port_range_min: abc",
            "port_range_min",
            "expected a whole number",
        ),
        (
            "Heat::ResourceGroup",
            "count: abc, resource_def: {type: 'OS::Heat::None'}",
            "count",
            "expected a whole number",
        ),
        (
            "Heat::AutoScalingGroup",
            "min_size: abc, max_size: 1, resource: {type: 'OS::Heat::None'}",
            "min_size",
            "expected a whole number",
        ),
    ],
)
def test_all_members_have_the_same_fault(group: str, type: str, given: str, place: str, message: str) -> None:
    properties = GROUPS[group] % {"type": f"'OS::{type}'", "given": given}
    text = f"{VERSION}resources: {{g: {{type: 'OS::Heat::{group}', properties: {{{properties}}}}}}}"
    with pytest.raises(Invalid) as caught:
        compile_source(Source(text), IDENTITY, SCHEMAS, None)
    [fault] = caught.value.faults
    assert fault.path.endswith(f".{place}")
    assert fault.message.startswith(message)


CHILD = (
    f"{VERSION}parameters: {{n: {{type: number}}}}\n"
    "resources: {x: {type: 'OS::Heat::Value', properties: {value: {get_param: n}}}}"
)


@pytest.mark.parametrize(
    ("type", "given", "messages"),
    [
        (
            "OS::Heat::RandomString",
            "length: '%index%x', salt: [1]",
            ['expected a whole number, found the text "0x"', "expected a text, found a list"],
        ),
        ("c.yaml", "n: 'a%index%'", ['expected a number, found the text "a0"']),
        (
            "OS::Cinder::VolumeAttachment",
            "instance_uuid: s, volume_id: {get_resource: v}",
            ["takes an id of v (OS::Cinder::Volume) in Two, but g/0 "],
        ),
        (
            "OS::Heat::ResourceGroup",
            "count: 2, index_var: '%i%', resource_def:"
            " {type: 'OS::Heat::RandomString', properties: {length: '%index%%i%x'}}",
            ['expected a whole number, found the text "00x"'],
        ),
        (
            "OS::Heat::ResourceGroup",
            "count: 'a%index%', index_var: '%i%', resource_def: {type: 'OS::Heat::None'}",
            ['expected a whole number, found the text "a0"'],
        ),
    ],
)
def test_a_fault_with_the_name_of_its_member_is_told_once(type: str, given: str, messages: list[str]) -> None:
    text = (
        f"{VERSION}resources:\n  v: {{type: 'OS::Cinder::Volume', region: Two, properties: {{size: 1}}}}\n"
        "  g: {type: 'OS::Heat::ResourceGroup', properties: {count: 3, "
        f"resource_def: {{type: '{type}', properties: {{{given}}}}}}}}}"
    )
    with pytest.raises(Invalid) as caught:
        compile_source(Source(text, files={"c.yaml": CHILD}), IDENTITY, SCHEMAS, None)
    found = [fault.message for fault in caught.value.faults]
    assert len(found) == len(messages)
    assert all(said.startswith(message) for said, message in zip(found, messages, strict=True))


def test_the_members_of_a_chain_have_faults_of_their_own() -> None:
    text = (
        f"{VERSION}resources: {{g: {{type: 'OS::Heat::ResourceChain', properties: {{resources: "
        "['OS::Cinder::Volume', 'OS::Neutron::Port', 'OS::Neutron::Port'], resource_properties: {}}}}"
    )
    with pytest.raises(Invalid) as caught:
        compile_source(Source(text), IDENTITY, SCHEMAS, None)
    assert len(caught.value.faults) == 2

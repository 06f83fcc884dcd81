"""The functions of CloudFormation templates, and of HOT's first versions: Ref and Fn::…"""

from __future__ import annotations

import json

from global_heat.model.values import Json
from global_heat.template.evaluation import Evaluation, plain
from global_heat.template.functions.logic import negate
from global_heat.template.functions.resource_facade import facade
from global_heat.template.functions.str_replace import replace_words
from global_heat.template.location import At, Wrong
from global_heat.template.values import FAULTY, first_unknown, kind_of

REGION_ZONES = ["nova"]
"""Availability zones are those of a cloud, which nobody asks here: every OpenStack has this one."""


def reference(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """Ref: a resource's reference, else a parameter's value. `NAME`."""
    name = arguments if isinstance(arguments, str) else evaluation.resolve(arguments, at)
    if first_unknown(name) is not None:
        return FAULTY if name == FAULTY else name
    if not isinstance(name, str):
        is_late = not isinstance(name, list | dict)
        raise Wrong(f"expected the name of a resource or of a parameter, found {kind_of(name)}", late=is_late)
    if evaluation.scope.has_resource(name):
        return evaluation.scope.reference(name, evaluation.run)
    return evaluation.scope.parameter(name, evaluation.run)


def parameter(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """Ref inside a condition: a parameter's value."""
    name = evaluation.resolve(arguments, at)
    if not isinstance(name, str):
        raise Wrong(f"expected a parameter's name, found {kind_of(name)}")
    return evaluation.scope.parameter(name, evaluation.run)


def get_att(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """Fn::GetAtt: an attribute of a resource. `[RESOURCE, ATTRIBUTE]`."""
    if not isinstance(arguments, list) or len(arguments) != 2:
        raise Wrong(f"expected [resource, attribute], found {kind_of(arguments)}")
    name, attribute = evaluation.resolve(arguments, at)
    if not isinstance(name, str) or not isinstance(attribute, str):
        unknown = first_unknown([name, attribute])
        if unknown == FAULTY:
            return FAULTY
        raise Wrong("the names of resource and attribute must be texts that are known beforehand")
    return evaluation.scope.attribute(name, [attribute], evaluation.run)


def find_in_map(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """Fn::FindInMap: an entry of the template's mappings. `[MAPPING, KEY, VALUE]`."""
    if not isinstance(arguments, list) or len(arguments) != 3:
        raise Wrong(f"expected [mapping, key, value], found {kind_of(arguments)}")
    keys = evaluation.resolve(arguments, at)
    unknown = first_unknown(keys)
    if unknown is not None:
        return unknown
    found: Json = evaluation.scope.mappings
    for key in keys:
        if not isinstance(found, dict) or not isinstance(key, str | int) or str(key) not in found:
            raise Wrong(f'the mappings have no entry for "{" → ".join(map(str, keys))}"', late=True)
        found = found[str(key)]
    return found


def get_azs(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """Fn::GetAZs: the availability zones. `REGION`, which says nothing here."""
    evaluation.resolve(arguments, at)
    return list(REGION_ZONES)


def select(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """Fn::Select: one item; an empty text where there is none. `[INDEX, LIST]` or `[KEY, MAP]`."""
    if not isinstance(arguments, list) or len(arguments) != 2:
        raise Wrong(f"expected [index, list] or [key, map], found {kind_of(arguments)}")
    return _selected(arguments, evaluation, at)


def _select(arguments: Json) -> Json:
    index, items = arguments
    if items is None or items == "":
        return ""
    if isinstance(items, str):
        try:
            items = json.loads(items)
        except (ValueError, RecursionError):
            raise Wrong("expected a list, a map or JSON of one, found another text", late=True) from None
    if isinstance(items, dict):
        if not isinstance(index, str):
            raise Wrong(f"expected a key of the map, found {kind_of(index)}", late=True)
        return items.get(index, "")
    if not isinstance(items, list):
        raise Wrong(f"expected a list or a map to select from, found {kind_of(items)}", late=True)
    try:
        place = int(index)
    except (TypeError, ValueError):
        raise Wrong(f"expected an index of the list, found {kind_of(index)}", late=True) from None
    return items[place] if -len(items) <= place < len(items) else ""


_selected = plain(_select)


def split(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """Fn::Split: cut a text at a separator. `[SEPARATOR, TEXT]`."""
    if not isinstance(arguments, list) or len(arguments) != 2:
        raise Wrong(f"expected [separator, text], found {kind_of(arguments)}")
    return _cut(arguments, evaluation, at)


def _split(arguments: Json) -> Json:
    separator, text = arguments
    if not isinstance(separator, str) or not separator:
        raise Wrong(f"expected a separator, found {kind_of(separator)}", late=True)
    if not isinstance(text, str):
        raise Wrong(f"expected a text to split, found {kind_of(text)}", late=True)
    return text.split(separator)


_cut = plain(_split)


def replace(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """Fn::Replace: put values in the place of words of a text. `[{WORD: value}, TEXT]`."""
    if not isinstance(arguments, list) or len(arguments) != 2:
        raise Wrong(f"expected [map of words, text], found {kind_of(arguments)}")
    if not isinstance(arguments[0], dict):
        raise Wrong(f"expected a map of words first, found {kind_of(arguments[0])}")
    return _replaced(arguments, evaluation, at)


def _replace(arguments: Json) -> Json:
    words, text = arguments
    return replace_words(text, words, structures=False)[0]


_replaced = plain(_replace)


def _base64(text: Json) -> Json:
    """Fn::Base64: the text as it is, which is how Heat takes user data."""
    if not isinstance(text, str):
        raise Wrong(f"expected a text, found {kind_of(text)}", late=True)
    return text


base64 = plain(_base64)


def member_list_to_map(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """Fn::MemberListToMap: a map of a list of members.

    `[NAME, VALUE, [.member.0.NAME=key, .member.0.VALUE=value, …]]`.
    """
    if not isinstance(arguments, list) or len(arguments) != 3:
        raise Wrong(f"expected [name, value, list of members], found {kind_of(arguments)}")
    if not isinstance(arguments[0], str) or not isinstance(arguments[1], str):
        raise Wrong("expected texts as names of keys and values")
    return _mapped(arguments, evaluation, at)


def _member_list_to_map(arguments: Json) -> Json:
    name, value, members = arguments
    if not isinstance(members, list) or not all(isinstance(m, str) and "=" in m for m in members):
        raise Wrong("expected a list of texts such as .member.0.Name=key", late=True)
    found: dict[str, dict[str, str]] = {}
    for member in members:
        place, _, content = member.partition("=")
        parts = place.split(".")
        if len(parts) == 4 and parts[:2] == ["", "member"]:
            found.setdefault(parts[2], {})[parts[3]] = content
    return {
        entry[name]: entry[value]
        for _, entry in sorted(found.items(), key=lambda pair: _number(pair[0]))
        if name in entry and value in entry
    }


def _number(place: str) -> tuple[int, str]:
    return (int(place), "") if place.isdigit() else (0, place)


_mapped = plain(_member_list_to_map)


def resource_facade(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """Fn::ResourceFacade: what the resource that this template stands for is given.

    `Metadata`, `DeletionPolicy` or `UpdatePolicy`.
    """
    words = {"Metadata": "metadata", "DeletionPolicy": "deletion_policy", "UpdatePolicy": "update_policy"}
    return facade(arguments, words, evaluation)


def fn_not(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """Fn::Not: whether a condition does not hold. `[CONDITION]`."""
    if not isinstance(arguments, list) or len(arguments) != 1:
        raise Wrong(f"expected [condition], found {kind_of(arguments)}")
    return negate(arguments[0], evaluation, (at, 0))

"""Find a thing by the name that a template gave it. Reads only, nothing is remembered."""

from __future__ import annotations

import re

from global_heat.model.errors import Invalid, Reason
from global_heat.model.values import Json, Unknown
from global_heat.regions.cloud import Cloud

_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)


def is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


async def find_id(cloud: Cloud, service: str, path: str, key: str, name_or_id: Json) -> Json:
    """The id of the thing of that name under `key` of the list at `path`.

    An id is taken as it is: the call that uses it says whether it exists. Null and unknown values stay.
    A name that one thing of the caller's own project has, beside others' things, is that thing's.
    Raises `Invalid` when there is none or more than one.
    """
    if not name_or_id or isinstance(name_or_id, Unknown) or is_uuid(name_or_id):
        return name_or_id
    # A service may ignore the filter, so the answer is checked again.
    listed = await cloud.list(service, path, key, {"name": name_or_id})
    named = [item for item in listed if item.get("name") == name_or_id]
    if len(named) > 1:
        own = [item for item in named if item.get("project_id", item.get("tenant_id")) == cloud.project]
        named = own if len(own) == 1 else named
    word = key.replace("_", " ")
    if not named:
        raise Invalid(f"{cloud.region}: none of the {word} is named {name_or_id}", reason=Reason.NOT_FOUND)
    if len(named) > 1:
        raise Invalid(f"{cloud.region}: {len(named)} {word} are named {name_or_id}; give the id")
    return named[0]["id"]

"""The versions of the language, and which functions each has.

What a version does not have is no function there: the map is plain data, without any fault.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from global_heat.template.evaluation import Function
from global_heat.template.functions.choose import choose
from global_heat.template.functions.contains import contains
from global_heat.template.functions.digest import digest
from global_heat.template.functions.equals import equals
from global_heat.template.functions.filter import without
from global_heat.template.functions.get_attr import get_attr
from global_heat.template.functions.get_file import get_file
from global_heat.template.functions.get_param import get_param
from global_heat.template.functions.get_resource import get_resource
from global_heat.template.functions.list_concat import list_concat, list_concat_unique
from global_heat.template.functions.list_join import list_join
from global_heat.template.functions.logic import both, either, negate
from global_heat.template.functions.make_url import make_url
from global_heat.template.functions.map_merge import map_merge
from global_heat.template.functions.map_replace import map_replace
from global_heat.template.functions.refused import removed, unsupported
from global_heat.template.functions.repeat import repeat
from global_heat.template.functions.resource_facade import resource_facade
from global_heat.template.functions.str_replace import Strictness, str_replace
from global_heat.template.functions.str_split import str_split

CONDITIONS_SINCE = "2016-10-14"
MODULO_SINCE = "2017-02-24"
TAGS_SINCE = "2018-03-02"

DATES = (
    "2013-05-23",
    "2014-10-16",
    "2015-04-30",
    "2015-10-15",
    "2016-04-08",
    "2016-10-14",
    "2017-02-24",
    "2017-09-01",
    "2018-03-02",
    "2018-08-31",
    "2021-04-16",
)
CODE_NAMES = {
    "newton": "2016-10-14",
    "ocata": "2017-02-24",
    "pike": "2017-09-01",
    "queens": "2018-03-02",
    "rocky": "2018-08-31",
    "wallaby": "2021-04-16",
}

_MODERN = unsupported("use the HOT function of the same purpose, such as get_param, list_join or str_replace")
_YAQL = unsupported("use filter, map_merge, list_join or a parameter")

_SINCE: dict[str, dict[str, Function]] = {
    "2013-05-23": {
        "get_attr": get_attr(all_attributes=False),
        "get_file": get_file,
        "get_param": get_param,
        "get_resource": get_resource,
        "list_join": list_join(many=False),
        "resource_facade": resource_facade,
        "str_replace": str_replace(structures=False),
        "Ref": _MODERN,
        "Fn::Base64": _MODERN,
        "Fn::GetAZs": _MODERN,
        "Fn::Join": _MODERN,
        "Fn::MemberListToMap": _MODERN,
        "Fn::Replace": _MODERN,
        "Fn::ResourceFacade": _MODERN,
        "Fn::Select": _MODERN,
        "Fn::Split": _MODERN,
    },
    "2014-10-16": {
        "Ref": removed,
        "Fn::Base64": removed,
        "Fn::GetAZs": removed,
        "Fn::Join": removed,
        "Fn::MemberListToMap": removed,
        "Fn::Replace": removed,
        "Fn::ResourceFacade": removed,
        "Fn::Split": removed,
    },
    "2015-04-30": {"digest": digest, "repeat": repeat(maps=False, permutations=False)},
    "2015-10-15": {
        "Fn::Select": removed,
        "get_attr": get_attr(all_attributes=True),
        "list_join": list_join(),
        "str_replace": str_replace(),
        "str_split": str_split,
    },
    "2016-04-08": {"map_merge": map_merge},
    "2016-10-14": {
        "if": choose(),
        "map_replace": map_replace,
        "repeat": repeat(permutations=False),
        "yaql": _YAQL,
    },
    "2017-02-24": {"filter": without, "str_replace_strict": str_replace(Strictness.ALL_FOUND)},
    "2017-09-01": {
        "contains": contains,
        "list_concat": list_concat,
        "list_concat_unique": list_concat_unique,
        "make_url": make_url,
        "repeat": repeat(),
        "str_replace_vstrict": str_replace(Strictness.NONE_EMPTY),
    },
    "2021-04-16": {"if": choose(alternative_needed=False)},
}
_CONDITIONS_SINCE: dict[str, dict[str, Function]] = {
    "2016-10-14": {"and": both, "equals": equals, "get_param": get_param, "not": negate, "or": either},
    "2017-09-01": {"contains": contains, "yaql": _YAQL},
}


class Version(msgspec.Struct, frozen=True):
    date: str
    functions: Mapping[str, Function]
    conditions: Mapping[str, Function]
    """The functions that conditions may use."""

    def has(self, since: str) -> bool:
        return self.date >= since


def _versions() -> dict[str, Version]:
    versions = {}
    functions: dict[str, Function] = {}
    conditions: dict[str, Function] = {}
    for date in DATES:
        functions = functions | _SINCE.get(date, {})
        conditions = conditions | _CONDITIONS_SINCE.get(date, {})
        versions[date] = Version(date, functions, conditions)
    return versions | {name: versions[date] for name, date in CODE_NAMES.items()}


VERSIONS: Mapping[str, Version] = _versions()
"""By date and by code name."""

"""The versions of the language, and which functions each has.

What a version does not have is no function there: the map is plain data, without any fault.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from global_heat.template.evaluation import Function
from global_heat.template.functions import cloudformation as cfn
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
from global_heat.template.functions.refused import removed
from global_heat.template.functions.repeat import repeat
from global_heat.template.functions.resource_facade import resource_facade
from global_heat.template.functions.str_replace import Strictness, str_replace
from global_heat.template.functions.str_split import str_split
from global_heat.template.functions.yaql import yaql

HOT = "heat_template_version"
AWS = "AWSTemplateFormatVersion"
HEAT = "HeatTemplateFormatVersion"

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

_SINCE: dict[str, dict[str, Function]] = {
    "2013-05-23": {
        "get_attr": get_attr(all_attributes=False),
        "get_file": get_file,
        "get_param": get_param,
        "get_resource": get_resource,
        "list_join": list_join(many=False),
        "resource_facade": resource_facade,
        "str_replace": str_replace(structures=False),
        "Ref": cfn.reference,
        "Fn::Base64": cfn.base64,
        "Fn::GetAZs": cfn.get_azs,
        "Fn::Join": list_join(many=False),
        "Fn::MemberListToMap": cfn.member_list_to_map,
        "Fn::Replace": cfn.replace,
        "Fn::ResourceFacade": cfn.resource_facade,
        "Fn::Select": cfn.select,
        "Fn::Split": cfn.split,
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
        "yaql": yaql,
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
    "2017-09-01": {"contains": contains, "yaql": yaql},
}


_CFN: dict[str, Function] = {
    "Fn::Base64": cfn.base64,
    "Fn::FindInMap": cfn.find_in_map,
    "Fn::GetAZs": cfn.get_azs,
    "Fn::GetAtt": cfn.get_att,
    "Fn::Join": list_join(many=False),
    "Fn::MemberListToMap": cfn.member_list_to_map,
    "Fn::Replace": cfn.replace,
    "Fn::ResourceFacade": cfn.resource_facade,
    "Fn::Select": cfn.select,
    "Fn::Split": cfn.split,
    "Ref": cfn.reference,
}
_CFN_CONDITIONS: dict[str, Function] = {
    "Fn::And": both,
    "Fn::Equals": equals,
    "Fn::FindInMap": cfn.find_in_map,
    "Fn::Not": cfn.fn_not,
    "Fn::Or": either,
    "Ref": cfn.parameter,
}


class Version(msgspec.Struct, frozen=True):
    date: str
    functions: Mapping[str, Function]
    conditions: Mapping[str, Function] = {}
    """The functions that conditions may use."""
    key: str = HOT
    """What a template says its version under."""

    def has(self, since: str) -> bool:
        return self.is_hot and self.date >= since

    @property
    def is_hot(self) -> bool:
        return self.key == HOT

    @property
    def has_conditions(self) -> bool:
        return self.has(CONDITIONS_SINCE) or self.key == AWS

    def word(self, word: str) -> str:
        """How a template of this version writes a word: `depends_on`, or `DependsOn`."""
        return word if self.is_hot else "".join(part.capitalize() for part in word.split("_"))


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
"""Those of HOT, by date and by code name."""
DIALECTS: Mapping[str, Mapping[str, Version]] = {
    HOT: VERSIONS,
    AWS: {"2010-09-09": Version("2010-09-09", {**_CFN, "Fn::If": choose()}, _CFN_CONDITIONS, AWS)},
    HEAT: {"2012-12-12": Version("2012-12-12", _CFN, {}, HEAT)},
}
"""All versions, by what a template says its version under."""
CFN_DATES = (*DIALECTS[AWS], *DIALECTS[HEAT])
"""The versions of CloudFormation templates: AWS's own, and Heat's, which has no conditions."""


def first_with(function: str) -> str | None:
    """The first version of HOT that has a function; None: none has."""
    for date in DATES:
        if VERSIONS[date].functions.get(function, removed) is not removed:
            return date
    return None

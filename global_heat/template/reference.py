"""What there is to know of each function, taken from the functions themselves."""

from __future__ import annotations

import inspect
import re
import sys

import msgspec

from global_heat.template.evaluation import Function
from global_heat.template.functions.refused import removed
from global_heat.template.versions import AWS, CFN_DATES, DATES, DIALECTS, HEAT, VERSIONS

_NAMED = re.compile(r"[\w:]+: ")
"""A function's own documentation may begin with its name; else its module's does."""


class FunctionEntry(msgspec.Struct, frozen=True):
    name: str
    since: str
    """The first version that has it."""
    until: str
    """The last one; empty: it is there still."""
    in_conditions: bool
    about: str
    forms: str
    """What it takes; empty: its description says it."""


def hot_functions() -> list[FunctionEntry]:
    """The functions of HOT, by name."""
    names = sorted({name for date in DATES for name in VERSIONS[date].functions})
    names += sorted({name for date in DATES for name in VERSIONS[date].conditions} - set(names))
    return [_entry(name) for name in names]


def cfn_functions() -> list[FunctionEntry]:
    """The functions of CloudFormation templates, by name."""
    [version], [later] = DIALECTS[AWS].values(), DIALECTS[HEAT].values()
    functions = {**version.conditions, **version.functions}
    since = version.date
    return [
        _described(
            name, functions[name], since, "" if name in later.functions else since, name in version.conditions
        )
        for name in sorted(functions)
    ]


def _entry(name: str) -> FunctionEntry:
    there = [date for date in DATES if _of(name, date) is not None]
    last = there[-1]
    function = _of(name, last)
    assert function is not None
    in_conditions = name in VERSIONS[last].conditions
    return _described(name, function, there[0], "" if last == DATES[-1] else last, in_conditions)


def _of(name: str, date: str) -> Function | None:
    version = VERSIONS[date]
    function = version.functions.get(name, version.conditions.get(name))
    return None if function is removed else function


def _described(name: str, function: Function, since: str, until: str, in_conditions: bool) -> FunctionEntry:
    module = sys.modules[function.__module__]
    title, _, rest = (inspect.getdoc(module) or "").partition("\n")
    own = (inspect.getdoc(function) or "").replace("\n\n`", " `").partition("\n\n")[0].replace("\n", " ")
    named = _NAMED.match(own)
    if named is not None:
        about = own[named.end() :]
        about, forms = about[:1].upper() + about[1:], ""
    else:
        about = f"{title.partition(': ')[2]} {rest.strip()}".strip()
        about, forms = about[:1].upper() + about[1:], own
    return FunctionEntry(name, since, until, in_conditions, about, forms)


def page() -> str:
    """The page of the documentation."""
    lines = [
        "# Functions of the template language",
        "",
        "Written by `python -m global_heat.template.reference`; a test keeps it in step with the code.",
        "",
        "A map with one key that is the name of a function is a call of it. What a template's version does",
        "not have is no function there: the map is plain data, without any fault, as in Heat;",
        "`global-heat template validate` warns of it, and of a name that is nearly a function's.",
    ]
    aws, heat = CFN_DATES
    said = f"{aws} is the version of `{AWS}`, {heat} that of `{HEAT}`, which has no conditions."
    for title, about, entries in (
        ("HOT", [], hot_functions()),
        ("CloudFormation", ["", said], cfn_functions()),
    ):
        lines += [
            "",
            f"## {title}",
            *about,
            "",
            "| function | versions | conditions | what it gives | what it takes |",
        ]
        lines.append("|---|---|---|---|---|")
        for entry in entries:
            versions = f"{entry.since} to {entry.until}" if entry.until else f"since {entry.since}"
            if entry.since == entry.until:
                versions = f"only {entry.since}"
            where = "yes" if entry.in_conditions else ""
            lines.append(f"| `{entry.name}` | {versions} | {where} | {entry.about} | {entry.forms} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())

"""An operator's policy file: what it overrides, or everything that is wrong with it.

oslo.policy itself takes whatever it does not understand for "nobody", `not` of which is "everybody", and a
rule that it does not know for one that nobody asks about. Here each of them is a fault.
"""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Iterator, Mapping

from oslo_policy.policy import Rules

from global_heat.api.rules import RULES
from global_heat.model.errors import Fault, Invalid
from global_heat.template.document import parse_document

CALLER = ("roles", "user_id", "project_id")
"""What a check may ask of the caller."""
TARGET = ("project_id",)
"""What a check may compare it with: `project_id:%(project_id)s`. Nobody reaches another project's things."""
_WORDS = ("and", "or", "not")

# What is wrong with a rule is told as a fault, with its place.
logging.getLogger("oslo_policy").setLevel(logging.CRITICAL)


def read_overrides(text: str, name: str) -> dict[str, str]:
    """The check strings of a policy file by rule; `name` is the file's. Raises `Invalid` with all faults."""
    repeated: list[Fault] = []
    data = parse_document(text, name, repeated)
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise Invalid(f"{name} is no policy file", Fault(name, "must be a map of rules to check strings"))
    faults = [*repeated]
    overrides: dict[str, str] = {}
    for rule, check in data.items():
        if isinstance(check, str):
            overrides[rule] = check
        else:
            faults.append(Fault(f"{name}: {rule}", f"must be a check string in quotes, found {check!r}"))
    known = {rule.name: rule.check_str for rule in RULES}
    checks = compiled(known | overrides)
    named = {match for check in checks.values() for kind, match in _leaves(check) if kind == "rule"}
    for rule, check in overrides.items():
        where = f"{name}: {rule}"
        if rule not in known and rule not in named:
            faults.append(Fault(where, "is no rule of this service, and no other rule names it"))
        faults.extend(Fault(where, wrong) for wrong in _wrong(check, checks[rule], checks))
    faults.extend(
        Fault(f"{name}: {rule}", "asks for itself") for rule in overrides if _is_cyclic(rule, checks)
    )
    if faults:
        raise Invalid(f"{name} is no good policy file", *faults)
    return overrides


def compiled(checks: Mapping[str, str]) -> Rules:
    return Rules.from_dict(dict(checks))


def _wrong(text: str, check: object, rules: Rules) -> Iterator[str]:
    tokens = [token for token in re.split(r"[\s()]+", re.sub(r"%\((\w+)\)s", r"%\1", text)) if token]
    words = [token for token in tokens if token.lower() not in _WORDS]
    nonsense = [word for word in words if ":" not in word and word not in ("@", "!")]
    leaves = list(_leaves(check))
    if nonsense:
        yield f"{nonsense[0]!r} is no check: write role:NAME, rule:NAME, user_id:ID, '@', '!'"
        return
    # What cannot be read has become one "nobody".
    nobody = [kind for kind, _ in leaves if kind == "!"]
    if text and (len(words) != len(leaves) or words.count("!") != len(nobody)):
        yield f"{text!r} cannot be read: checks are joined by and, or, not, and parentheses"
        return
    for kind, match in leaves:
        if kind == "rule":
            if match not in rules:
                yield f"rule:{match}: there is no such rule"
        elif kind in ("http", "https"):
            yield f"{kind}:{match}: nobody else is asked over the network about a call"
        elif kind not in ("@", "!", "role", *CALLER) and not _is_literal(kind):
            yield f"{kind}:{match}: of a caller only {', '.join(CALLER)} are known"
        elif not _is_template(match):
            yield f"{kind}:{match}: of what is called only %({')s, %('.join(TARGET)})s is known"


def _leaves(check: object) -> Iterator[tuple[str, str]]:
    """Kind and match of each check in a tree; "everybody" is of kind `@`, "nobody" of kind `!`."""
    inner = [*getattr(check, "rules", ()), *([check.rule] if hasattr(check, "rule") else ())]
    if not inner:
        yield getattr(check, "kind", str(check)), getattr(check, "match", "")
    for each in inner:
        yield from _leaves(each)


def _is_cyclic(rule: str, rules: Rules) -> bool:
    """Whether a rule leads to itself."""
    ahead, seen = [rule], set[str]()
    while ahead:
        for kind, match in _leaves(rules[ahead.pop()]):
            if kind == "rule" and match == rule:
                return True
            if kind == "rule" and match in rules and match not in seen:
                seen.add(match)
                ahead.append(match)
    return False


def _is_literal(kind: str) -> bool:
    try:
        ast.literal_eval(kind)
    except (ValueError, SyntaxError):
        return False
    return True


def _is_template(match: str) -> bool:
    try:
        match % dict.fromkeys(TARGET, "")
    except (KeyError, ValueError, TypeError):
        return False
    return True

"""What is asked before a wish is written: may it be called so, may it still be changed."""

from __future__ import annotations

import re

from global_heat.model.errors import Invalid, Reason
from global_heat.model.records import Action, Header

STACK_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_.-]{0,254}")


def check_stack_name(name: str) -> None:
    if not STACK_NAME.fullmatch(name):
        raise Invalid(f"{name!r} is no stack name: a letter, then at most 254 letters, digits, '_', '.', '-'")


def refuse_deleted(header: Header, verb: str) -> None:
    if header.action is Action.DELETE:
        raise Invalid(
            f"stack {header.name!r} is {header.state}: it cannot be {verb}",
            reason=Reason.NOT_FOUND if header.deleted else Reason.PRECONDITION,
        )

"""Who may call what, as the rules say: ours, and an operator's over them. Without a rule, nobody."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from oslo_config import cfg
from oslo_policy.policy import Enforcer

from global_heat.api.auth import Who
from global_heat.api.policy_file import compiled
from global_heat.api.rules import RULE_OF, RULES
from global_heat.model.errors import Invalid, Reason

OPEN_PREFIXES = ("/grpc.health.v1.Health/", "/grpc.reflection.")
"""Answered without a token: they tell nothing of any project."""
_ANSWERS_MAX = 4096


class Policy:
    """The rules in force, which may be changed while calls come in."""

    def __init__(self, overrides: Mapping[str, str] | None = None) -> None:
        """`overrides`: check strings by rule, as `read_overrides` gives them."""
        # Files are read elsewhere: what oslo.policy would look for, and when, is of no use here.
        self._enforcer = Enforcer(cfg.ConfigOpts(), use_conf=False)
        # The same caller asks for the same again and again, and the answer follows from these four alone.
        self._allows = lru_cache(_ANSWERS_MAX)(self._ask)
        self.use(overrides or {})

    def use(self, overrides: Mapping[str, str]) -> None:
        """From now on these instead of what was overridden before."""
        self.effective: Mapping[str, str] = {rule.name: rule.check_str for rule in RULES} | dict(overrides)
        self._enforcer.set_rules(compiled(self.effective))
        self._allows.cache_clear()

    def require(self, method: str, who: Who) -> None:
        """Raises `Invalid` (FORBIDDEN) when the method's rule does not let the caller in, or is none."""
        rule = RULE_OF.get(method)
        if rule is None or not self._allows(rule, who.user, who.project, tuple(who.roles)):
            needed = "" if rule is None else f": the rule {rule} asks for {self._in_words(rule)}"
            raise Invalid(f"you may not call {method.rpartition('/')[2]}{needed}", reason=Reason.FORBIDDEN)

    def _ask(self, rule: str, user: str, project: str, roles: tuple[str, ...]) -> bool:
        caller = {"roles": list(roles), "user_id": user, "project_id": project}
        return bool(self._enforcer.enforce(rule, {"project_id": project}, caller))

    def _in_words(self, rule: str) -> str:
        """A rule's check string; of one that is only another's name, that one's."""
        text = self.effective[rule]
        name = text.removeprefix("rule:")
        return self._in_words(name) if name != text and name in self.effective else text or "@"

"""Roles and methods: which may call which, by our rules and by an operator's."""

from __future__ import annotations

import msgspec
import pytest
from google.protobuf import descriptor_pool

from global_heat.api.policy import Policy
from global_heat.api.policy_file import read_overrides
from global_heat.api.rules import METHOD_RULES, RULE_OF
from global_heat.api.server import SERVICES
from global_heat.model.errors import Invalid, Reason
from global_heat.model.names import Project
from tests.unit.api.world import Person

METHODS = [
    f"/{service}/{method.name}"
    for service in SERVICES
    for method in descriptor_pool.Default().FindServiceByName(service).methods
]
WRITES = {
    *("CreateStack", "UpdateStack", "ApplyStack", "DeleteStack", "CancelStack"),
    *("SignalResource", "CancelOperation"),
}
OPERATES = {"AddRegion", "RemoveRegion", "AdoptOrphan", "DeleteOrphan"}
GET, CREATE = "/globalheat.v1.StackService/GetStack", "/globalheat.v1.StackService/CreateStack"


def allows(policy: Policy, method: str, *roles: str, user: str = "ann", project: str = "red") -> bool:
    try:
        policy.require(method, Person(user, Project(project), roles))
    except Invalid as refused:
        assert refused.reason is Reason.FORBIDDEN
        return False
    return True


def faults(text: str) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        read_overrides(text, "policy.yaml")
    return {fault.path: fault.message for fault in caught.value.faults}


def test_every_method_has_one_rule_and_every_rule_its_method():
    assert sorted(METHODS) == sorted(RULE_OF)
    assert len({rule.name for rule in METHOD_RULES}) == len(METHOD_RULES) == len(RULE_OF)


@pytest.mark.parametrize("method", METHODS)
def test_each_role_may_call_what_is_its_own_and_no_more(method: str):
    name = method.rpartition("/")[2]
    policy = Policy()
    may = {role: allows(policy, method, role) for role in ("admin", "member", "reader", "other")}
    reads = name not in WRITES | OPERATES
    assert may == {"admin": True, "member": name not in OPERATES, "reader": reads, "other": False}
    assert not allows(policy, method), "a caller without any role"
    assert allows(policy, method, "other", "ADMIN"), "roles have no case, in Keystone as here"


@pytest.mark.parametrize(
    "method", ["/globalheat.v1.StackService/EatStack", "/else.StackService/GetStack", ""]
)
def test_what_has_no_rule_nobody_may_call(method: str):
    assert not allows(Policy({"default": "@"}), method, "admin")


def test_an_operators_rules_count_before_ours_until_others_are_used():
    policy = Policy(read_overrides('"stack:create": "role:builder"\nreader: "@"\n', "policy.yaml"))
    assert allows(policy, CREATE, "builder") and not allows(policy, CREATE, "admin")
    assert allows(policy, GET), "what is said in terms of a rule changes with it"
    with pytest.raises(Invalid, match="the rule stack:create asks for role:builder"):
        policy.require(CREATE, Person("ann", Project("red"), ("admin",)))
    policy.use({})
    assert not allows(policy, CREATE, "builder") and allows(policy, CREATE, "admin")
    with pytest.raises(Invalid, match="stack:create asks for role:member or role:admin"):
        policy.require(CREATE, Person("ann", Project("red"), ()))


def test_a_rule_may_ask_who_calls_and_for_which_project():
    text = """
    vip: "user_id:ann and project_id:%(project_id)s"
    "stack:create": "(rule:vip or project_id:blue) and not role:reader"
    """
    policy = Policy(read_overrides(text, "policy.yaml"))
    assert allows(policy, CREATE, user="ann") and allows(policy, CREATE, user="bob", project="blue")
    assert not allows(policy, CREATE, user="bob") and not allows(policy, CREATE, "reader", user="ann")


def test_the_library_is_not_asked_twice_for_the_same(monkeypatch: pytest.MonkeyPatch):
    policy, asked = Policy(), []
    enforce = policy._enforcer.enforce
    monkeypatch.setattr(policy._enforcer, "enforce", lambda *it: asked.append(it) or enforce(*it))
    for _ in range(3):
        assert allows(policy, GET, "reader") and not allows(policy, CREATE, "reader")
    assert len(asked) == 2


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}"])
def test_an_empty_file_changes_nothing(text: str):
    assert read_overrides(text, "policy.yaml") == {}


@pytest.mark.parametrize(
    ("rule", "check", "says"),
    [
        ("stack:crate", "role:member", "no rule of this service"),
        ("stack:create", "member", "'member' is no check"),
        ("stack:create", "not member", "'member' is no check"),
        ("stack:create", "role:a role:b", "cannot be read"),
        ("stack:create", "(role:a or role:b", "cannot be read"),
        ("stack:create", "role:a and", "cannot be read"),
        ("stack:create", "and", "cannot be read"),
        ("stack:create", " ", "cannot be read"),
        ("stack:create", "rule:membre", "no such rule"),
        ("stack:create", "not rule:membre", "no such rule"),
        ("stack:create", "is_admin:True", "of a caller only roles, user_id, project_id"),
        ("stack:create", "user_id:%(owner)s", "only %(project_id)s is known"),
        ("stack:create", "role:%d", "only %(project_id)s is known"),
        ("stack:create", "https://policy.example/ask", "nobody else is asked"),
        ("stack:create", "rule:stack:create", "asks for itself"),
        ("reader", "role:x or rule:stack:get", "asks for itself"),
        ("stack:create", None, "must be a check string"),
        ("stack:create", [["role:a"]], "must be a check string"),
    ],
)
def test_what_the_library_would_swallow_is_a_fault_with_its_place(rule: str, check: object, says: str):
    text = msgspec.yaml.encode({rule: check}).decode()
    assert says in faults(text)[f"policy.yaml: {rule}"]


def test_all_faults_of_a_file_are_told_at_once():
    text = 'a: "role:a"\n"stack:get": "b"\n"stack:list": "@"\n"stack:list": "!"\n'
    found = faults(text)
    assert {"policy.yaml: a", "policy.yaml: stack:get"} < set(found) and len(found) == 3


def test_what_is_no_map_is_refused():
    assert faults("- a\n") == {"policy.yaml": "must be a map of rules to check strings"}
    with pytest.raises(Invalid, match=r"policy\.yaml"):
        read_overrides("a: [\n", "policy.yaml")

"""The API's rules unless an operator says otherwise: one for each method, in the words of oslo.policy.

A method without a rule is refused to everybody, and the tests do not pass.
"""

from __future__ import annotations

from collections.abc import Mapping

from oslo_policy.policy import DocumentedRuleDefault, RuleDefault

OURS = "/globalheat.v1."
READER, MEMBER, ADMIN = "rule:reader", "rule:member", "rule:admin"

BASES = (
    RuleDefault("reader", "role:reader or role:member or role:admin", "Who may see what the project has."),
    RuleDefault("member", "role:member or role:admin", "Who may change what the project has."),
    RuleDefault("admin", "role:admin", "Who runs this service."),
)
"""No method's own: the others are said in terms of these, and one change here changes all of them."""


def _rule(method: str, name: str, check: str, description: str) -> DocumentedRuleDefault:
    return DocumentedRuleDefault(name, check, description, [{"method": "gRPC", "path": OURS + method}])


METHOD_RULES = (
    _rule("StackService/CreateStack", "stack:create", MEMBER, "Create a stack."),
    _rule("StackService/UpdateStack", "stack:update", MEMBER, "Change a stack."),
    _rule("StackService/ApplyStack", "stack:apply", MEMBER, "Create a stack, or change it if there is one."),
    _rule("StackService/DeleteStack", "stack:delete", MEMBER, "Delete a stack."),
    _rule("StackService/CancelStack", "stack:cancel", MEMBER, "Stop what goes on with a stack."),
    _rule("StackService/GetStack", "stack:get", READER, "Show a stack."),
    _rule("StackService/ListStacks", "stack:list", READER, "List the project's stacks."),
    _rule(
        "StackService/PlanStack",
        "stack:plan",
        READER,
        "Say what a template would change: it looks up what a writer could, and changes nothing.",
    ),
    _rule("StackService/ValidateTemplate", "stack:validate_template", READER, "Check a template."),
    _rule("StackService/ExplainStack", "stack:explain", READER, "Say what a stack waits for."),
    _rule("StackService/GetOutputs", "stack:get_outputs", READER, "Show a stack's outputs."),
    _rule("StackService/WatchStack", "stack:watch", READER, "Follow a stack."),
    _rule("ResourceService/ListResources", "resource:list", READER, "List a stack's resources."),
    _rule("ResourceService/GetResource", "resource:get", READER, "Show a resource."),
    _rule("ResourceService/SignalResource", "resource:signal", MEMBER, "Signal a resource."),
    _rule("EventService/ListEvents", "event:list", READER, "List a stack's events."),
    _rule("EventService/WatchEvents", "event:watch", READER, "Follow a stack's events."),
    _rule("OperationService/ListOperations", "operation:list", READER, "List what was asked for."),
    _rule("OperationService/GetOperation", "operation:get", READER, "Show an operation."),
    _rule("OperationService/WaitOperation", "operation:wait", READER, "Wait for an operation."),
    _rule("OperationService/CancelOperation", "operation:cancel", MEMBER, "Stop an operation."),
    _rule("AttemptService/ListAttempts", "attempt:list", READER, "List the ledger of attempts."),
    _rule("AttemptService/GetAttempt", "attempt:get", READER, "Show an attempt."),
    _rule("AttemptService/ListRemovals", "removal:list", READER, "List what the sweeper removed."),
    _rule("OrphanService/ListOrphans", "orphan:list", READER, "List the suspect orphans."),
    _rule("OrphanService/AdoptOrphan", "orphan:adopt", ADMIN, "Let the project keep a suspect orphan."),
    _rule("OrphanService/DeleteOrphan", "orphan:delete", ADMIN, "Have a suspect orphan deleted."),
    _rule("RegionService/ListRegions", "region:list", READER, "List the regions."),
    _rule("RegionService/GetRegion", "region:get", READER, "Show a region."),
    _rule("RegionService/AddRegion", "region:add", ADMIN, "Register a region, for all projects."),
    _rule("RegionService/RemoveRegion", "region:remove", ADMIN, "Take a region off the registry."),
    _rule("ReplicaService/ListReplicas", "replica:list", READER, "List the replicas."),
)
RULES: tuple[RuleDefault, ...] = (*BASES, *METHOD_RULES)
RULE_OF: Mapping[str, str] = {rule.operations[0]["path"]: rule.name for rule in METHOD_RULES}
"""A rule's name, by the method that it is for (`/globalheat.v1.StackService/GetStack`)."""

"""Each invariant finds a violation of it that was made by hand, and nothing in a run as it should be."""

from __future__ import annotations

import msgspec
import pytest

from global_heat.engine.messages import message
from global_heat.model.records import (
    Action,
    AttemptState,
    Event,
    EventBatch,
    Header,
    Sink,
    State,
    Status,
)
from global_heat.sim.checker import check_gone, check_history, check_rest
from global_heat.sim.cloud.zaqar import Message
from global_heat.store import keys
from tests.unit.sim.evidence import (
    EAST,
    EPOCH,
    FENCE,
    KIND,
    OTHER_TOKEN,
    RED,
    SHARD,
    STACK,
    TOKEN,
    Case,
    attempt,
    built,
    deleted,
    events,
    record,
)

NETWORKS = "/network/v2.0/networks"


def header(status: Status = Status.COMPLETE) -> Header:
    return Header(
        project=RED,
        id=STACK,
        name="web",
        region=EAST,
        revision=1,
        plan=1,
        action=Action.CREATE,
        status=status,
        created_at=0.0,
    )


def history(case: Case) -> list[int]:
    return [violation.invariant for violation in check_history(case.evidence())]


def rest(case: Case, *records: tuple[str, object], status: Status = Status.COMPLETE) -> list[int]:
    found = check_rest(case.evidence(), [each for _, each in records], [header(status)])
    return [violation.invariant for violation in found]


def gone(case: Case) -> list[int]:
    return [violation.invariant for violation in check_gone(case.evidence())]


READY, CREATED = record(State.READY, "net-1"), record(State.CREATED, "net-1")


def test_a_run_as_it_should_be_violates_nothing():
    assert history(built()) == history(deleted()) == []
    assert rest(built(), READY) == rest(deleted()) == []
    assert gone(deleted()) == []


@pytest.mark.parametrize("missing", FENCE, ids=["claim", "plan"])
@pytest.mark.parametrize("change", [CREATED, events(1), (keys.shard(RED, STACK, EAST), CREATED[1])])
def test_5_a_shards_write_without_its_fence(change, missing):
    case = Case()
    case.wrote(1.0, change, guards=[guard for guard in FENCE if guard is not missing])
    assert history(case) == [5]


def test_5_a_write_of_the_ledger_that_does_not_compare_it():
    case = built()
    last = case.history[-1]
    guards = tuple(guard for guard in last.guards if not guard.key.startswith("attempts/"))
    case.history[-1] = msgspec.structs.replace(last, guards=guards)
    assert history(case) == [5]


def test_6_a_request_before_its_intent():
    case = built()
    case.history[0] = msgspec.structs.replace(case.history[0], at=2.5)
    assert history(case) == [6]


def test_6_a_request_with_a_token_that_nobody_recorded():
    case = Case()
    case.sent(2.0, "POST", NETWORKS, TOKEN)
    assert history(case) == [6]


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("POST", NETWORKS, {"client": "somebody"}),
        ("POST", "/compute/v2.1/servers/x/action?a=1", {}),
        ("PUT", f"{NETWORKS}/net-1", {}),
    ],
    ids=["somebody else's", "an action", "an update"],
)
def test_6_only_our_own_creates_need_an_intent(method, path, fields):
    case = Case()
    case.sent(2.0, method, path, TOKEN, **fields)
    assert history(case) == []


def test_7_two_requests_with_one_token():
    case = built()
    case.sent(2.5, "POST", NETWORKS, TOKEN)
    assert history(case) == [7]


def test_7_the_networks_own_replay_is_not_ours():
    case = built()
    case.sent(2.5, "POST", NETWORKS, TOKEN, replay=True)
    assert history(case) == []


def test_8_an_orphan():
    case = built()
    case.exists("net-2", OTHER_TOKEN)
    assert rest(case, READY) == [8]


def test_8_what_an_open_intent_or_a_person_made_or_what_was_retained_is_no_orphan():
    case = built()
    case.exists("net-2", OTHER_TOKEN)
    assert rest(case, READY, record(State.INTENT, "", OTHER_TOKEN)) == []
    case.foreign.add("net-2")
    assert rest(case, READY) == []
    kept = built()
    kept.wrote(4.0, attempt(AttemptState.RETAINED, "net-1"), (READY[0], None), events(3, "DELETE"))
    assert history(kept) == rest(kept) == gone(kept) == []


def test_8_a_thing_without_a_token_of_ours_is_nobodys_orphan():
    case = built()
    case.exists("net-2", None)
    case.exists("net-3", "a" * 42)
    assert rest(case, READY) == []


def test_9_two_things_of_one_incarnation():
    case = built()
    case.wrote(3.5, attempt(AttemptState.INTENT, token=OTHER_TOKEN))
    case.exists("net-2", OTHER_TOKEN)
    assert 9 in rest(case, READY)


def test_9_things_of_two_incarnations_are_no_duplicates():
    case = built()
    case.wrote(3.5, attempt(AttemptState.ADOPTED, "net-2", OTHER_TOKEN, n=2))
    case.exists("net-2", OTHER_TOKEN)
    assert 9 not in rest(case, READY)


@pytest.mark.parametrize("state", [State.READY, State.CREATED, State.UPDATING])
def test_11_a_thing_deleted_while_it_is_the_resources(state):
    case = built()
    case.wrote(3.5, record(state, "net-1"))
    case.removed(case.cloud.regions[EAST].ground.things.of(KIND)["net-1"], 5.0)
    assert history(case) == [11]


def test_11_what_a_person_deleted_is_not_our_loss():
    case = built()
    case.removed(case.cloud.regions[EAST].ground.things.of(KIND)["net-1"], 5.0)
    case.meddled.add("net-1")
    assert history(case) == []


def test_11_the_record_counts_as_it_was_at_the_deletion():
    case = deleted()
    case.history[2] = msgspec.structs.replace(case.history[2], at=5.5)
    assert history(case) == [11, 12]


@pytest.mark.parametrize(
    ("states", "violated"),
    [
        ([], [12]),
        ([AttemptState.INTENT], [12]),
        ([AttemptState.INTENT, AttemptState.ADOPTED], [12]),
        ([AttemptState.INTENT, AttemptState.ADOPTED, AttemptState.RETAINED], [12]),
        ([AttemptState.INTENT, AttemptState.CONDEMNED], []),
    ],
)
def test_12_a_delete_of_what_is_not_condemned(states, violated):
    case = Case()
    for n, state in enumerate(states):
        case.wrote(1.0 + n, attempt(state, "net-1" if state != "INTENT" else ""))
    case.exists()
    case.sent(9.0, "DELETE", f"{NETWORKS}/net-1?force=1")
    assert [each for each in history(case) if each != 13] == violated


def test_12_a_second_thing_of_an_adopted_attempt_may_be_deleted():
    case = built()
    case.exists("net-2", TOKEN)
    case.sent(4.0, "DELETE", f"{NETWORKS}/net-2")
    assert history(case) == []


def test_12_what_a_person_made_must_be_there_in_the_end():
    case = deleted()
    mine = case.exists("mine", None)
    case.foreign.add("mine")
    assert gone(case) == []
    case.removed(mine, 9.0)
    assert gone(case) == [12]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("INTENT", "CLOSED"),
        ("INTENT", "RETAINED"),
        ("ADOPTED", "INTENT"),
        ("ADOPTED", "CLOSED"),
        ("CONDEMNED", "ADOPTED"),
        ("CONDEMNED", "RETAINED"),
        ("CLOSED", "CONDEMNED"),
        ("RETAINED", "CONDEMNED"),
    ],
)
def test_13_a_ledger_that_goes_back_or_leaps(before, after):
    case = Case()
    case.exists()
    case.wrote(1.0, attempt(AttemptState(before), "net-1"))
    case.wrote(2.0, attempt(AttemptState(after), "net-1"))
    assert history(case) == [13]


def test_13_an_adopted_attempt_that_changes_its_thing():
    case = Case()
    case.exists()
    case.wrote(1.0, attempt(AttemptState.ADOPTED, "net-1"))
    case.wrote(2.0, attempt(AttemptState.ADOPTED, "net-2"))
    assert history(case) == [13]


def test_16_a_stack_that_never_ends():
    assert rest(built(), READY, status=Status.IN_PROGRESS) == [16]
    assert rest(built(), READY, status=Status.FAILED) == []


def test_17_a_record_of_a_thing_that_does_not_exist():
    case = built()
    case.removed(case.cloud.regions[EAST].ground.things.of(KIND)["net-1"], 5.0)
    assert rest(case, READY) == [17]
    assert rest(case, record(State.LEAVING, "net-1")) == []
    case.meddled.add("net-1")
    assert rest(case, READY) == []


def test_17_a_record_of_what_no_cloud_keeps_is_nothing():
    assert rest(deleted(), record(State.READY, "local-thing")) == []


def test_18_a_thing_left_behind():
    assert gone(built()) == [18]
    case = deleted()
    case.exists("nobodys", None)
    assert gone(case) == [18]


@pytest.mark.parametrize("numbers", [(2,), (1, 3), (1, 1), (1, 2, 1)])
def test_19_events_with_gaps_or_twice(numbers):
    case = Case()
    for number in numbers:
        case.wrote(1.0, events(number))
    assert history(case) == [19]


def test_19_every_shard_counts_its_own_events():
    case = Case()
    case.wrote(1.0, events(1))
    far = msgspec.structs.replace(events(1)[1], region="west")
    claim = keys.claim(SHARD._replace(region="west"))
    guards = (*FENCE, msgspec.structs.replace(FENCE[0], key=claim))
    case.wrote(2.0, (keys.event(RED, STACK, "west", 1), far), guards=guards)
    assert history(case) == []


def test_0_an_error_of_our_own_in_a_record():
    case = Case()
    key, batch = events(1)
    event = Event(
        at=EPOCH, path="net", type="T", action="CREATE", status="FAILED", reason="internal error: x"
    )
    case.wrote(1.0, (key, msgspec.structs.replace(batch, events=(event,))))
    assert history(case) == [0]


def told(*order: int, since: int = 1, deaf: bool = False) -> list[int]:
    """A stack with a sink has two events; its queue was told of these."""
    case = built()
    sinks = (Sink("q", since=since),)
    case.wrote(4.0, (keys.header(RED, STACK), msgspec.structs.replace(header(), sinks=sinks)))
    event = Event(at=EPOCH, path=SHARD.stack, type="T", action="CREATE", status="COMPLETE")  # type: ignore[arg-type]
    batch = EventBatch(region=EAST, seq=3, plan=1, events=(event, event))
    case.wrote(5.0, (keys.event(RED, STACK, EAST, 3), batch))
    case.deaf |= {EAST} if deaf else set()
    first = events(2, "CREATE")[1]
    bodies = (message(STACK, first, 0), message(STACK, batch, 0), message(STACK, batch, 1), {"id": "x"})
    case.cloud.regions[EAST].zaqar.history += [
        Message(EAST, RED, "q", str(n), "", 60, bodies[n], EPOCH) for n in order
    ]
    return rest(case, READY)


def test_each_event_is_told_to_the_sink_in_order_and_nothing_else_is():
    assert told(0, 1, 2) == told(0, 0, 1, 0, 1, 2, 1) == told(since=2) == []
    assert told(0, 1) == [28] and told(0, 1, deaf=True) == []
    assert told(0, 2, 1) == [28]
    assert told(0, 1, 2, 3) == [28]

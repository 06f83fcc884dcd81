"""`global-heat attempts` and `global-heat orphans` against a real front door."""

from __future__ import annotations

import json
import threading

import yaml

from global_heat.model.leavings import Look, OrphanState
from global_heat.model.records import AttemptState
from global_heat.store import keys
from global_heat.store.leavings import admit, list_orphans
from tests.unit.api.test_leavings import RED, attempt, orphan, put, record_attempts, record_orphans, removal
from tests.unit.api.world import EAST, ONE_NET


def ok(result):
    assert result.exit_code == 0, result.output
    return result.stdout


def test_attempts_list_and_show(front):
    stuck = "over the budget of 1 deletions of a project in an hour"
    settled = attempt("two", state=AttemptState.CLOSED, settled=True)
    front.do(record_attempts(front.world, attempt("one", stuck=stuck, seen=True), settled))
    listed = json.loads(ok(front.run("attempts", "list", "-f", "json")))
    assert [(each["attempt"], each["state"], each["stuck"]) for each in listed] == [
        ("one", "CONDEMNED", stuck)
    ]
    assert (listed[0]["started"], listed[0]["region"]) == ("1970-01-01T00:16:40Z", "RegionOne")
    everything = yaml.safe_load(ok(front.run("attempts", "list", "--all", "-f", "yaml")))
    assert {each["attempt"] for each in everything} == {"one", "two"}
    assert stuck in ok(front.run("attempts", "list", "--filter", "stuck=?*"))
    front.do(admit(front.world.store, removal("n1"), 10))
    shown = json.loads(ok(front.run("attempts", "show", "one", "-f", "json")))
    assert [each["id"] for each in shown["removals"]] == ["n1"] and shown["pending"]
    (removed,) = json.loads(ok(front.run("attempts", "removals", "-f", "json")))
    assert (removed["id"], removed["reason"], removed["answer"]) == ("n1", "its attempt is CONDEMNED", "")
    assert front.run("attempts", "show", "none").exit_code != 0


def test_orphans_are_listed_adopted_and_deleted(front):
    nothing = front.run("orphans", "list", "-f", "json")
    assert json.loads(ok(nothing)) == [] and "no region has been searched yet" in nothing.stderr
    front.do(record_orphans(front.world, orphan("n1"), orphan("n2")))
    failed = Look(region=EAST, at=9000.0, failed={RED: ("volume.volume: 503",)})
    front.do(put(front.world, **{keys.look(EAST): failed}))
    listed = front.run("orphans", "list", "-f", "json")
    rows = {each["id"]: each for each in json.loads(ok(listed))}
    assert rows["n1"]["orphan"] == orphan("n1").handle
    assert rows["n1"]["reason"] == "the ledger does not know its token"
    assert "RegionOne: last searched 1970-01-01T02:30:00Z" in listed.stderr
    assert "RegionOne: not searched: volume.volume: 503" in listed.stderr
    assert front.run("orphans", "delete", rows["n1"]["orphan"], "--yes").exit_code != 0, "not an admin"
    gone = json.loads(
        ok(front.run("orphans", "delete", rows["n1"]["orphan"], "--yes", "-f", "json", token="root"))
    )
    assert (gone["state"], gone["user"]) == ("CONDEMNED", "root")
    kept = ok(front.run("orphans", "adopt", rows["n2"]["orphan"], "-f", "yaml", token="root"))
    assert yaml.safe_load(kept)["state"] == "ADOPTED"
    assert [each["id"] for each in json.loads(ok(front.run("orphans", "list", "-f", "json")))] == ["n1"]
    assert len(json.loads(ok(front.run("orphans", "list", "--all", "-f", "json")))) == 2
    states = {each.id: each.state for each in front.do(list_orphans(front.world.store, RED))}
    assert states == {"n1": OrphanState.CONDEMNED, "n2": OrphanState.ADOPTED}


def test_a_delete_says_what_is_still_looked_for(front, tmp_path):
    template = tmp_path / "net.yaml"
    template.write_text(ONE_NET)
    ok(front.run("stack", "create", "web", "-t", str(template)))
    front.do(front.world.build("web"))
    header = front.do(front.world.header("web"))
    front.do(record_attempts(front.world, attempt("one", stack=header.id)))

    async def delete_once_it_is_wished():
        key = keys.header(header.project, header.id)
        async for _ in front.world.store.watch(key, after=0):
            if (await front.world.header(header.id)).action == "DELETE":
                break
        await front.world.build(header.id)

    deleting = threading.Thread(target=lambda: front.do(delete_once_it_is_wished()))
    deleting.start()
    result = front.run("stack", "delete", "web", "--yes", "--wait", "--timeout", "60s")
    deleting.join()
    ok(result)
    assert "1 of its requests may have left something" in result.stderr
    assert f"attempts list --filter 'stack={header.id}'" in result.stderr

"""Zaqar: queues, messages, what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.sim_cloud.conftest import Answered, Caller, World

ME, YOU = "3381af92-2b9e-11e3-b191-71861300734c", "3381af92-2b9e-11e3-b191-71861300734d"


def zaqar(caller: Caller, method: str, path: str, body: Any = None, client: str = ME) -> Answered:
    return caller.call(method, "messaging", path, body, client_id=client)


def post(caller: Caller, queue: str, *bodies: Any, ttl: int = 60) -> Answered:
    messages = [{"ttl": ttl, "body": body} for body in bodies]
    return zaqar(caller, "POST", f"/queues/{queue}/messages", {"messages": messages})


def read(caller: Caller, path: str, client: str = YOU) -> list[Any]:
    return [each["body"] for each in zaqar(caller, "GET", path, client=client).ok()["messages"]]


def test_a_message_makes_its_queue_and_is_read_in_order(demo: Caller) -> None:
    hrefs = post(demo, "q", 1, {"two": 2}).ok(201)["resources"]
    assert read(demo, "/queues/q/messages") == [1, {"two": 2}]
    assert zaqar(demo, "GET", hrefs[1].removeprefix("/v2")).ok()["body"] == {"two": 2}
    assert read(demo, "/queues/q/messages", client=ME) == []
    assert read(demo, "/queues/q/messages?echo=true", client=ME) == [1, {"two": 2}]


def test_messages_come_in_pages(demo: Caller) -> None:
    post(demo, "q", *range(15)).ok(201)
    page = zaqar(demo, "GET", "/queues/q/messages?limit=10", client=YOU).ok()
    following = page["links"][0]["href"].removeprefix("/v2")
    assert [each["body"] for each in page["messages"]] == list(range(10))
    assert read(demo, following) == list(range(10, 15))
    assert zaqar(demo, "GET", "/queues/q/messages?limit=21").status == 400


def test_messages_go_when_their_time_is_over_or_somebody_deletes_them(world: World, demo: Caller) -> None:
    (href,) = post(demo, "q", "brief", ttl=60).ok(201)["resources"]
    post(demo, "q", "long", ttl=600).ok(201)
    zaqar(demo, "DELETE", href.removeprefix("/v2")).ok(204)
    assert read(demo, "/queues/q/messages") == ["long"]
    world.pass_time(600)
    assert read(demo, "/queues/q/messages") == []
    assert [message.body for message in world.east.zaqar.history] == ["brief", "long"]


def test_queues_are_made_and_deleted(demo: Caller) -> None:
    zaqar(demo, "PUT", "/queues/q", {"colour": "red"}).ok(201)
    zaqar(demo, "PUT", "/queues/q").ok(204)
    assert zaqar(demo, "GET", "/queues/q").ok() == {"colour": "red"}
    assert [each["name"] for each in zaqar(demo, "GET", "/queues").ok()["queues"]] == ["q"]
    zaqar(demo, "DELETE", "/queues/q").ok(204)
    assert zaqar(demo, "GET", "/queues/q").status == 404


def test_no_project_sees_anothers_queues(world: World, demo: Caller) -> None:
    post(demo, "q", 1).ok(201)
    other = world.caller("admin", "admin")
    assert read(other, "/queues/q/messages") == []
    assert zaqar(other, "GET", "/queues").ok()["queues"] == []


@pytest.mark.parametrize("body", [{}, {"messages": []}, {"messages": [{"ttl": 60}]}])
def test_a_post_must_hold_messages(demo: Caller, body: object) -> None:
    assert zaqar(demo, "POST", "/queues/q/messages", body).status == 400


def test_what_zaqar_refuses(world: World, demo: Caller) -> None:
    assert zaqar(demo, "GET", "/queues", client="me").status == 400
    assert zaqar(demo, "PUT", "/queues/a.b").status == 400
    assert post(demo, "q", 1, ttl=59).status == post(demo, "q", 1, ttl=1_209_601).status == 400
    assert post(demo, "q", "x" * 300_000).status == 400
    world.east.faults.strict_queues = True
    assert post(demo, "q", 1).status == 404
    zaqar(demo, "PUT", "/queues/q").ok(201)
    post(demo, "q", 1).ok(201)
    world.east.faults.down.add("messaging")
    assert post(demo, "q", 1).status == 503

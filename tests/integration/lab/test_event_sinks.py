"""Event sinks on the lab: what real replicas post is read as a consumer reads it, from Zaqar over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp

from global_heat.cli.lab.access import connect
from global_heat.cli.lab.network import HOST
from global_heat.cli.lab.running import RunningLab
from global_heat.client import collect_spec

TEMPLATE = Path(__file__).parent / "two-regions.yaml"
PATIENCE_SECONDS = 30.0
READER = "3381af92-2b9e-11e3-b191-71861300734c"
LOGIN = {
    "auth": {
        "identity": {
            "methods": ["password"],
            "password": {"user": {"name": "demo", "password": "demo", "domain": {"id": "default"}}},
        },
        "scope": {"project": {"name": "demo", "domain": {"id": "default"}}},
    }
}


async def read(lab: RunningLab, region: str, queue: str) -> list[dict[str, Any]]:
    """All messages of a queue, page by page."""
    cloud = f"http://{HOST}:{lab.lab.region(region).cloud_gate}"
    messages: list[dict[str, Any]] = []
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        async with session.post(f"{cloud}/identity/v3/auth/tokens", json=LOGIN) as answer:
            headers = {"X-Auth-Token": answer.headers["X-Subject-Token"], "Client-ID": READER}
        path = f"/v2/queues/{queue}/messages?limit=5"
        while True:
            async with session.get(f"{cloud}/messaging{path}", headers=headers) as answer:
                page = await answer.json()
            if not page["messages"]:
                return messages
            messages += page["messages"]
            path = page["links"][0]["href"]


async def test_a_consumer_hears_of_a_stack_over_two_regions_until_its_end(
    lab: RunningLab, tmp_path: Path
) -> None:
    environment = tmp_path / "sinks.yaml"
    environment.write_text("event_sinks: [{type: zaqar-queue, target: told, ttl: 600}]\n")
    spec = collect_spec(TEMPLATE, [environment], {"here": "north", "there": "west"})
    spec.region = "regions/south"
    async with connect(lab) as client:
        for asked in (client.create_stack("told", spec), client.delete_stack("told")):
            operation = await asked
            assert operation is not None
            ended = await client.wait_operation(operation.name, PATIENCE_SECONDS)
            assert ended.done and not ended.HasField("error")

    async def told() -> dict[str, list[str]]:
        found: dict[str, dict[str, str]] = {}
        for message in await read(lab, "south", "told"):
            body = message["body"]
            assert (body["type"], message["ttl"]) == ("os.heat.event", 600)
            payload = body["payload"]
            what = f"{payload['resource_action']}_{payload['resource_status']}"
            found.setdefault(payload["resource_name"], {})[body["id"]] = what
        return {path: list(events.values()) for path, events in found.items()}

    # A stack does not wait for its sinks, so its end may be told a moment after it.
    both = ["CREATE_IN_PROGRESS", "CREATE_COMPLETE", "DELETE_IN_PROGRESS", "DELETE_COMPLETE"]
    async with lab.store() as store:
        async for _ in store.watch("work/", after=1):
            if not (await store.scan("work/")).entries:
                break
    assert await told() == {"one": both, "other": both}
    assert await read(lab, "north", "told") == []

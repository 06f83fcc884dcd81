"""When a region counts as down, and how it comes back."""

from __future__ import annotations

import asyncio
import itertools
from urllib.parse import urlsplit

import pytest

from global_heat.model.errors import Ambiguous, Transient
from global_heat.model.names import Region
from global_heat.regions.circuit import Circuit, HealthPolicy
from global_heat.regions.health import State

EAST = Region("east")
POLICY = HealthPolicy()


class Town:
    """Says which services answer; a probe sees it."""

    def __init__(self, kit, rig):
        self.kit = kit
        self.rig = rig
        self.dead: dict[str, BaseException | int] = {}
        rig.cloud.handle = self.answer

    def answer(self, request):
        service = urlsplit(request.url).path.split("/")[1]
        fate = self.dead.get(service)
        if fate is None:
            return self.kit.reply(200, {"networks": []})
        return self.kit.reply(fate) if isinstance(fate, int) else fate

    def probes(self):
        return [request for request in self.rig.cloud.requests if "x-auth-token" not in lower(request)]


def lower(request):
    return {name.lower() for name in request.headers}


def refused(what="refused"):
    return Transient(f"connection {what}")


async def fail(cloud, service="network", times=3):
    for _ in range(times):
        with pytest.raises(Transient):
            await cloud.list(service, "/things", "networks")


async def settle(seconds=0.0):
    await asyncio.sleep(seconds)


def in_rig(kit, virtual, scenario, **options):
    """Run a scenario with the prober running beside it."""

    async def work():
        rig = kit.Rig(**options)
        prober = asyncio.create_task(rig.health.run())
        try:
            return await scenario(rig, Town(kit, rig))
        finally:
            prober.cancel()

    return virtual(work())


def test_a_region_that_refuses_is_down_until_it_answers_a_probe(kit, virtual):
    async def scenario(rig, town):
        cloud = await rig.open()
        for service in ("network", "compute", "volume", "image"):
            town.dead[service] = refused()
        await fail(cloud, times=2)
        assert rig.health.condition(EAST).state is State.UP
        await fail(cloud, times=1)
        await settle(0.5)
        assert "connection refused" in rig.health.trouble(EAST)
        assert rig.health.condition(EAST).state is State.DOWN
        waiting = asyncio.create_task(rig.health.until_up(EAST))
        await settle(100)
        assert not waiting.done()
        town.dead.clear()
        await waiting
        assert rig.health.trouble(EAST) is None
        assert await cloud.list("network", "/things", "networks") == []
        assert rig.health.condition(EAST).state is State.UP
        return [condition.state for _, condition in rig.changes]

    # The first circuit to open makes it slow; the others' probes make it down.
    states = in_rig(kit, virtual, scenario)
    assert states[:2] == [State.SLOW, State.DOWN]
    assert states[-1] is State.UP
    assert states.count(State.DOWN) == 1


def test_one_failing_service_alone_takes_no_region_down(kit, virtual):
    async def scenario(rig, town):
        cloud = await rig.open()
        town.dead["network"] = 503
        await fail(cloud)
        await settle(30)
        assert rig.health.trouble(EAST) is None
        assert rig.health.condition(EAST).state is State.SLOW
        assert "network: it answers 503" in rig.health.condition(EAST).why
        await rig.health.until_up(EAST)
        assert await cloud.list("compute", "/things", "networks") == []

    in_rig(kit, virtual, scenario)


def test_an_open_circuit_sends_nothing(kit, virtual):
    async def scenario(rig, town):
        cloud = await rig.open()
        town.dead["network"] = refused()
        await fail(cloud)
        sent = len([r for r in rig.cloud.sent("network") if "x-auth-token" in lower(r)])
        with pytest.raises(Transient, match="network of east does not answer"):
            await cloud.post("network", "/networks", {})
        with pytest.raises(Transient):
            await cloud.delete("network", "/networks/1")
        return sent, len([r for r in rig.cloud.sent("network") if "x-auth-token" in lower(r)])

    before, after = in_rig(kit, virtual, scenario)
    assert before == after == 3


def test_silence_is_noticed_before_the_call_times_out(kit, virtual):
    async def scenario(rig, town):
        cloud = await rig.open()

        async def silence(request):
            await asyncio.sleep(request.timeout_seconds)
            raise Ambiguous("no answer")

        rig.cloud.handle = silence
        call = asyncio.create_task(cloud.list("network", "/things", "networks"))
        await settle(POLICY.overdue_seconds + POLICY.probe_timeout_seconds - 0.1)
        assert rig.health.trouble(EAST) is None
        await settle(0.2)
        assert "no answer" in rig.health.trouble(EAST)
        assert not call.done()
        with pytest.raises(Transient):
            await call

    in_rig(kit, virtual, scenario)


def test_a_slow_call_alone_is_no_trouble(kit, virtual):
    async def scenario(rig, town):
        cloud = await rig.open()

        async def slow(request):
            if "/os-volume_attachments" in request.url:
                await asyncio.sleep(300)
            return kit.reply(200, {})

        rig.cloud.handle = slow
        await cloud.post("compute", "/servers/1/os-volume_attachments", {})
        return rig.health.trouble(EAST), rig.changes[:1]

    trouble, changes = in_rig(kit, virtual, scenario)
    assert trouble is None
    assert changes[0][1].state is State.SLOW


def test_answers_between_failures_keep_it_up(kit, virtual):
    async def scenario(rig, town):
        cloud = await rig.open()
        for _ in range(5):
            town.dead["network"] = 503
            await fail(cloud, times=2)
            town.dead.clear()
            await cloud.list("network", "/things", "networks")
        return rig.health.condition(EAST).state

    assert in_rig(kit, virtual, scenario) is State.UP


def test_a_500_is_the_requests_fault_not_the_services(kit, virtual):
    async def scenario(rig, town):
        cloud = await rig.open()
        town.dead["network"] = 500
        await fail(cloud, times=9)
        return rig.health.condition(EAST).state, town.probes()

    state, _ = in_rig(kit, virtual, scenario)
    assert state is State.UP


def test_one_region_does_not_speak_for_another(kit, virtual):
    async def scenario(rig, town):
        cloud = await rig.open("east")
        rig.cloud.handle = lambda request: (
            refused() if "east" in request.url else kit.reply(200, {"networks": []})
        )
        await fail(cloud)
        await settle(1)
        assert rig.health.trouble(EAST)
        assert rig.health.trouble(Region("west")) is None
        west = await rig.open("west")
        assert await west.list("network", "/things", "networks") == []

    in_rig(kit, virtual, scenario)


def test_probes_get_rarer_and_never_stop(kit, virtual):
    async def scenario(rig, town):
        cloud = await rig.open()
        times = []
        loop = asyncio.get_running_loop()

        def refuse(request):
            if "/image" in request.url:
                times.append(loop.time())
            return refused()

        rig.cloud.handle = refuse
        await fail(cloud)
        await settle(200)
        return [round(later - earlier) for earlier, later in itertools.pairwise(times)]

    gaps = in_rig(kit, virtual, scenario)
    assert gaps[:4] == [1, 2, 4, 8]
    assert set(gaps[4:]) == {10}
    assert len(gaps) >= 20


def test_a_service_that_answers_probes_only_is_tried_less_and_less(kit, virtual):
    """Its version document is static: it may be served while nothing else is."""

    async def scenario(rig, town):
        cloud = await rig.open()

        def half_dead(request):
            return kit.reply(503 if "x-auth-token" in lower(request) else 200, {})

        rig.cloud.handle = half_dead
        for _ in range(400):
            with pytest.raises(Transient):
                await cloud.list("network", "/things", "networks")
            await asyncio.sleep(0.25)
        return len([r for r in rig.cloud.sent("network") if "x-auth-token" in lower(r)])

    assert in_rig(kit, virtual, scenario) < 20


def test_keystone_alone_counts_while_nothing_else_is_known(kit, virtual):
    async def scenario(rig, town):
        rig.cloud.authorize = lambda request: refused()
        town.dead["identity"] = refused()
        for _ in range(3):
            with pytest.raises(Transient):
                await rig.open()
        await settle(1)
        assert rig.health.trouble(EAST)
        town.dead.clear()
        rig.cloud.authorize = rig.cloud.give_token
        await rig.health.until_up(EAST)
        await rig.open()

    in_rig(kit, virtual, scenario)


def test_keystone_away_is_no_region_down_while_its_services_answer(kit, virtual):
    """They go on with the tokens there are."""

    async def scenario(rig, town):
        cloud = await rig.open()
        rig.cloud.authorize = lambda request: refused()
        town.dead["identity"] = refused()
        for n in range(3):
            with pytest.raises(Transient):
                await rig.open("east", kit.ApplicationCredential(str(n), "s"))
        await settle(1)
        assert rig.health.trouble(EAST) is None
        assert "identity" in rig.health.condition(EAST).why
        await cloud.list("network", "/things", "networks")

    in_rig(kit, virtual, scenario)


def test_a_removed_region_is_forgotten_and_nobody_waits_for_it(kit, virtual):
    async def scenario(rig, town):
        cloud = await rig.open()
        rig.cloud.handle = lambda request: refused()
        await fail(cloud)
        await settle(1)
        waiting = asyncio.create_task(rig.health.until_up(EAST))
        await settle(1)
        rig.registry.update([rig.registry.get(Region("west"))])
        await waiting
        assert rig.health.trouble(EAST) is None
        before = len(rig.cloud.requests)
        await settle(100)
        return len(rig.cloud.requests) - before

    assert in_rig(kit, virtual, scenario) <= 5


def test_failures_far_apart_do_not_add_up():
    circuit = Circuit()
    for n in range(10):
        circuit = circuit.failed(n * (POLICY.window_seconds + 1), "x", POLICY)
    assert not circuit.open
    for n in range(POLICY.failures_max):
        circuit = circuit.failed(1000 + n, "x", POLICY)
    assert circuit.open

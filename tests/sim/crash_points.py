"""Crash points: an owner is killed, or stopped for half a minute, at every thing that it does for a resource.

For each resource type a stack of one such resource, with what it needs, is created, updated, replaced and
deleted. A point is one question to the store or one request to a cloud that a step of that resource makes, or
one commit that writes its record. Before it: it is not sent (killed) or sent half a minute later (stopped).
After it: it has had its effect, and its owner never learns of it, or much later.
`python tests/sim/crash_points.py` plays all of them and prints how many there are.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import enum
import multiprocessing
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from pytest import MonkeyPatch

from global_heat.engine import running
from global_heat.model.errors import Invalid
from global_heat.model.records import HookRecord
from global_heat.sim import loop, node, outside
from global_heat.sim.checker import Violation, check_gone, check_history, check_rest
from global_heat.sim.etcd import SimStore
from global_heat.sim.process import Process
from global_heat.sim.world import SimWorld
from global_heat.store.codec import decode
from global_heat.template.registry import HOOKS

T = TypeVar("T")
Call = Callable[[], Awaitable[T]]

_HEAD = "heat_template_version: 2018-08-31\nresources:\n"
_NET = "  net: {type: 'OS::Neutron::Net'}\n"
_SUBNET = _NET + (
    "  subnet: {type: 'OS::Neutron::Subnet', properties: {network: {get_resource: net}, cidr: 10.0.0.0/24}}\n"
)
_PORT = _SUBNET + (
    "  port: {type: 'OS::Neutron::Port', depends_on: [subnet], properties: {network: {get_resource: net}}}\n"
)
_ROUTER = "  router: {type: 'OS::Neutron::Router', properties: {external_gateway_info: {network: public}}}\n"
_INTERFACE = (
    "  way: {type: 'OS::Neutron::RouterInterface', "
    "properties: {router: {get_resource: router}, subnet: {get_resource: subnet}}}\n"
)
_ADDRESS = (
    "  ip: {type: 'OS::Neutron::FloatingIP', depends_on: [way], properties: {floating_network: public}}\n"
)
_SERVER = _PORT + (
    "  server: {type: 'OS::Nova::Server', properties: {flavor: m1.small, image: cirros, "
    "networks: [{port: {get_resource: port}}]}}\n"
)
_VOLUMES = "".join(f"  v{n}: {{type: 'OS::Cinder::Volume', properties: {{size: 1}}}}\n" for n in (1, 2))
_GROUP = "  group: {type: 'OS::Neutron::SecurityGroup'}\n"
_CONFIGS = "".join(
    f"  c{n}: {{type: 'OS::Heat::SoftwareConfig', properties: {{config: echo {n}}}}}\n" for n in (1, 2)
)
_DEPLOYED = "  server: {type: 'OS::Heat::DeployedServer'}\n" + _CONFIGS


class How(enum.StrEnum):
    KILL_BEFORE = "killed before"
    KILL_AFTER = "killed after"
    STOP_BEFORE = "stopped before"
    STOP_AFTER = "stopped after"


@dataclass(frozen=True)
class Life:
    """What a resource `x` needs, and its properties: at first, updated in place, replaced."""

    needs: str
    wishes: tuple[str, ...]
    type: str = ""
    """Empty: as the life is called."""
    beside: str = ""
    """What stands beside its properties."""
    hooks: tuple[str, ...] = ()
    """Each is cleared a while after somebody waits at it."""

    @property
    def environment(self) -> Any:
        return {"resource_registry": {"resources": {"x": {"hooks": list(self.hooks)}}}}

    def templates(self, name: str) -> Iterator[str]:
        type = self.type or name
        for wish in self.wishes:
            yield f"{_HEAD}{self.needs}  x: {{type: '{type}'{self.beside}, properties: {{{wish}}}}}\n"


_IMAGE = "name: i, disk_format: qcow2, container_format: bare, location: 'http://images.example/{}'"
_PORTS = ("port", "second")
_SECOND_PORT = _PORT.removeprefix(_SUBNET).replace("port:", "second:")
_SECOND_SUBNET = _SUBNET.removeprefix(_NET).replace("subnet:", "second:").replace(".0.0/", ".9.0/")
_ON_PORT = "flavor: m1.small, image: cirros, networks: [{port: {get_resource: port}}]"
_DEPLOYMENT = "server: {{get_resource: server}}, signal_transport: NO_SIGNAL, config: {{get_resource: c{}}}"
LIVES: dict[str, Life] = {
    "OS::Heat::AccessPolicy": Life(_NET, ("AllowedResources: [net]",)),
    "OS::Heat::CloudConfig": Life("", ("cloud_config: {a: 1}", "cloud_config: {a: 2}")),
    "OS::Heat::DeployedServer": Life("", ("name: a", "name: b")),
    "OS::Heat::Delay": Life("", ("min_wait: 5", "min_wait: 6")),
    "OS::Heat::MultipartMime": Life("", ("parts: [{config: a}]", "parts: [{config: b}]")),
    "OS::Heat::None": Life("", ("",)),
    "OS::Heat::RandomString": Life("", ("length: 8", "length: 9")),
    "OS::Heat::SoftwareConfig": Life("", ("config: a", "config: b")),
    "OS::Heat::SoftwareDeployment": Life(_DEPLOYED, (_DEPLOYMENT.format(1), _DEPLOYMENT.format(2))),
    "OS::Heat::StructuredConfig": Life("", ("config: {a: 1}", "config: {a: 2}")),
    "OS::Heat::StructuredDeployment": Life(
        _DEPLOYED.replace(
            "SoftwareConfig', properties: {config: echo", "StructuredConfig', properties: {config:"
        )
        .replace("config: 1}", "config: {a: 1}}")
        .replace("config: 2}", "config: {a: 2}}"),
        (_DEPLOYMENT.format(1), _DEPLOYMENT.format(2)),
    ),
    "OS::Heat::TestResource": Life("", ("value: a, wait_secs: 3", "value: b, wait_secs: 3")),
    "OS::Heat::UpdateWaitConditionHandle": Life("", ("",)),
    "OS::Heat::Value": Life("", ("value: a", "value: b")),
    "OS::Heat::WaitCondition": Life(
        "  h: {type: 'OS::Heat::WaitConditionHandle'}\n", ("handle: {get_resource: h}, timeout: 5",)
    ),
    "OS::Heat::WaitConditionHandle": Life("", ("",)),
    "AWS::CloudFormation::WaitCondition": Life(
        "  h: {type: 'AWS::CloudFormation::WaitConditionHandle'}\n",
        ("Handle: {get_resource: h}, Timeout: 5",),
    ),
    "AWS::CloudFormation::WaitConditionHandle": Life("", ("",)),
    "OS::Neutron::Net": Life(
        "", ("name: a", "name: b, tags: [t]", "name: b, availability_zone_hints: [nova]")
    ),
    "OS::Neutron::Subnet": Life(
        _NET,
        tuple(
            f"network: {{get_resource: net}}, cidr: {cidr}, name: {name}"
            for cidr, name in (("10.0.0.0/24", "a"), ("10.0.0.0/24", "b"), ("10.1.0.0/24", "b"))
        ),
    ),
    "OS::Neutron::Port": Life(
        _SUBNET + "  other: {type: 'OS::Neutron::Net'}\n",
        tuple(
            f"network: {{get_resource: {net}}}, name: {name}"
            for net, name in (("net", "a"), ("net", "b"), ("other", "b"))
        ),
    ),
    "OS::Neutron::Router": Life(
        "", ("name: a", "name: b, external_gateway_info: {network: public}", "name: b, ha: false")
    ),
    "OS::Neutron::RouterInterface": Life(
        _SUBNET + _SECOND_SUBNET + _ROUTER,
        tuple(
            f"router: {{get_resource: router}}, subnet: {{get_resource: {s}}}" for s in ("subnet", "second")
        ),
    ),
    "OS::Neutron::FloatingIP": Life(
        _PORT + _ROUTER + _INTERFACE,
        ("floating_network: public", "floating_network: public, port_id: {get_resource: port}"),
    ),
    "OS::Neutron::FloatingIPAssociation": Life(
        _PORT + _SECOND_PORT + _ROUTER + _INTERFACE + _ADDRESS,
        tuple(f"floatingip_id: {{get_resource: ip}}, port_id: {{get_resource: {p}}}" for p in _PORTS),
    ),
    "OS::Neutron::SecurityGroup": Life("", ("name: a", "name: b, rules: [{protocol: tcp}]")),
    "OS::Neutron::SecurityGroupRule": Life(
        _GROUP,
        tuple(f"security_group: {{get_resource: group}}, protocol: {name}" for name in ("tcp", "udp")),
    ),
    "OS::Cinder::Volume": Life("", ("size: 1", "size: 2", "size: 2, image: cirros")),
    "OS::Cinder::VolumeAttachment": Life(
        _SERVER + _VOLUMES,
        tuple(f"instance_uuid: {{get_resource: server}}, volume_id: {{get_resource: v{n}}}" for n in (1, 2)),
    ),
    "OS::Glance::WebImage": Life("", (_IMAGE.format(1), _IMAGE.format(1) + ", tags: [t]", _IMAGE.format(2))),
    "OS::Nova::KeyPair": Life("", ("name: a", "name: b")),
    "OS::Nova::ServerGroup": Life("", ("policies: [affinity]", "policies: [anti-affinity]")),
    "OS::Nova::Server": Life(
        _PORT + _SECOND_PORT,
        (
            _ON_PORT,
            _ON_PORT + ", metadata: {a: b}",
            _ON_PORT.replace("resource: port", "resource: second") + ", config_drive: true",
        ),
    ),
}


_SAVED = ", deletion_policy: Snapshot"
_TWO = "  n: {type: 'OS::Heat::Value', properties: {type: number, value: 2}}\n"
_LINKS = "  n: {type: 'OS::Heat::Value', properties: {value: ['OS::Heat::None', 'OS::Neutron::Net']}}\n"
_SERVERS = _DEPLOYED + (
    "  n: {type: 'OS::Heat::Value', properties: {type: json, value: {a: {get_resource: server}}}}\n"
)
_COUNTED = "{get_attr: [n, value]}"
_DEPLOYMENTS = f"servers: {_COUNTED}, signal_transport: NO_SIGNAL, config: {{get_resource: c%s}}"
LIVES |= {
    "AWS::AutoScaling::LaunchConfiguration": Life("", ("ImageId: a, InstanceType: b",)),
    "OS::Heat::AutoScalingGroup": Life(
        _TWO,
        tuple(
            f"min_size: 1, max_size: 3, desired_capacity: {_COUNTED},"
            f" resource: {{type: 'OS::Neutron::Net', properties: {{name: {name}}}}}"
            for name in "ab"
        ),
    ),
    "OS::Heat::ResourceChain": Life(_LINKS, (f"resources: {_COUNTED}",)),
    "OS::Heat::ResourceGroup": Life(
        _TWO,
        tuple(
            f"count: {_COUNTED}, resource_def: {{type: 'OS::Neutron::Net', properties: {{name: {name}}}}}"
            for name in "ab"
        ),
    ),
    "OS::Heat::ScalingPolicy": Life(
        "",
        tuple(
            f"auto_scaling_group_id: g, adjustment_type: exact_capacity, scaling_adjustment: {amount}"
            for amount in (1, 2)
        ),
    ),
    "OS::Heat::SoftwareDeploymentGroup": Life(_SERVERS, (_DEPLOYMENTS % 1, _DEPLOYMENTS % 2)),
}
ALIKE = {
    "AWS::AutoScaling::AutoScalingGroup": "OS::Heat::AutoScalingGroup",
    "AWS::AutoScaling::ScalingPolicy": "OS::Heat::ScalingPolicy",
    "OS::Heat::InstanceGroup": "OS::Heat::AutoScalingGroup",
    "OS::Heat::SoftwareDeployments": "OS::Heat::SoftwareDeploymentGroup",
    "OS::Heat::StructuredDeploymentGroup": "OS::Heat::SoftwareDeploymentGroup",
    "OS::Heat::StructuredDeployments": "OS::Heat::SoftwareDeploymentGroup",
}
"""Types for which the engine does the very same as for another one."""
OTHER_LIVES: dict[str, Life] = {
    "a volume that is saved": Life("", ("size: 1", "size: 1, image: cirros"), "OS::Cinder::Volume", _SAVED),
    "a server that is saved": Life(_PORT, (_ON_PORT,), "OS::Nova::Server", _SAVED),
    "a net with hooks": Life("", ("name: a", "name: b"), "OS::Neutron::Net", "", HOOKS),
    "a relation with hooks": Life(
        _SUBNET + _ROUTER,
        ("router: {get_resource: router}, subnet: {get_resource: subnet}",),
        "OS::Neutron::RouterInterface",
        "",
        HOOKS,
    ),
    "a thing that is there": Life("", ("",), "OS::Heat::TestResource", ", external_id: there"),
}
"""Lives that differ by what stands beside the properties."""


class Seam:
    """Counts the points of a run, and strikes at one of them; 0: at none."""

    def __init__(self, world: SimWorld, at: int, how: How) -> None:
        self._world = world
        self._at = at
        self._how = how
        self.count = 0

    async def cross(self, process: Process, call: Call[T]) -> T:
        """Carry out what an owner asks for, or strike it."""
        owner = next((each for each in self._world.nodes if each.process is process), None)
        if owner is None:
            return await call()
        self.count += 1
        if self.count != self._at:
            return await call()
        match self._how:
            case How.KILL_BEFORE:
                return await self._kill(owner)
            case How.KILL_AFTER:
                await call()
                return await self._kill(owner)
            case How.STOP_BEFORE:
                self._stop(process)
                return await call()
            case How.STOP_AFTER:
                answer = await call()
                self._stop(process)
                return answer

    async def _kill(self, owner: node.Node) -> Any:
        clock = asyncio.get_running_loop()
        owner.process.die()
        self._killing = asyncio.ensure_future(owner.kill())
        clock.call_later(15.0, lambda: None if owner.alive else owner.start())
        await asyncio.Event().wait()

    def _stop(self, process: Process) -> None:
        process.stop()
        asyncio.get_running_loop().call_later(30.0, process.go_on)


_ours: ContextVar[bool] = ContextVar("ours", default=False)
"""Whether what runs now is a step of the resource that is looked at."""


def _listen(patch: MonkeyPatch, seam: Seam) -> None:
    """Let the seam see what is done for the resource `x`."""
    for name in ("perform_apply", "perform_clean"):
        real = getattr(running, name)

        async def perform(job: Any, what: Any, real: Any = real) -> None:
            _ours.set(what.path == "x")
            await real(job, what)

        patch.setattr(running, name, perform)
    real_send, real_commit = outside._CloudWay.send, SimStore.commit
    real_get, real_scan = SimStore.get, SimStore.scan

    async def send(self: Any, request: Any) -> Any:
        call = lambda: real_send(self, request)  # noqa: E731
        return await (seam.cross(self._process, call) if _ours.get() else call())

    async def get(self: Any, *keys: Any, **options: Any) -> Any:
        call = lambda: real_get(self, *keys, **options)  # noqa: E731
        return await (seam.cross(self._process, call) if _ours.get() else call())

    async def scan(self: Any, *keys: Any, **options: Any) -> Any:
        call = lambda: real_scan(self, *keys, **options)  # noqa: E731
        return await (seam.cross(self._process, call) if _ours.get() else call())

    async def commit(self: Any, *guards: Any, **writes: Any) -> Any:
        call = lambda: real_commit(self, *guards, **writes)  # noqa: E731
        changed = (*writes.get("put", ()), *writes.get("delete", ()))
        of_it = _ours.get() or any("/resources/x/" in key or "/hooks/x/" in key for key in changed)
        return await (seam.cross(self._process, call) if of_it else call())

    patch.setattr(outside._CloudWay, "send", send)
    for name, method in (("get", get), ("scan", scan), ("commit", commit)):
        patch.setattr(SimStore, name, method)


def live(type: str, at: int = 0, how: How = How.KILL_BEFORE) -> tuple[int, list[Violation], list[str]]:
    """Play a life, struck at one point: how many points it has, what was violated, the stack's states."""
    return loop.run(_live(type, at, how))


async def _live(type: str, at: int, how: How) -> tuple[int, list[Violation], list[str]]:
    world = SimWorld(1, 2)
    seam = Seam(world, at, how)
    found: list[Violation] = []
    states: list[str] = []
    life = (LIVES | OTHER_LIVES)[type]
    with MonkeyPatch.context() as patch:
        _listen(patch, seam)
        world.start()
        clearing = asyncio.ensure_future(_clear_hooks(world))
        for n, template in enumerate(life.templates(type)):
            wish = world.user.update if n else world.user.create
            await wish("web", template, environment=life.environment)
            found += await _at_rest(world, states)
        await world.user.delete("web")
        found += await _at_rest(world, states)
        if not await world.until(lambda: world.swept() == 0, 600.0):
            found.append(Violation(18, "attempts are never closed"))
        found += check_gone(world.evidence()) + check_history(world.evidence())
        found += [Violation(0, f"{each.name}: {each.failure()!r}") for each in world.nodes if each.failure()]
        clearing.cancel()
        await world.stop()
    return seam.count, found, states


async def _clear_hooks(world: SimWorld) -> None:
    """A person who looks now and then, and lets everything go on."""
    while True:
        await asyncio.sleep(1.0)
        for entry in world.cluster.scan("stacks/", "", world.cluster.revision):
            if entry.key.split("/")[3] == "hooks" and not (hook := decode(HookRecord, entry.value)).cleared:
                with contextlib.suppress(Invalid):
                    await world.user.signal("web", hook.path, {"unset_hook": hook.hook})


async def _at_rest(world: SimWorld, states: list[str]) -> list[Violation]:
    await world.settled()
    states += [header.state for header in world.headers()]
    return [v for v in check_rest(world.evidence(), world.records(), world.headers()) if v.invariant != 8]


def points(types: Iterable[str]) -> Iterator[tuple[str, int, How]]:
    for type in types:
        count, found, states = live(type)
        assert not found, (type, found, states)
        yield from ((type, at, how) for at in range(1, count + 1) for how in How)


def strike(point: tuple[str, int, How]) -> list[str]:
    """What is violated when an owner is struck at this point."""
    quiet()
    type, at, how = point
    try:
        _, found, _ = live(type, at, how)
    except Invalid as refused:
        return [f"{type}, {how} point {at}: {refused}"]
    return [f"{type}, {how} point {at}: invariant {each.invariant}: {each.story}" for each in found]


def quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", action="append", default=[], help="a resource type, or another life")
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    options = parser.parse_args()
    quiet()
    begun = time.monotonic()
    all_points = list(points(options.only or LIVES | OTHER_LIVES))
    with multiprocessing.get_context("fork").Pool(options.jobs) as pool:
        wrong = [line for lines in pool.imap_unordered(strike, all_points, chunksize=8) for line in lines]
    print("\n".join(wrong[:50]))
    types = len({type for type, _, _ in all_points})
    ways = ", ".join(f"{sum(how is way for _, _, how in all_points)} {way}" for way in How)
    print(f"{len(all_points)} crash points of {types} types ({ways}) in {time.monotonic() - begun:.0f} s: "
          f"{len(wrong)} violations")  # fmt: skip
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())

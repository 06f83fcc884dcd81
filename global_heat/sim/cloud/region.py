"""One region of the fake cloud: its services behind one address."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from global_heat.regions.transport import Request, Response
from global_heat.sim.cloud import discovery
from global_heat.sim.cloud.cinder.service import Cinder
from global_heat.sim.cloud.faults import Faults
from global_heat.sim.cloud.glance import Glance
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.journal import Entry, Journal
from global_heat.sim.cloud.keystone import identity, trusts
from global_heat.sim.cloud.keystone.errors import keystone_error, unauthenticated
from global_heat.sim.cloud.keystone.model import FakeKeystone
from global_heat.sim.cloud.neutron.service import Neutron
from global_heat.sim.cloud.nova.service import Nova
from global_heat.sim.cloud.settings import Settings
from global_heat.sim.cloud.things import Made
from global_heat.sim.cloud.wire import Answer, Call, Refusal, render, split_url
from global_heat.sim.cloud.zaqar import Zaqar

_TOKEN = re.compile(rb"gh1-([a-z2-7]{42})")
_SERVICES = frozenset(("identity", "compute", "network", "volume", "image", "messaging"))
_OWNER = "admin"
"""The project that owns what is there from the start."""


@dataclass(slots=True, frozen=True)
class Admission:
    """A request whose credential was good when it arrived; nothing has happened yet."""

    call: Call
    entry: Entry


class FakeRegion:
    """`handle` is one request's whole life at one instant; `admit` and `effect` are its two halves, for
    requests that are held in between. State changes with `clock()` alone: no task runs behind it.

    `shared` names the regions that answer for this one: {"identity": east, "image": east}. What is asked
    here of a shared service is answered all the same: the catalogue says where callers should go.
    """

    def __init__(
        self,
        name: str,
        keystone: FakeKeystone,
        clock: Callable[[], float],
        rng: random.Random,
        settings: Settings | None = None,
        journal: Journal | None = None,
        shared: Mapping[str, FakeRegion] | None = None,
    ) -> None:
        self.name = name
        self.keystone = keystone
        self.journal = journal if journal is not None else Journal()
        self.faults = Faults(random.Random(rng.getrandbits(64)))
        self.ground = Ground(name, clock, rng, settings or Settings(), self.faults)
        shared = shared or {}
        self._identity_faults = shared["identity"].faults if "identity" in shared else self.faults
        owner = keystone.project_id(_OWNER)
        self.neutron = Neutron(self.ground, owner)
        self.glance: Glance = shared["image"].glance if "image" in shared else Glance(self.ground, owner)
        self.cinder = Cinder(self.ground, self.glance)
        self.zaqar = Zaqar(self.ground)
        self.nova = Nova(self.ground, self.neutron, self.cinder, self.glance)
        self._serial = 0

    def handle(self, request: Request) -> Response:
        """Do what is asked, now, whatever the faults say; they are carried out by `deliver`."""
        admission = self.admit(request)
        if isinstance(admission, Response):
            return admission
        response = self.effect(admission)
        self.note_answer(admission, response.status)
        return response

    def admit(
        self, request: Request, *, client: str = "", sent_at: float | None = None, replay: bool = False
    ) -> Admission | Response:
        """Take the request in and check its credential; a Response refuses it."""
        now = self.ground.settle()
        self._serial += 1
        base_url, path, segments, query = split_url(request.url)
        call = Call(
            method=request.method,
            service=segments[0] if segments else "identity",
            path=segments[2:],
            query=query,
            headers={key.lower(): value for key, value in request.headers.items()},
            raw=request.body,
            base_url=base_url,
            url_path=path,
            request_id=f"req-00000000-0000-4000-8000-{self._serial:012x}",
            at_version=len(segments) > 1,
            now=now,
        )
        # A message that tells of an attempt's thing is none of its requests.
        may_make = b"gh1-" in request.body and call.service != "messaging"
        found = _TOKEN.search(request.body) if may_make else None
        entry = Entry(
            region=self.name,
            client=client or call.headers.get("user-agent", ""),
            request_id=call.request_id,
            method=call.method,
            path=request.url[len(base_url) :],
            token=found.group(1).decode() if found else "",
            sent_at=now if sent_at is None else sent_at,
            arrived_at=now,
            handle=trusts.asked_for(call),
            replay=replay,
        )
        self.journal.append(entry)
        admission = Admission(call, entry)
        refused = self._check(call, segments)
        if refused is not None:
            self.note_answer(admission, refused.status)
            return refused
        entry.admitted_at = now
        if call.grant is not None:
            entry.user = call.grant.user_id
            entry.project = call.grant.project_id or ""
            entry.trust = call.grant.trust_id or ""
        return admission

    def effect(self, admission: Admission) -> Response:
        """Do what the admitted request asks."""
        call, entry = admission.call, admission.entry
        call.now = entry.effected_at = self.ground.settle()
        self.ground.busy_until = None
        response = self._answer(call)
        entry.busy_until = self.ground.busy_until
        entry.effect_status = response.status
        return response

    def note_answer(self, admission: Admission, status: int) -> None:
        """Say that the caller was sent an answer."""
        admission.entry.answered_at = self.ground.clock()
        admission.entry.status = status

    def truth(self) -> list[Made]:
        """All things that exist now, without those that were there from the start, by age."""
        return [made for made in self.history() if made.deleted_at is None]

    def history(self) -> list[Made]:
        """All things made since the start, also those deleted."""
        self.ground.settle()
        return list(self.ground.things.history(self.name))

    def set_quota(self, project_id: str, kind: str, limit: int) -> None:
        """Say how many of a kind (`compute.server`) a project may have."""
        self.ground.quotas[project_id, kind] = limit

    def _check(self, call: Call, segments: list[str]) -> Response | None:
        """The credential, and whether the service is up. None: go on."""
        if call.service not in _SERVICES:
            return render(Answer(404, "404 page not found"), {})
        if call.service in self.faults.down:
            return _unavailable(call)
        if len(segments) < 3 and call.method in ("GET", "HEAD"):
            return None
        if call.service == "identity" and call.method == "POST" and call.path == ["auth", "tokens"]:
            return None
        lag = 0.0 if call.service == "identity" else self.ground.settings.revocation_lag_seconds
        grant = self.keystone.valid(call.headers.get("x-auth-token", ""), call.now, lag)
        if grant is None:
            return _refuse(call, unauthenticated())
        if self.name not in grant.seen_by:
            # Only Keystone can tell what a token is worth that this region has not seen before.
            if "identity" in self._identity_faults.down or self._identity_faults.unreachable:
                return _unavailable(call)
            grant.seen_by.add(self.name)
        if grant.project_id is None and call.service != "identity":
            return _refuse(call, keystone_error(403, "This token is not scoped to a project."))
        call.grant = grant
        return None

    def _answer(self, call: Call) -> Response:
        headers = {"x-openstack-request-id": call.request_id}
        try:
            if call.grant is None and call.method in ("GET", "HEAD"):
                return render(discovery.versions(call), headers)
            match call.service:
                case "identity":
                    answer = identity.handle(self.keystone, call, self.name)
                case "compute":
                    return self.nova.handle(call)
                case "network":
                    answer = self.neutron.handle(call)
                case "volume":
                    return self.cinder.handle(call)
                case "messaging":
                    answer = self.zaqar.handle(call)
                case _:
                    answer = self.glance.handle(call)
        except Refusal as refusal:
            return _refuse(call, refusal)
        return render(answer, headers)


def _refuse(call: Call, refusal: Refusal) -> Response:
    return render(
        Answer(refusal.status, refusal.body, refusal.headers), {"x-openstack-request-id": call.request_id}
    )


def _unavailable(call: Call) -> Response:
    """503, as a proxy before the services says it."""
    return Response(
        503,
        {"content-type": "text/html", "x-openstack-request-id": call.request_id},
        b"<html><body><h1>503 Service Unavailable</h1>No server is available.</body></html>",
    )

"""Opening a region's cloud: the right credential, a session of it, the region's endpoints."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from global_heat.model.errors import Invalid, Reason
from global_heat.model.names import Project, Region, StackId
from global_heat.regions.calls import Calls
from global_heat.regions.credentials import Credential, TrustCredential
from global_heat.regions.identity import Session
from global_heat.regions.region_cloud import RegionCloud
from global_heat.regions.registry import RegionSpec, Registry
from global_heat.regions.sessions import Sessions

FindCredential = Callable[[Project, StackId, str], Awaitable[Credential | None]]
"""The credential that a stack of a project has in a cloud (by the cloud's name); None: it has none."""
_PROBED = ("compute", "network", "volume", "image")


class Clouds:
    """Opens clouds. A cloud is opened for one step of work: what is opened later has a longer life."""

    def __init__(
        self, registry: Registry, sessions: Sessions, calls: Calls, clock: Callable[[], float]
    ) -> None:
        self.registry = registry
        self._sessions = sessions
        self._calls = calls
        self._clock = clock
        registry.on_change(calls.health.forget)

    async def open(self, region: Region, project: Project, credential: Credential) -> RegionCloud:
        """Raises `Transient` when Keystone cannot be asked, `Invalid` when the region is not registered, the
        credential is refused, or is one of another project."""
        spec = self.registry.get(region)
        session = await self._session(spec, credential)
        if session.project != project:
            raise Invalid(
                f"the credential for cloud {spec.cloud} is one of project {session.project or 'none'}, "
                f"not of {project}",
                reason=Reason.FORBIDDEN,
            )
        return RegionCloud(spec, credential, session, self._sessions, self._calls, self._clock)

    async def open_for_stack(
        self, region: Region, project: Project, stack: StackId, find_credential: FindCredential
    ) -> RegionCloud:
        """As `open`, with the stack's own credential. Raises `Invalid` (PRECONDITION) when it has none."""
        spec = self.registry.get(region)
        credential = await find_credential(project, stack, spec.cloud)
        if credential is None:
            raise Invalid(
                f"stack {stack} has no credential for cloud {spec.cloud}, which region {region} belongs to: "
                "update the stack as a user of its project, so that it gets a trust there",
                reason=Reason.PRECONDITION,
            )
        # In a cloud other than home the stack's project has another id.
        there = credential.project_id if isinstance(credential, TrustCredential) else ""
        return await self.open(region, Project(there) if there else project, credential)

    async def endpoints(
        self, region: Region, credential: Credential, services: tuple[str, ...]
    ) -> Mapping[str, str]:
        """Where those of the services answer that the region has. Errors as `open`."""
        spec = self.registry.get(region)
        session = await self._session(spec, credential)
        return {name: session.endpoint(spec, name) for name in services if session.has(spec, name)}

    async def _session(self, spec: RegionSpec, credential: Credential) -> Session:
        session = await self._sessions.get(spec, credential)
        for service in _PROBED:
            if session.has(spec, service):
                self._calls.health.learn(spec.name, service, session.endpoint(spec, service))
        return session

"""One region's services under one session: the `Cloud` that resource types talk to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from global_heat.model.errors import Ambiguous, Transient
from global_heat.model.names import Project, Region
from global_heat.model.values import Body
from global_heat.regions import answers
from global_heat.regions.calls import Calls
from global_heat.regions.credentials import Credential
from global_heat.regions.identity import Session
from global_heat.regions.registry import RegionSpec
from global_heat.regions.sessions import Sessions
from global_heat.regions.transport import Request, Response

READ_SECONDS = 30.0
CALL_SECONDS = 60.0
COMPUTE_SECONDS = 600.0
_WAITS_FOR_COMPUTE = ("/os-volume_attachments", "/os-interface")
"""Changes under these paths are answered only after a compute host did its part."""
MICROVERSIONS = {"compute": "2.79", "volume": "3.59"}
"""What we speak, fixed by us: what newer services add or take away does not concern us. OpenStack Train
(2019) has them; a region's record may name others."""
SECOND_TOKEN_SECONDS = 60.0
"""A token obtained because another was refused, and itself refused within that time, ends the matter."""
PAGES_MAX = 10_000


class RegionCloud:
    """Calls under one session. Paths begin after the version: `/servers`, `/networks/ID`.

    A create or update is only ever sent with the session it was opened with, whose expiry the ledger knows:
    a fresher token would let it land after the moment from which the ledger takes it for dead. So a refused
    token makes such a call `Transient`, and the cloud is to be opened again. Reads and deletes go on with a
    new token.
    """

    def __init__(
        self,
        spec: RegionSpec,
        credential: Credential,
        session: Session,
        sessions: Sessions,
        calls: Calls,
        clock: Callable[[], float],
    ) -> None:
        self._spec = spec
        self._credential = credential
        self._session = session
        self._newest = session
        self._sessions = sessions
        self._calls = calls
        self._clock = clock

    @property
    def region(self) -> Region:
        return self._spec.name

    @property
    def project(self) -> Project:
        return self._session.project

    @property
    def expires_at(self) -> float:
        """After which no create or update of this cloud is admitted by a service. Unix seconds."""
        return self._session.expires_at

    async def get(self, service: str, path: str, query: Mapping[str, str] = {}) -> Body:
        return await self._read(service, path, query)

    async def list(self, service: str, path: str, key: str, query: Mapping[str, str] = {}) -> list[Body]:
        items: list[Body] = []
        page_query = dict(query)
        seen = []
        for _ in range(PAGES_MAX):
            page = await self._read(service, path, page_query)
            found = page.get(key)
            if not isinstance(found, list):
                raise Transient(f"{service} of {self.region} answered a list of {path} without {key!r}")
            items += found
            following = _next_query(page, key)
            if following is None or not found:
                return items
            if following in seen:
                break
            seen.append(following)
            page_query = {**query, **following}
        raise Transient(f"{service} of {self.region}: the list of {path} does not end")

    async def post(self, service: str, path: str, body: Body, headers: Mapping[str, str] = {}) -> Body:
        return await self._change("POST", service, path, body, headers)

    async def put(self, service: str, path: str, body: Body, headers: Mapping[str, str] = {}) -> Body:
        return await self._change("PUT", service, path, body, headers)

    async def delete(self, service: str, path: str) -> None:
        request = self._request(self._newest, "DELETE", service, path)
        response = await self._calls.send(request, service, changes=True)
        if response.status == 401:
            await self._renew(response, service, self._newest)
            request = self._request(self._newest, "DELETE", service, path)
            response = await self._calls.send(request, service, changes=True)
        self._check(response, service, changes=True)

    async def _read(self, service: str, path: str, query: Mapping[str, str]) -> Body:
        try:
            request = self._request(self._newest, "GET", service, path, query)
            response = await self._calls.send(request, service, changes=False)
            if response.status == 401:
                await self._renew(response, service, self._newest)
                request = self._request(self._newest, "GET", service, path, query)
                response = await self._calls.send(request, service, changes=False)
        except Ambiguous as silence:
            raise Transient(str(silence)) from silence
        return self._check(response, service, changes=False)

    async def _change(
        self, method: str, service: str, path: str, body: Body, headers: Mapping[str, str] = {}
    ) -> Body:
        request = self._request(self._session, method, service, path, body=body, headers=headers)
        response = await self._calls.send(request, service, changes=True)
        if response.status == 401:
            await self._renew(response, service, self._session)
            raise Transient(f"{service} of {self.region} refused the token; there is a new one", 0.0)
        return self._check(response, service, changes=True)

    def _check(self, response: Response, service: str, changes: bool) -> Body:
        return answers.read(response, service, self.region, changes)

    async def _renew(self, response: Response, service: str, refused: Session) -> None:
        """Get a session after a 401. Raises `ServiceRefusal` when that has just been done, in vain."""
        if refused.second and self._clock() - refused.obtained_at < SECOND_TOKEN_SECONDS:
            raise answers.refusal(response, service, self.region)
        self._newest = await self._sessions.replace(self._spec, self._credential, refused)

    def _request(
        self,
        session: Session,
        method: str,
        service: str,
        path: str,
        query: Mapping[str, str] = {},
        body: Body | None = None,
        headers: Mapping[str, str] = {},
    ) -> Request:
        sent = {"Accept": "application/json", "X-Auth-Token": session.token, **headers}
        microversion = self._spec.microversions.get(service) or MICROVERSIONS.get(service)
        if microversion:
            sent["OpenStack-API-Version"] = f"{service} {microversion}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        endpoint = session.endpoint(self._spec, service)
        self._calls.health.learn(self.region, service, endpoint)
        url = endpoint + path
        if query:
            url += ("&" if "?" in url else "?") + urlencode(query)
        return Request(
            method=method,
            url=url,
            region=self.region,
            headers=sent,
            body=b"" if body is None else msgspec.json.encode(body),
            timeout_seconds=_call_seconds(method, service, path),
        )


def _call_seconds(method: str, service: str, path: str) -> float:
    if method == "GET":
        return READ_SECONDS
    waits = service == "compute" and any(part in path for part in _WAITS_FOR_COMPUTE)
    return COMPUTE_SECONDS if waits else CALL_SECONDS


def _next_query(page: Body, key: str) -> dict[str, str] | None:
    """The query of the page that follows, None at the end.

    Nova, Neutron and Cinder link it in `<key>_links`, Glance in `next`, Keystone in `links.next`. Only the
    link's query is used: behind a proxy, its address is often a wrong one.
    """
    link = page.get("next")
    linked = page.get(f"{key}_links")
    if isinstance(linked, list):
        link = next((item.get("href") for item in linked if item.get("rel") == "next"), None)
    elif isinstance(page.get("links"), dict):
        link = page["links"].get("next")
    return dict(parse_qsl(urlsplit(link).query)) if isinstance(link, str) and link else None

"""A client of a lab: its token comes from whichever region's Keystone answers."""

from __future__ import annotations

from collections.abc import Sequence

from global_heat.cli.lab.running import PERSON, RunningLab
from global_heat.client import ApiError, Client, Connection, KeystoneTokens, parse_endpoints

KEYSTONE_SECONDS = 3.0
"""One that has not answered by then is given up for the next."""


class AnyKeystone:
    """A `TokenSource` of several Keystones that know the same: who is asked is who answered last."""

    def __init__(self, sources: Sequence[KeystoneTokens]) -> None:
        assert sources
        self._sources = list(sources)

    async def token(self, *, renew: bool = False) -> str:
        silent: list[ApiError] = []
        for source in list(self._sources):
            try:
                token = await source.token(renew=renew)
            except ApiError as error:
                silent.append(error)
                continue
            self._sources.remove(source)
            self._sources.insert(0, source)
            return token
        raise silent[0]


def connect(lab: RunningLab, endpoints: str = "") -> Client:
    """A client for the lab's user, with all replicas for endpoints if none are given."""
    keystones = [
        KeystoneTokens(
            "v3password", {"auth_url": region.auth_url, **PERSON}, silence_seconds=KEYSTONE_SECONDS
        )
        for region in lab.lab.regions
    ]
    return Client(Connection(parse_endpoints(endpoints or lab.endpoints()), AnyKeystone(keystones)))

"""Tokens from whichever region's Keystone answers."""

from __future__ import annotations

from collections.abc import Sequence

from global_heat.client import ApiError, KeystoneTokens


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

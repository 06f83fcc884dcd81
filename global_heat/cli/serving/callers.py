"""Who calls, as each cloud has it: home's Keystone vouches for the call, another's for what is done there.

No cloud is shown a token of another one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from global_heat.api.auth import Tokens, Who
from global_heat.cli.serving.outside import Outside
from global_heat.model.errors import Error, Invalid, Reason
from global_heat.model.names import Project, Region, StackId
from global_heat.regions.keystone import TokenChecker
from global_heat.store.trust_ledger import MadeTrust


class Proof(msgspec.Struct, frozen=True):
    """Whom a caller is in a cloud, and the token that says so."""

    who: Who
    token: str

    def __repr__(self) -> str:
        return f"<proof of {self.who.user} in {self.who.project}>"


class Callers:
    """`out.regions` has to know the regions that are asked about."""

    def __init__(self, out: Outside, checker: TokenChecker) -> None:
        self._out = out
        self._checker = checker

    async def prove(self, who: Who, tokens: Tokens, region: Region) -> Proof:
        """Raises `Invalid`: there is no token of the region's cloud, or none that its Keystone takes;
        `Transient` when that cannot be asked."""
        spec = self._out.registry.get(region)
        if spec.cloud == self._out.vouching().cloud:
            return Proof(who, tokens.home)
        token = tokens.others.get(spec.cloud)
        if token is None:
            raise Invalid(
                f"region {region} is of cloud {spec.cloud}, which has a Keystone of its own: "
                f"send a token of it too (--os-cloud-of {spec.cloud}=NAME, a cloud of clouds.yaml)",
                reason=Reason.PRECONDITION,
            )
        try:
            return Proof(await self._checker.check_at(spec, token), token)
        except Invalid as refusal:
            raise Invalid(
                f"the token for cloud {spec.cloud} is not good there: {refusal.message}",
                reason=refusal.reason,
            ) from refusal


class CallersTrusts:
    """`api.ports.TrustMaker`: each cloud's trust by the caller as that cloud knows him."""

    def __init__(self, out: Outside, callers: Callers) -> None:
        self._out = out
        self._callers = callers

    async def ensure(
        self, who: Who, tokens: Tokens, project: Project, stack: StackId, regions: Collection[Region]
    ) -> Sequence[MadeTrust]:
        await self._out.regions.know(*regions)
        proofs = [
            (proof, there)
            for cloud, there in self._by_cloud(regions).items()
            if (proof := await self._proof(who, tokens, project, stack, cloud, there[0])) is not None
        ]
        made: list[MadeTrust] = []
        try:
            for proof, there in proofs:
                made += await self._out.trusts.ensure(proof.who, proof.token, project, stack, there)
        except Error:
            await self.condemn(made)
            raise
        return made

    async def condemn(self, trusts: Iterable[MadeTrust]) -> None:
        await self._out.trusts.condemn(trusts)

    async def _proof(
        self, who: Who, tokens: Tokens, project: Project, stack: StackId, cloud: str, region: Region
    ) -> Proof | None:
        """None: there is no token, and a trust that was made with an earlier one will do."""
        try:
            return await self._callers.prove(who, tokens, region)
        except Invalid:
            if cloud in tokens.others or await self._out.trusts.find(project, stack, cloud) is None:
                raise
        return None

    def _by_cloud(self, regions: Collection[Region]) -> dict[str, list[Region]]:
        """Raises `Invalid` for a region that is not registered."""
        found: dict[str, list[Region]] = {}
        for region in sorted(regions):
            found.setdefault(self._out.registry.get(region).cloud, []).append(region)
        return found

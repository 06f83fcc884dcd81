"""Tokens of clouds other than home: sent where they are needed, and to nobody else's questions."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from global_heat.api.auth import Tokens, tokens_of
from global_heat.cli.main import main
from global_heat.client import ApiError, Client, Connection, FixedToken, parse_endpoints
from global_heat.model.errors import Invalid
from tests.unit.api.world import World, spec


class Unreachable:
    async def token(self, *, renew: bool = False) -> str:
        raise ApiError("UNAUTHENTICATED", "Keystone gave no token")


async def test_they_go_with_what_concerns_clouds(world: World):
    others = {"Two": FixedToken("t2"), "three": FixedToken("t3=")}
    connection = Connection(parse_endpoints(world.endpoint), FixedToken("ann"), cloud_tokens=others)
    async with Client(connection) as client:
        await client.create_stack("web", spec())
    ((tokens, *_),) = world.trusts.made
    assert tokens == Tokens("ann", {"Two": "t2", "three": "t3="})
    assert "t2" not in repr(tokens) and "ann" not in repr(tokens)


async def test_reading_needs_no_other_keystone(world: World):
    others = {"two": Unreachable()}
    connection = Connection(parse_endpoints(world.endpoint), FixedToken("ann"), cloud_tokens=others)
    async with Client(connection) as client:
        assert await client.list_stacks() == []
        with pytest.raises(ApiError, match="Keystone gave no token"):
            await client.create_stack("web", spec())


@pytest.mark.parametrize("value", ["two", "=t", "two="])
def test_what_names_no_cloud_is_refused(value: str):
    with pytest.raises(Invalid, match="x-cloud-token must be CLOUD=TOKEN"):
        tokens_of([("x-auth-token", "ann"), ("x-cloud-token", value)])


def test_the_command_line_says_how_to_name_one():
    run = CliRunner().invoke(main, ["stack", "list", "--os-token", "t", "--os-cloud-of", "two"])
    assert run.exit_code == 2 and "write CLOUD=NAME" in run.output

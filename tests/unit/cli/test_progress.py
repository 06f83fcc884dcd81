"""The live picture on a terminal, and what one sees of it when it is over."""

from __future__ import annotations

import io

from rich.console import Console

from global_heat.cli.progress import follow
from tests.unit.api.world import spec


def test_a_terminal_shows_a_line_a_region_and_events_above(front):
    text = io.StringIO()
    terminal = Console(file=text, force_terminal=True, width=120, color_system=None)

    async def scenario():
        client = front.world.client()
        await client.create_stack("web", spec())
        begin = str(front.world.cluster.revision) + ".0"
        await front.world.build("web")
        await follow(client, "web", terminal, until_done=True, resume_token=begin)

    front.do(scenario())
    shown = text.getvalue()
    assert "CREATE_COMPLETE" in shown and "done 2/2" in shown and "done 1/1" in shown
    for path in ("net", "subnet", "far"):
        assert f" {path}\n" in "\n".join(line.rstrip() for line in shown.splitlines()) + "\n"

"""Pages of a list, as Nova and Cinder cut them."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from global_heat.model.values import Body
from global_heat.sim.cloud.errors import fault
from global_heat.sim.cloud.things import Thing
from global_heat.sim.cloud.wire import Call


def page(call: Call, found: Sequence[Thing], page_size: int) -> tuple[Sequence[Thing], list[Body]]:
    """Cut the page that the query asks for, with the link to the next one if there is more."""
    limit, marker = call.parameter("limit"), call.parameter("marker")
    if limit is not None and not limit.isdigit():
        raise fault(400, f"Invalid input for query parameters limit. Value: {limit}.")
    size = page_size if limit is None else min(int(limit), page_size)
    if marker:
        ids = [thing.id for thing in found]
        if marker not in ids:
            raise fault(400, f"marker [{marker}] not found")
        found = found[ids.index(marker) + 1 :]
    if size == 0 or len(found) <= size:
        return found[:size], []
    found = found[:size]
    query = urlencode([*((k, v) for k, v in call.query if k != "marker"), ("marker", found[-1].id)])
    return found, [{"rel": "next", "href": f"{call.base_url}{call.url_path}?{query}"}]

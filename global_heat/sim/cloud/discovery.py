"""Version documents of the services, at their roots and at their versions."""

from __future__ import annotations

from global_heat.model.values import Body
from global_heat.sim.cloud.wire import Answer, Call

NOVA_MAX = (2, 96)
CINDER_MAX = (3, 70)
_FORMS = {
    # service: (version id, path, status, newest microversion, oldest)
    "identity": ("v3.14", "v3", "stable", None, None),
    "compute": ("v2.1", "v2.1", "CURRENT", "2.96", "2.1"),
    "network": ("v2.0", "v2.0", "CURRENT", None, None),
    "volume": ("v3.0", "v3", "CURRENT", "3.70", "3.0"),
    "image": ("v2.17", "v2", "CURRENT", None, None),
    "messaging": ("2", "v2", "CURRENT", None, None),
}


def versions(call: Call) -> Answer:
    """Answer GET of `/`, `/<service>` or `/<service>/<version>`."""
    id, path, status, newest, oldest = _FORMS[call.service]
    entry: Body = {
        "id": id,
        "status": status,
        "updated": "2013-07-23T11:33:21Z",
        "links": [{"rel": "self", "href": f"{call.base_url}/{call.service}/{path}/"}],
        "media-types": [
            {"base": "application/json", "type": f"application/vnd.openstack.{call.service}+json"}
        ],
    }
    if newest is not None:
        entry |= {"version": newest, "min_version": oldest}
    if call.service == "identity":
        at_root = not call.at_version
        return Answer(300, {"versions": {"values": [entry]}}) if at_root else Answer(200, {"version": entry})
    if call.service == "compute" and call.at_version:
        return Answer(200, {"version": entry})
    if call.service == "network" and call.at_version:
        return Answer(200, {"resources": []})
    if call.service in ("volume", "image", "messaging") and not call.at_version:
        return Answer(300, {"versions": [entry]})
    return Answer(200, {"versions": [entry]})

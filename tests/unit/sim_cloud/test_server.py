"""The served cloud: keystoneauth against it, the control port, cuts, the end of its parent."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from keystoneauth1 import adapter, session
from keystoneauth1.exceptions import ConnectFailure, ConnectTimeout, NotFound, Unauthorized
from keystoneauth1.identity import v3

from global_heat.model.values import Body

COMMAND = [sys.executable, "-m", "global_heat.sim.cloud.server", "east", "west", "--fast"]


def read_line(process: subprocess.Popen[str]) -> Body:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], 60)
    assert ready, "the server says where it is"
    line: Body = json.loads(process.stdout.readline())
    return line


class Served:
    def __init__(self, line: Body) -> None:
        self.auth_url: str = line["auth_url"]
        self.regions: dict[str, str] = line["regions"]
        self._control: str = line["control"]

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, self._control + path, json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refusal(self, method: str, path: str, body: Any = None) -> int:
        return requests.request(method, self._control + path, json=body, timeout=30).status_code

    def password(self, user: str, **scope: Any) -> v3.Password:
        return v3.Password(self.auth_url, username=user, password=user, user_domain_id="default", **scope)

    def session(self, user: str = "demo") -> session.Session:
        scope = {"project_name": user, "project_domain_id": "default"}
        return session.Session(self.password(user, **scope), timeout=30)

    def service(
        self, kind: str, region: str = "east", held: session.Session | None = None, **options: Any
    ) -> adapter.Adapter:
        return adapter.Adapter(held or self.session(), service_type=kind, region_name=region, **options)


@pytest.fixture(scope="module")
def process() -> Iterator[Served]:
    running = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, text=True)
    try:
        yield Served(read_line(running))
    finally:
        running.terminate()
        assert running.wait(30) == 0


@pytest.fixture
def served(process: Served) -> Iterator[Served]:
    yield process
    process.control("POST", "/heal")


@pytest.mark.parametrize(
    ("kind", "version", "path", "key"),
    [
        ("network", "2.0", "/networks", "networks"),
        ("compute", "2.1", "/servers", "servers"),
        ("block-storage", "3", "/volumes", "volumes"),
        ("image", "2", "/images", "images"),
        ("identity", "3", "/auth/projects", "projects"),
    ],
)
@pytest.mark.parametrize("region", ["east", "west"])
def test_keystoneauth_finds_its_way(
    served: Served, region: str, kind: str, version: str, path: str, key: str
) -> None:
    service = served.service(kind, region, min_version=version, max_version="latest")
    assert service.get_endpoint().startswith(served.regions[region])
    assert key in service.get(path).json()


def test_keystoneauth_negotiates_microversions(served: Served) -> None:
    compute = served.service("compute", min_version="2.1", max_version="latest")
    data = compute.get_endpoint_data()
    assert (data.min_microversion, data.max_microversion) == ((2, 1), (2, 96))
    answer = compute.get("/servers", microversion="2.79")
    assert answer.headers["openstack-api-version"] == "compute 2.79"


def test_a_wrong_password_is_refused(served: Served) -> None:
    wrong = v3.Password(served.auth_url, username="demo", password="no", user_domain_id="default")
    with pytest.raises(Unauthorized):
        session.Session(wrong).get_token()


def test_a_trust_is_used_by_keystoneauth(served: Served) -> None:
    mine, trustee = served.session(), session.Session(served.password("global-heat"))
    identity = served.service("identity", held=mine, min_version="3", max_version="latest")
    wish = {
        "trustor_user_id": mine.get_user_id(),
        "trustee_user_id": trustee.get_user_id(),
        "project_id": mine.get_project_id(),
        "impersonation": True,
        "roles": [{"name": "member"}],
    }
    trust = identity.post("/OS-TRUST/trusts", json={"trust": wish}).json()["trust"]
    deferred = session.Session(served.password("global-heat", trust_id=trust["id"]))
    assert deferred.get_project_id() == mine.get_project_id()
    network = served.service("network", "west", held=deferred)
    made = network.post("/v2.0/networks", json={"network": {"name": "deferred"}}).json()["network"]
    truth = {thing["id"]: thing for thing in served.control("GET", "/truth")}
    assert truth[made["id"]]["region"] == "west" and trust["id"] in truth
    entry = served.control("GET", "/journal?since=0")["entries"][-1]
    assert (entry["method"], entry["trust"], entry["effect_status"]) == ("POST", trust["id"], 201)
    served.control("DELETE", f"/trusts/{trust['id']}")
    with pytest.raises(NotFound):
        deferred.get(served.regions["west"] + "/network/v2.0/networks", authenticated=True)


def test_a_server_is_made_over_http(served: Served) -> None:
    compute = served.service("compute", min_version="2.1", max_version="latest", default_microversion="2.96")
    image = served.service("image").get("/v2/images?name=cirros").json()["images"][0]
    wish = {"name": "s", "flavorRef": "1", "imageRef": image["id"], "networks": "none"}
    server = compute.post("/servers", json={"server": wish}).json()["server"]
    assert compute.get(f"/servers/{server['id']}").json()["server"]["status"] == "ACTIVE"
    assert compute.delete(f"/servers/{server['id']}").status_code == 204
    assert compute.get(f"/servers/{server['id']}", raise_exc=False).status_code == 404


def test_messages_are_posted_and_read_over_http(served: Served) -> None:
    queue, who = "/queues/q/messages", {"Client-ID": "3381af92-2b9e-11e3-b191-71861300734c"}
    zaqar = served.service("messaging", min_version="2", max_version="latest")
    zaqar.post(queue, json={"messages": [{"ttl": 60, "body": {"x": 1}}]}, headers=who)
    (message,) = zaqar.get(f"{queue}?echo=true", headers=who).json()["messages"]
    assert message["body"] == {"x": 1}
    (seen,) = served.control("GET", "/messages")["east"]
    assert (seen["queue"], seen["sender"], seen["body"]) == ("q", who["Client-ID"], {"x": 1})
    changed = served.control("PATCH", "/regions/east/faults", {"strict_queues": True})
    assert changed["strict_queues"]


def test_a_cut_region_is_refused_until_it_is_restored(served: Served) -> None:
    held = served.session()
    west, url = served.service("network", "west", held=held), served.regions["west"]
    assert west.get("/v2.0/networks").status_code == 200
    served.control("POST", "/regions/west/cut")
    assert not served.control("GET", "/state")["regions"]["west"]["open"]
    with pytest.raises(ConnectFailure):
        west.get("/v2.0/networks")
    assert served.service("network", "east", held=held).get("/v2.0/networks").status_code == 200
    served.control("POST", "/regions/west/restore")
    assert served.control("GET", "/state")["regions"]["west"]["url"] == url
    assert west.get("/v2.0/networks").status_code == 200


def test_a_silent_region_lets_callers_wait(served: Served) -> None:
    west = served.service("network", "west")
    assert west.get("/v2.0/networks").status_code == 200
    served.control("POST", "/regions/west/cut?silent=1")
    with pytest.raises(ConnectTimeout):
        west.get("/v2.0/networks", timeout=0.2)
    served.control("POST", "/regions/west/restore")
    assert west.get("/v2.0/networks").status_code == 200


def test_disturbances_are_set_from_outside(served: Served) -> None:
    west = served.service("network", "west")
    rule = {"methods": ["POST"], "path": "/networks$", "times": 1}
    served.control(
        "POST", "/regions/west/disturbances", {**rule, "fate": {"answer_lost": True, "reset": True}}
    )
    before = len(served.control("GET", "/truth"))
    with pytest.raises(ConnectFailure):
        west.post("/v2.0/networks", json={"network": {"name": "lost"}})
    assert len(served.control("GET", "/truth")) == before + 1
    wish = {**rule, "fate": {"status": 429, "retry_after_seconds": 3}}
    assert served.control("POST", "/regions/west/disturbances", wish)["disturbances"][0]["times"] == 1
    answer = west.post("/v2.0/networks", json={"network": {"name": "n"}}, raise_exc=False)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    served.control("POST", "/regions/west/disturbances", wish)
    assert served.control("DELETE", "/regions/west/disturbances")["disturbances"] == []
    assert west.post("/v2.0/networks", json={"network": {"name": "n"}}).status_code == 201


def test_faults_are_set_from_outside(served: Served) -> None:
    shown = served.control("PATCH", "/regions/west/faults", {"list_lag_seconds": 3600, "down": ["compute"]})
    assert (shown["list_lag_seconds"], shown["down"], shown["drop_filters"]) == (3600, ["compute"], False)
    held = served.session()
    assert served.service("compute", "west", held=held).get("/servers", raise_exc=False).status_code == 503
    west = served.service("network", "west", held=held)
    made = west.post("/v2.0/networks", json={"network": {"name": "young"}}).json()["network"]
    seen = [network["id"] for network in west.get("/v2.0/networks").json()["networks"]]
    assert made["id"] not in seen
    quota = {"project": "demo", "kind": "network.router", "limit": 0}
    served.control("POST", "/regions/west/quotas", quota)
    assert west.post("/v2.0/routers", json={"router": {}}, raise_exc=False).status_code == 409


def test_users_are_disabled_from_outside(served: Served) -> None:
    held = served.session("rival")
    network = served.service("network", held=held)
    assert network.get("/v2.0/networks").status_code == 200
    served.control("POST", "/users/rival/disable")
    with pytest.raises(Unauthorized):
        network.get("/v2.0/networks")
    served.control("POST", "/users/rival/enable")
    assert served.service("network", held=served.session("rival")).get("/v2.0/networks").status_code == 200


def test_the_control_port_says_what_is_wrong(served: Served) -> None:
    assert served.refusal("PATCH", "/regions/west/faults", {"nonsense": 1}) == 400
    assert served.refusal("POST", "/regions/west/disturbances", {"fate": {"status": "x"}}) == 400
    assert served.refusal("POST", "/regions/moon/cut") == 404
    assert served.refusal("POST", "/users/nobody/disable") == 404


def test_it_ends_with_its_parent() -> None:
    parent = (
        "import subprocess, sys, os\n"
        f"child = subprocess.Popen({COMMAND!r}, stdout=subprocess.PIPE, text=True)\n"
        "print(child.stdout.readline(), end='', flush=True)\n"
        "print(child.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    read_line(running)
    assert running.stdout is not None
    child = os.pidfd_open(int(running.stdout.readline()))
    running.send_signal(signal.SIGKILL)
    running.communicate()
    ended, _, _ = select.select([child], [], [], 30)
    if not ended:
        signal.pidfd_send_signal(child, signal.SIGKILL)
    os.close(child)
    assert ended, "the server is gone"

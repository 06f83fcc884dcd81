"""The cloud that resource types talk to."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from global_heat.model.errors import Ambiguous, Invalid, Reason, Transient
from global_heat.model.names import Project, Region, StackId
from global_heat.regions.cloud import Cloud, Conflict, Gone, ServiceRefusal


@pytest.fixture
def in_cloud(kit, virtual):
    """Run a scenario with a rig and an open cloud of the region east."""

    def run(scenario, *specs):
        async def work():
            rig = kit.Rig(*specs)
            cloud = await rig.open("east")
            return await scenario(rig, cloud)

        return virtual(work())

    return run


def pages_of(kit, pages):
    """Serve pages by their marker, each linking the next in Nova's way, from a wrong host."""

    def handle(request):
        marker = parse_qs(urlsplit(request.url).query).get("marker", ["0"])[0]
        n = int(marker)
        body = {"servers": [{"id": item} for item in pages[n]]}
        if n + 1 < len(pages):
            href = f"http://wrong.internal/v2.1/servers?marker={n + 1}&limit=2"
            body["servers_links"] = [{"rel": "next", "href": href}]
        return kit.reply(200, body)

    return handle


def test_requests_as_the_services_want_them(kit, in_cloud):
    async def scenario(rig, cloud: Cloud):
        await cloud.get("compute", "/servers/1")
        await cloud.post("volume", "/volumes", {"volume": {"size": 1}})
        await cloud.put("network", "/networks/1", {"network": {}}, {"If-Match": "revision_number=3"})
        await cloud.delete("image", "/images/1")
        await cloud.list("network", "/ports", "ports", {"name": "a b&c"})
        assert (cloud.region, cloud.project) == (Region("east"), kit.PROJECT)
        return [r for r in rig.cloud.requests if "/identity" not in r.url]

    async def with_ports(rig, cloud):
        rig.cloud.handle = lambda request: kit.reply(200, {"ports": []})
        return await scenario(rig, cloud)

    get, post, put, delete, listed = in_cloud(with_ports)
    assert get.url == "http://east.test/compute/v2.1/servers/1"
    assert get.headers["OpenStack-API-Version"] == "compute 2.79"
    assert get.headers["X-Auth-Token"] == "t1"
    assert post.url == f"http://east.test/volume/v3/{kit.PROJECT}/volumes"
    assert post.headers["OpenStack-API-Version"] == "volume 3.59"
    assert msgspec.json.decode(post.body) == {"volume": {"size": 1}}
    assert put.url == "http://east.test/network/v2.0/networks/1"
    assert put.headers["If-Match"] == "revision_number=3"
    assert "OpenStack-API-Version" not in put.headers
    assert (delete.method, delete.url, delete.body) == ("DELETE", "http://east.test/image/v2/images/1", b"")
    assert listed.url == "http://east.test/network/v2.0/ports?name=a+b%26c"
    assert {r.region for r in (get, post, put, delete, listed)} == {"east"}


def test_only_what_waits_for_compute_may_take_long(kit, in_cloud):
    async def scenario(rig, cloud):
        await cloud.post("compute", "/servers", {})
        await cloud.post("compute", "/servers/1/os-volume_attachments", {})
        await cloud.get("compute", "/servers/1/os-volume_attachments")
        return [request.timeout_seconds for request in rig.cloud.sent("compute")]

    assert in_cloud(scenario) == [60.0, 600.0, 30.0]


def test_an_older_cloud_is_spoken_to_as_its_record_says(kit, in_cloud):
    async def scenario(rig, cloud):
        await cloud.get("compute", "/servers/1")
        return rig.cloud.sent("compute")[0].headers["OpenStack-API-Version"]

    assert in_cloud(scenario, kit.spec("east", microversions={"compute": "2.60"})) == "compute 2.60"


def test_a_list_is_read_to_its_end_at_our_own_address(kit, in_cloud):
    async def scenario(rig, cloud):
        rig.cloud.handle = pages_of(kit, [["a", "b"], ["c", "d"], ["e"]])
        found = await cloud.list("compute", "/servers", "servers", {"name": "x"})
        return [item["id"] for item in found], rig.cloud.sent("compute")

    found, sent = in_cloud(scenario)
    assert found == ["a", "b", "c", "d", "e"]
    assert all(r.url.startswith("http://east.test/compute/v2.1/servers?name=x") for r in sent)
    assert len(sent) == 3


@pytest.mark.parametrize(
    "link",
    [
        {"next": "/v2/images?marker=m"},
        {"links": {"next": "http://x/images?marker=m", "previous": None}},
        {"images_links": [{"rel": "previous", "href": "?marker=0"}, {"rel": "next", "href": "?marker=m"}]},
    ],
)
def test_each_services_way_to_link_the_next_page(kit, in_cloud, link):
    async def scenario(rig, cloud):
        replies = [
            kit.reply(200, {"images": [{"id": "1"}], **link}),
            kit.reply(200, {"images": [{"id": "2"}]}),
        ]
        rig.cloud.handle = lambda request: replies.pop(0)
        found = await cloud.list("image", "/images", "images")
        return [item["id"] for item in found], rig.cloud.sent("image")[1].url

    found, second = in_cloud(scenario)
    assert found == ["1", "2"]
    assert second.endswith("/images?marker=m")


def test_a_list_that_runs_in_a_circle_or_breaks_off_is_no_list(kit, in_cloud):
    circle = {"images": [{"id": "1"}], "next": "/v2/images?marker=m"}

    async def scenario(rig, cloud):
        rig.cloud.handle = lambda request: kit.reply(200, circle)
        with pytest.raises(Transient, match="does not end"):
            await cloud.list("image", "/images", "images")
        assert len(rig.cloud.sent("image")) == 2
        for broken in (kit.reply(200, {}), kit.reply(503), kit.reply(200, b'{"images": [')):
            replies = [kit.reply(200, circle), broken]
            rig.cloud.handle = lambda request, replies=replies: replies.pop(0)
            with pytest.raises(Transient):
                await cloud.list("image", "/images", "images")

    in_cloud(scenario)


def test_errors_by_what_to_do_next(kit, in_cloud):
    async def scenario(rig, cloud):
        async def outcome(answer, act):
            rig.cloud.handle = lambda request: answer
            try:
                await act()
            except Exception as error:
                return type(error)

        refused, silent = Transient("refused"), Ambiguous("no answer")
        acts = {
            "read": lambda: cloud.get("network", "/networks/1"),
            "create": lambda: cloud.post("network", "/networks", {}),
            "update": lambda: cloud.put("network", "/networks/1", {}),
            "delete": lambda: cloud.delete("network", "/networks/1"),
        }
        table = {}
        for name, act in acts.items():
            answers = [
                kit.reply(404, {}),
                kit.reply(409, {}),
                kit.reply(400, {}),
                kit.reply(500),
                silent,
                refused,
            ]
            table[name] = [await outcome(answer, act) for answer in answers]
        return table

    table = in_cloud(scenario)
    assert table["read"] == [Gone, Conflict, ServiceRefusal, Transient, Transient, Transient]
    for change in ("create", "update", "delete"):
        assert table[change] == [Gone, Conflict, ServiceRefusal, Ambiguous, Ambiguous, Transient]


def refuse_first_token(kit, rig):
    def handle(request):
        if request.headers["X-Auth-Token"] == "t1":
            return kit.reply(401, {"error": {"message": "The request requires authentication."}})
        return kit.reply(200, {"network": {"id": "n"}})

    rig.cloud.handle = handle


def test_a_read_and_a_delete_go_on_with_a_new_token(kit, in_cloud):
    async def scenario(rig, cloud):
        refuse_first_token(kit, rig)
        assert await cloud.get("network", "/networks/n") == {"network": {"id": "n"}}
        await cloud.get("network", "/networks/n")
        fresh = await rig.open()
        await fresh.get("network", "/networks/n")
        return [request.headers["X-Auth-Token"] for request in rig.cloud.sent("network")]

    assert in_cloud(scenario) == ["t1", "t2", "t2", "t2"]

    async def delete(rig, cloud):
        refuse_first_token(kit, rig)
        await cloud.delete("network", "/networks/n")
        return [request.headers["X-Auth-Token"] for request in rig.cloud.sent("network")]

    assert in_cloud(delete) == ["t1", "t2"]


@pytest.mark.parametrize("method", ["post", "put"])
def test_a_change_is_only_sent_with_the_token_whose_expiry_was_recorded(kit, in_cloud, method):
    async def scenario(rig, cloud):
        refuse_first_token(kit, rig)
        recorded = cloud.expires_at
        with pytest.raises(Transient):
            await getattr(cloud, method)("network", "/networks", {})
        # Even after a read found the token bad.
        await cloud.get("network", "/networks/n")
        with pytest.raises(Transient):
            await getattr(cloud, method)("network", "/networks", {})
        assert cloud.expires_at == recorded
        again = await rig.open()
        await getattr(again, method)("network", "/networks", {})
        changes = [r for r in rig.cloud.sent("network") if r.method == method.upper()]
        return [request.headers["X-Auth-Token"] for request in changes]

    assert in_cloud(scenario) == ["t1", "t1", "t2"]


def test_a_credential_that_is_gone_does_not_read_as_a_thing_that_is_gone(kit, in_cloud):
    """Keystone answers 404 for a trust that was removed."""

    async def scenario(rig, cloud):
        rig.cloud.handle = lambda request: kit.reply(401, {"error": {"message": "no"}})
        rig.cloud.authorize = lambda request: kit.reply(
            404, {"error": {"message": "Could not find trust: T."}}
        )
        outcomes = []
        for act in (
            lambda: cloud.get("compute", "/servers/1"),
            lambda: cloud.delete("compute", "/servers/1"),
            lambda: cloud.post("compute", "/servers", {}),
        ):
            with pytest.raises(ServiceRefusal, match="Could not find trust") as caught:
                await act()
            outcomes.append((type(caught.value), caught.value.status))
        return outcomes

    assert in_cloud(scenario) == [(ServiceRefusal, 401)] * 3


def test_a_token_refused_again_at_once_is_a_refusal(kit, in_cloud):
    async def scenario(rig, cloud):
        rig.cloud.handle = lambda request: kit.reply(401, {"error": {"message": "go away"}})
        with pytest.raises(ServiceRefusal, match="go away") as read:
            await cloud.get("network", "/networks/n")
        assert read.value.status == 401
        again = await rig.open()
        with pytest.raises(ServiceRefusal):
            await again.post("network", "/networks", {})
        return rig.cloud.tokens

    assert in_cloud(scenario) == 2


def test_a_region_without_the_service(kit, in_cloud):
    async def scenario(rig, cloud):
        with pytest.raises(Invalid, match="region east has no load-balancer service") as caught:
            await cloud.get("load-balancer", "/lbaas/loadbalancers")
        return caught.value.reason

    assert in_cloud(scenario) is Reason.PRECONDITION


def test_opening_for_a_stack(kit, virtual):
    async def work():
        rig = kit.Rig()
        asked = []

        async def find(project, stack, cloud):
            asked.append((project, stack, cloud))
            return kit.CREDENTIAL if stack == "good" else None

        cloud = await rig.clouds.open_for_stack(Region("east"), kit.PROJECT, StackId("good"), find)
        assert cloud.expires_at == kit.EPOCH + 3600
        with pytest.raises(Invalid, match=r"no credential for cloud default.*update the stack"):
            await rig.clouds.open_for_stack(Region("east"), kit.PROJECT, StackId("poor"), find)
        with pytest.raises(Invalid, match="not of other"):
            await rig.clouds.open(Region("east"), Project("other"), kit.CREDENTIAL)
        with pytest.raises(Invalid, match="registered: east, west") as caught:
            await rig.open("north")
        assert caught.value.reason is Reason.NOT_FOUND
        return asked[0]

    assert virtual(work()) == ("p" * 32, "good", "default")


def test_endpoints_by_region_for_comparing_them(kit, virtual):
    async def work():
        rig = kit.Rig()
        wanted = ("image", "volume", "dns")
        return [await rig.clouds.endpoints(Region(name), kit.CREDENTIAL, wanted) for name in ("east", "west")]

    east, west = virtual(work())
    assert east == {
        "image": "http://east.test/image/v2",
        "volume": f"http://east.test/volume/v3/{'p' * 32}",
    }
    assert west["image"] == "http://west.test/image/v2"

"""What answers mean."""

from __future__ import annotations

import pytest

from global_heat.model.errors import Ambiguous, Invalid, Reason, Transient
from global_heat.regions import answers
from global_heat.regions.cloud import Conflict, Gone, ServiceRefusal
from global_heat.regions.transport import Response

ID = {"x-openstack-request-id": "req-7"}


def read(response, changes):
    return answers.read(response, "network", "east", changes)


@pytest.mark.parametrize("changes", [False, True])
def test_good_answers_give_their_object(changes):
    assert read(Response(200, ID, b'{"networks": []}'), changes) == {"networks": []}
    assert read(Response(204, ID, b""), changes) == {}
    assert read(Response(202, ID, b"  \n"), changes) == {}


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (400, ServiceRefusal, Reason.INVALID),
        (401, ServiceRefusal, Reason.INVALID),
        (403, ServiceRefusal, Reason.FORBIDDEN),
        (404, Gone, Reason.NOT_FOUND),
        (409, Conflict, Reason.BUSY),
        (412, ServiceRefusal, Reason.INVALID),
        (413, ServiceRefusal, Reason.INVALID),
    ],
)
@pytest.mark.parametrize("changes", [False, True])
def test_a_services_own_refusal_is_definite(status, kind, reason, changes):
    response = Response(
        status, ID, b'{"NeutronError": {"type": "T", "message": "no: because", "detail": ""}}'
    )
    with pytest.raises(ServiceRefusal) as caught:
        read(response, changes)
    assert type(caught.value) is kind
    assert caught.value.reason is reason
    assert caught.value.message == "no: because"
    assert caught.value.request_id == "req-7"
    assert caught.value.metadata == {
        "service": "network",
        "region": "east",
        "request_id": "req-7",
        "status": str(status),
    }


@pytest.mark.parametrize(
    "response",
    [
        Response(500, ID, b"{}"),
        Response(503, {}, b"<html>"),
        Response(504, {}, b""),
        Response(408, ID, b""),
        Response(302, {"location": "http://elsewhere"}, b""),
        Response(200, ID, b"\x00\xff no json"),
        Response(200, ID, b'{"networks": [{"id'),
        Response(201, ID, b"[]"),
        # A proxy's, not the service's:
        Response(
            404, {"content-type": "text/html"}, b"<html><body><h1>404 Not Found</h1>nginx</body></html>"
        ),
        Response(404, {}, b'{"message": "no route matched"}'),
        Response(403, {}, b"blocked"),
        Response(409, {}, b""),
    ],
)
def test_what_is_unclear_is_ambiguous_only_if_it_changed_something(response):
    with pytest.raises(Ambiguous):
        read(response, True)
    with pytest.raises(Transient):
        read(response, False)


@pytest.mark.parametrize("changes", [False, True])
def test_whoever_asks_for_a_token_has_let_nothing_through(changes):
    with pytest.raises(ServiceRefusal):
        read(Response(401, {}, b"Authentication required"), changes)


@pytest.mark.parametrize("changes", [False, True])
def test_too_many_requests_is_definite_and_says_when(changes):
    with pytest.raises(Transient) as caught:
        read(Response(429, {"retry-after": "7"}, b"<html>"), changes)
    assert caught.value.retry_after_seconds == 7.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "999999"}, 3600.0),
        ({"retry-after": "Mon, 01 Jan 2024 00:00:30 GMT"}, None),
        ({"retry-after": "Mon, 01 Jan 2024 00:00:30 GMT", "date": "Mon, 01 Jan 2024 00:00:10 GMT"}, 20.0),
        ({"retry-after": "Mon, 01 Jan 2024 00:00:00 GMT", "date": "Mon, 01 Jan 2024 00:00:10 GMT"}, 0.0),
    ],
)
def test_retry_after(headers, seconds):
    assert answers.retry_after_of(Response(503, headers, b"")) == seconds


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            b'{"itemNotFound": {"code": 404, "message": "Instance x could not be found."}}',
            "Instance x could not be found.",
        ),
        (b'{"NeutronError": {"type": "T", "message": "m", "detail": ""}}', "m"),
        (b'{"NeutronError": "plain"}', "plain"),
        (b'{"error": {"code": 404, "message": "m", "title": "Not Found"}}', "m"),
        (b'{"faultcode": "Client", "faultstring": "f", "debuginfo": null}', "f"),
        (b'{"code": 404, "type": "zone_not_found", "message": "z", "request_id": "r"}', "z"),
        (b'{"code": 404, "title": "Not Found", "description": "d"}', "d"),
        (
            b"<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n <body>\n  <h1>404 Not Found</h1>\n"
            b"  No image &lt;x&gt;<br /><br />\n </body>\n</html>",
            "404 Not Found No image <x>",
        ),
        (b"", "status 404"),
    ],
)
def test_each_services_way_to_say_it(body, message):
    assert answers.message_of(Response(404, ID, body)) == message


def test_no_token_gets_into_a_message():
    token = "gAAAAABl" + "x" * 180
    body = b'{"error": {"message": "Could not find token: %s."}}' % token.encode()
    with pytest.raises(Invalid) as caught:
        read(Response(404, ID, body), False)
    assert token not in str(caught.value)
    assert "Could not find token" in str(caught.value)

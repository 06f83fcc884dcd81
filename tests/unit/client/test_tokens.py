"""Where tokens come from: against a Keystone of one route."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest

from global_heat.client import ApiError, KeystoneTokens, token_source


class Keystone(BaseHTTPRequestHandler):
    asked: ClassVar[list[dict]] = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body["auth"])
        password = body["auth"]["identity"].get("password", {}).get("user", {}).get("password")
        self.send_response(401 if password == "wrong" else 201)
        self.send_header("X-Subject-Token", f"token-{len(self.asked)}")
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        expires = "2999-01-01T00:00:00.000000Z"
        token = {"expires_at": expires, "issued_at": expires, "methods": [], "user": {"id": "u"}}
        self.wfile.write(json.dumps({"token": token}).encode())

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        links = [{"rel": "self", "href": f"http://{self.headers['Host']}/v3/"}]
        version = {"id": "v3.14", "status": "stable", "links": links}
        self.wfile.write(json.dumps({"version": version}).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def keystone():
    Keystone.asked = []
    server = HTTPServer(("127.0.0.1", 0), Keystone)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v3"
    server.shutdown()
    thread.join()
    server.server_close()


def token(source, **named):
    return asyncio.run(source.token(**named))


def test_a_token_given_wins_and_cannot_be_renewed():
    source = token_source({"OS_TOKEN": "other"}, token="given")
    assert token(source) == "given"
    with pytest.raises(ApiError):
        token(source, renew=True)
    assert token(token_source({"OS_TOKEN": "other"})) == "other"


def test_the_environment_says_who_one_is(keystone):
    environ = {
        "OS_AUTH_URL": keystone,
        "OS_USERNAME": "ann",
        "OS_PASSWORD": "pw",
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_NAME": "red",
        "OS_PROJECT_DOMAIN_NAME": "Default",
    }
    source = token_source(environ)
    assert token(source) == token(source) == "token-1"
    assert token(source, renew=True) == "token-2"
    user = Keystone.asked[0]["identity"]["password"]["user"]
    assert (user["name"], user["password"]) == ("ann", "pw")
    assert Keystone.asked[0]["scope"]["project"]["name"] == "red"
    with pytest.raises(ApiError) as caught:
        token(token_source(environ | {"OS_PASSWORD": "wrong"}))
    assert caught.value.code == "UNAUTHENTICATED"


def test_a_cloud_of_clouds_yaml_with_its_secrets_beside(keystone, tmp_path):
    config = tmp_path / "clouds.yaml"
    auth = {"auth_url": keystone, "application_credential_id": "a1"}
    config.write_text(json.dumps({"clouds": {"dev": {"auth": auth, "region_name": "East"}}}))
    (tmp_path / "secure.yaml").write_text("clouds: {dev: {auth: {application_credential_secret: hush}}}")
    environ = {"OS_CLIENT_CONFIG_FILE": str(config), "OS_CLOUD": "dev"}
    assert token(token_source(environ)) == "token-1"
    assert Keystone.asked[0]["identity"]["application_credential"] == {"id": "a1", "secret": "hush"}
    with pytest.raises(ApiError):
        token_source(environ, cloud="other")


def test_without_anything_it_says_what_to_do():
    with pytest.raises(ApiError) as caught:
        token_source({})
    assert "OS_CLOUD" in caught.value.message


def test_a_keystone_that_says_nothing_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v3"
        options = {"auth_url": url, "username": "ann", "password": "good", "user_domain_id": "default"}
        source = KeystoneTokens("v3password", options, silence_seconds=0.1)
        with pytest.raises(ApiError) as given_up:
            asyncio.run(source.token())
    assert given_up.value.code == "UNAUTHENTICATED"

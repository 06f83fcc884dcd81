"""A replica as its operator runs it: `serve` as processes; and a cloud for it, which is one more."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from global_heat.client import Client, Connection, Endpoint, TokenSource
from tests.integration.conftest import free_ports

PATIENCE_SECONDS = 60.0
"""For things that take a second or two on a machine with time."""
_PAUSE_SECONDS = 0.05
RUN = (sys.executable, "-c", "from global_heat.cli.main import main; main()", "serve", "--config")
ENVIRONMENT = {**os.environ, "GLOBAL_HEAT_SERVICE_PASSWORD": "global-heat"}


class CloudProcess:
    """A fake cloud over HTTP, with a Keystone of its own. Its tokens are short-lived."""

    def __init__(self, *regions: str, seed: int = 1) -> None:
        program = [
            sys.executable,
            "-m",
            "global_heat.sim.cloud.server",
            *regions,
            "--seed",
            str(seed),
            "--fast",
            "--token-seconds",
            "8",
        ]
        self._process = subprocess.Popen(program, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        said = json.loads(self._process.stdout.readline())
        self.regions: dict[str, str] = said["regions"]
        self._control: str = said["control"]

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate()

    def auth_url(self, region: str) -> str:
        return f"{self.regions[region]}/identity/v3"

    def token(self, user: str, project: str) -> str:
        """A token of a user whose password is his name."""
        domain = {"id": "default"}
        who = {"name": user, "domain": domain, "password": user}
        auth = {
            "identity": {"methods": ["password"], "password": {"user": who}},
            "scope": {"project": {"name": project, "domain": domain}},
        }
        body = json.dumps({"auth": auth}).encode()
        url = f"{self.auth_url(next(iter(self.regions)))}/auth/tokens"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            token: str = answer.headers["X-Subject-Token"]
        return token

    def truth(self, *kinds: str) -> list[dict[str, Any]]:
        """All that exists there now, or what of it is of these kinds."""
        with urllib.request.urlopen(f"{self._control}/truth") as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return [each for each in found if not kinds or each["kind"] in kinds]

    def disturb(self, region: str, **faults: Any) -> None:
        """Set the region's faults."""
        body = json.dumps(faults).encode()
        url = f"{self._control}/regions/{region}/faults"
        urllib.request.urlopen(urllib.request.Request(url, body, method="PATCH")).close()

    def break_rule(self, region: str, rule: dict[str, Any]) -> None:
        """Disturb requests of a kind, as `sim.cloud.faults.Disturbance` says."""
        url = f"{self._control}/regions/{region}/disturbances"
        urllib.request.urlopen(urllib.request.Request(url, json.dumps(rule).encode(), method="POST")).close()

    def trusts_in(self, user: str, project: str) -> list[dict[str, Any]]:
        """The trusts whose trustee a user is, as Keystone tells him."""
        token = self.token(user, project)
        region = next(iter(self.regions))
        headers = {"X-Auth-Token": token}
        who = urllib.request.Request(
            f"{self.auth_url(region)}/auth/tokens", headers={**headers, "X-Subject-Token": token}
        )
        with urllib.request.urlopen(who) as answer:
            id = json.load(answer)["token"]["user"]["id"]
        url = f"{self.auth_url(region)}/OS-TRUST/trusts?trustee_user_id={id}"
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            trusts: list[dict[str, Any]] = json.load(answer)["trusts"]
        return trusts

    def cut(self, region: str) -> None:
        """Its port refuses everybody, until it is restored."""
        self._post(f"/regions/{region}/cut")

    def restore(self, region: str) -> None:
        self._post(f"/regions/{region}/restore")

    def withdraw(self, service: str, region: str) -> None:
        """The region has no such service from now on, though other regions have it."""
        url = f"{self._control}/regions/{region}/services/{service}"
        urllib.request.urlopen(urllib.request.Request(url, method="DELETE")).close()

    def _post(self, path: str) -> None:
        urllib.request.urlopen(urllib.request.Request(self._control + path, method="POST")).close()

    def journal(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self._control}/journal") as answer:
            entries: list[dict[str, Any]] = json.load(answer)["entries"]
        return entries


class User:
    """A user's tokens, a fresh one for each call."""

    def __init__(self, cloud: CloudProcess, name: str = "demo", project: str = "demo") -> None:
        self._cloud = cloud
        self._name = name
        self._project = project

    async def token(self, *, renew: bool = False) -> str:
        return await asyncio.to_thread(self._cloud.token, self._name, self._project)


class ReplicaProcess:
    """`global-heat serve`, with all its files in a folder of its own."""

    def __init__(self, folder: Path, cloud: CloudProcess, etcd: tuple[str, ...], prefix: str) -> None:
        self.address, self.engine, self.front_door = (f"127.0.0.1:{port}" for port in free_ports(3))
        self.log = folder / "serve.log"
        self.config = folder / "global-heat.yaml"
        document = {
            "replica": {"region": "east", "id": "r1"},
            "etcd": {"endpoints": list(etcd), "prefix": prefix},
            "sealing": {"keys": [{"id": "k1", "file": "sealing.key"}]},
            "identity": {"auth_url": cloud.auth_url("east"), "cloud": "fake"},
            "service": {"user_name": "global-heat", "trust_roles": ["member"]},
            "regions": {"*": {"exec_seconds": 0.5, "lag_seconds": 0.2, "skew_seconds": 0.2}},
            "listen": {"address": self.address},
            "observe": {"engine": self.engine, "front_door": self.front_door},
            "engine": {
                "lease_seconds": 3,
                "poll_seconds": 0.2,
                "scan_seconds": 0.5,
                "sweep_seconds": 0.5,
                "retention_seconds": 0.5,
            },
            "log": {"level": "debug"},
            "drain_seconds": 20,
        }
        self.config.write_text(yaml.safe_dump(document))
        key = folder / "sealing.key"
        key.write_bytes(base64.b64encode(os.urandom(32)))
        key.chmod(0o600)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it was never started"
        return self._process

    def start(self) -> None:
        with self.log.open("ab") as log:
            command = [*RUN, str(self.config)]
            self._process = subprocess.Popen(command, stderr=log, env=ENVIRONMENT)

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def terminate(self) -> int:
        """SIGTERM; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)

    def configure(self, path: str, value: Any) -> None:
        """Change what stands at `path` (`listen.tls`) of the configuration; it counts from the next start."""
        document = yaml.safe_load(self.config.read_text())
        *parents, last = path.split(".")
        place = document
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
        self.config.write_text(yaml.safe_dump(document))

    def pid(self, part: str) -> int:
        """The pid of a part as it was started last."""
        return int([line["pid"] for line in self.lines("started") if line["part"] == part][-1])

    def lines(self, event: str) -> list[dict[str, Any]]:
        """What was logged of an event. Every line has to be one JSON object."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if line["event"] == event]

    def ready(self, part: str = "engine") -> bool:
        try:
            with urllib.request.urlopen(f"http://{getattr(self, part)}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def text(self, part: str, path: str) -> str:
        with urllib.request.urlopen(f"http://{getattr(self, part)}{path}", timeout=5) as answer:
            text: str = answer.read().decode()
        return text

    def metric(self, line: str) -> float:
        """A number of the engine, by its name with labels."""
        found = [each for each in self.text("engine", "/metrics").splitlines() if each.startswith(line + " ")]
        return float(found[0].split()[-1])

    def until_ready(self) -> None:
        self.until(lambda: self.ready("engine") and self.ready("front_door"), "ready")

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert self.process.poll() is None, f"serve has ended: {self.last_words()}"
            assert time.monotonic() < deadline, f"not {what}: {self.last_words()}"
            time.sleep(_PAUSE_SECONDS)

    def last_words(self) -> str:
        return "\n".join(self.log.read_text().splitlines()[-30:])

    def client(self, tokens: TokenSource, **cloud_tokens: TokenSource) -> Client:
        endpoint = Endpoint(self.address, secure=False)
        return Client(Connection([endpoint], tokens, cloud_tokens=cloud_tokens))


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def is_pending(pid: int, number: signal.Signals) -> bool:
    """Whether a signal waits for the process as a whole."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("ShdPnd:"):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    raise AssertionError("the kernel shows no pending signals")

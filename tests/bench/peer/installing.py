"""Heat in a virtual environment of its own, in the user's cache; made once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

VERSION = "27.0.1"
PINS = (f"openstack-heat=={VERSION}", "setuptools<81")
_SECONDS_MAX = 600


class Unavailable(Exception):
    """Heat cannot be had here; the message says why, in one line."""


def heat_python() -> Path:
    """The Python of an environment that has Heat. Blocks for a minute or so the first time."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "global-heat"
    home = cache / f"heat-{VERSION}-py{sys.version_info.major}.{sys.version_info.minor}"
    python, ready = home / "bin" / "python", home / "ready"
    if ready.exists():
        return python
    try:
        venv.create(home, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PINS]
        subprocess.run(install, check=True, capture_output=True, text=True, timeout=_SECONDS_MAX)
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(home, ignore_errors=True)
        raise Unavailable(f"{PINS[0]} cannot be installed: {_last_words(error)}") from error
    ready.touch()
    return python


def _last_words(error: BaseException) -> str:
    written = getattr(error, "stderr", None) or str(error)
    text = written.decode(errors="replace") if isinstance(written, bytes) else written
    return (text.strip().splitlines() or [type(error).__name__])[-1]

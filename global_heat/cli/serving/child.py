"""A part of a replica as a process of its own: from its command line to its exit status."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from global_heat.cli.serving.logs import set_up_logs
from global_heat.cli.serving.parentage import die_with
from global_heat.cli.serving.setup import Setup, load_setup
from global_heat.cli.serving.supervisor import EXIT_CONFIG
from global_heat.model.errors import Invalid

Run = Callable[[Setup, asyncio.Event], Awaitable[None]]
"""Runs until the event is set, then ends in good order. Raises `Invalid` when it is no use at all."""


def run_part(part: str, run: Run) -> int:
    """`python -m MODULE CONFIG PARENT`, in which PARENT is the supervisor's pid."""
    config, parent = sys.argv[1:]
    die_with(int(parent))
    # Ctrl-C reaches all processes of a terminal; the supervisor says what is to be done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Until the part that reads files again has told what it does then; the other one goes on.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    set_up_logs("info", part=part)
    log = structlog.get_logger()
    try:
        setup = load_setup(Path(config), os.environ)
        set_up_logs(setup.config.log.level, setup.secrets, part=part, home=setup.config.home)
        asyncio.run(_until_told(run, setup))
    except Invalid as invalid:
        log.critical("cannot work", error=str(invalid))
        return EXIT_CONFIG
    except Exception as error:
        # What comes out of a group of tasks arose at work, and may be over when it is started again.
        log.critical("broke", exc_info=error)
        return 1
    return 0


async def _until_told(run: Run, setup: Setup) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await run(setup, stop)

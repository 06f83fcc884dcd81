"""Run the tests part by part, and say at the end which parts ran and what came of each.

    python tests/run.py unit conformance sim integration -- -k update -x

What follows `--` goes to pytest. Exit status 0: every part that was named ran and passed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ABOUT = {
    "unit": "each package by itself",
    "conformance": "the template language, vector by vector",
    "sim": "the whole engine in simulated worlds",
    "integration": "real etcd members, sockets and processes",
    "acceptance": "real templates on the lab",
}
PARALLEL = ("unit", "conformance", "sim")
"""Parts that share nothing but the processor. The others start servers, and time out on a crowded machine."""
TEMPLATES = "GLOBAL_HEAT_TEMPLATES"
NOTHING_SELECTED = 5
"""pytest's exit status."""


def main(arguments: list[str]) -> int:
    split = arguments.index("--") if "--" in arguments else len(arguments)
    parts, extra = arguments[:split], arguments[split + 1 :]
    unknown = [part for part in parts if part not in ABOUT]
    if unknown or not parts:
        print(f"no such part: {', '.join(unknown) or '(none named)'}; there are {', '.join(ABOUT)}")
        return 2
    outcomes = {part: _run(part, extra) for part in parts}
    print("\nwhat ran:")
    for part, (outcome, _) in outcomes.items():
        print(f"  {part:<12} {outcome} ({ABOUT[part]})")
    if "acceptance" not in parts:
        print("  acceptance   not run: make accept")
    return int(not all(ok for _, ok in outcomes.values()))


def _run(part: str, extra: list[str]) -> tuple[str, bool]:
    """What came of a part, in words, and whether that is good."""
    folder = TESTS / part
    if not any(folder.rglob("test_*.py")):
        return "not run: there is none yet", False
    if part == "acceptance" and not os.environ.get(TEMPLATES):
        return f"not run: {TEMPLATES} does not name the folder of templates", True
    workers = ["-n", str(os.cpu_count() or 1)] if part in PARALLEL else []
    print(f"\n{part}: {ABOUT[part]}", flush=True)
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "pytest", str(folder), *workers, *extra], cwd=TESTS.parent)
    seconds = time.monotonic() - begun
    if done.returncode == NOTHING_SELECTED and extra:
        return "nothing selected", True
    return f"{'FAILED' if done.returncode else 'passed'} in {seconds:.0f} s", not done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

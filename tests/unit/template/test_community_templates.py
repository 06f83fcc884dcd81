"""Templates of the OpenStack community, unchanged, as the folder in `GLOBAL_HEAT_TEMPLATES` has them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from global_heat.template.view import NothingYet
from tests.unit.template.compiling import compile_text

VARIABLE = "GLOBAL_HEAT_TEMPLATES"


def test_those_of_the_main_job_compile_with_the_order_of_heat() -> None:
    folder = Path(os.environ.get(VARIABLE, ""))
    if not os.environ.get(VARIABLE):
        print(f"community templates were not compiled: {VARIABLE} is not set")
        return
    manifest = json.loads((folder / "manifest.json").read_text())
    answers = {entry["path"]: entry["answer"] for entry in manifest["templates"]}
    for name in (folder / "main-job.txt").read_text().split():
        path, answer = folder / name, answers[name]
        files = {other.name: other.read_text() for other in path.parent.glob("*.yaml")}
        tree = compile_text(path.read_text(), answer["dummy_parameters"], files=files)
        for leaf in tree.definitions:
            assert tree.properties(leaf, NothingYet()) is not None
        assert tree.outputs(NothingYet()).keys() == set(answer["outputs"])
        if not tree.containers:
            assert set(tree.edges()) == {tuple(edge) for edge in answer["edges"]}, name

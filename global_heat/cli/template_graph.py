"""A compiled template drawn: for graphviz, and as text, both grouped by region."""

from __future__ import annotations

import json
from collections.abc import Iterator

from global_heat.model.names import Path, Region
from global_heat.template.tree import Tree


def dot(tree: Tree) -> str:
    """A graph of the DOT language; an arrow goes to what is waited for."""
    lines = ["digraph template {", "  rankdir=RL;", "  node [shape=box];"]
    for number, (region, paths) in enumerate(_by_region(tree).items()):
        lines += [f"  subgraph cluster_{number} {{", f"    label={_quoted(region)};"]
        for path in paths:
            label = "\n".join((path, tree.definitions[path].type))
            lines.append(f"    {_quoted(path)} [label={_quoted(label)}];")
        lines.append("  }")
    lines += [f"  {_quoted(path)} -> {_quoted(need)};" for path, need in _edges(tree)]
    return "\n".join([*lines, "}"])


def text_tree(tree: Tree) -> str:
    """Each region with its resources; below each what it waits for, with the region where that is another."""
    lines: list[str] = []
    for region, paths in _by_region(tree).items():
        lines.append(str(region))
        for index, path in enumerate(paths):
            last = index == len(paths) - 1
            lines.append(f"{'└─' if last else '├─'} {path}  {tree.definitions[path].type}")
            needs = sorted(tree.requires(path))
            for place, need in enumerate(needs):
                elsewhere = tree.definitions[need].region
                where = f"  ({elsewhere})" if elsewhere != region else ""
                bar = " " if last else "│"
                lines.append(f"{bar}  {'└─' if place == len(needs) - 1 else '├─'} after {need}{where}")
    return "\n".join(lines) or "nothing"


def _by_region(tree: Tree) -> dict[Region, list[Path]]:
    found: dict[Region, list[Path]] = {}
    for path, definition in tree.definitions.items():
        found.setdefault(definition.region, []).append(path)
    return dict(sorted(found.items()))


def _edges(tree: Tree) -> Iterator[tuple[Path, Path]]:
    for path in tree.definitions:
        for need in sorted(tree.requires(path)):
            yield path, need


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)

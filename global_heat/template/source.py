"""What a person hands over, and what the stack itself is called."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

import msgspec

from global_heat.model.values import Json


class GroupPast(msgspec.Struct, frozen=True):
    """What a group's earlier revisions leave to the next one."""

    members: dict[str, Json] = {}
    """Each member's name and reference; null: it has none yet."""
    removed: tuple[str, ...] = ()
    """The names that were taken out for good: no member gets them again."""


class Source(msgspec.Struct, frozen=True):
    """Everything a person hands over for a stack; what a revision stores."""

    template: str
    """The text, YAML or JSON."""
    environment: dict[str, Json] = {}
    """Already merged: parameters, parameter_defaults, resource_registry, event_sinks, regions, …"""
    files: dict[str, str] = {}
    """Text by the name that templates use for it. A key is never a path of a file system."""
    parameters: dict[str, Json] = {}
    """Win over those of the environment."""
    groups: dict[str, GroupPast] = {}
    """The past of each group that the stack had, by path: `Tree.past` of the revision before."""


def file_name(written: str, files: Mapping[str, str]) -> str | None:
    """The key of the file that a template means; None: it was not handed over.

    Clients name files by their place, so `./web.yaml` is `web.yaml`.
    """
    if written in files:
        return written
    plain = posixpath.normpath(written)
    return plain if plain in files else None


class Identity(msgspec.Struct, frozen=True):
    """The pseudo parameters, and the region of what names none."""

    stack_name: str
    stack_id: str
    project: str
    default_region: str

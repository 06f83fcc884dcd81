"""Plain YAML read in one pass over its events: what nearly all templates are, ten thousand lines of them.

Plain is what has no anchors, tags, merge keys, repeated keys or keys other than texts, and no fault. All else
is left to `document`, which knows how to weigh it and what to say of it.
"""

from __future__ import annotations

from typing import Any, Final

import yaml

from global_heat.model.values import Json

_NO_KEY: Final = object()


class NotPlain(Exception):
    """Read it in another way."""


def read_plain(loader: Any, depth_max: int) -> Json:
    """Read the one document of a loader. Recurses nowhere. Raises `NotPlain`, also for whatever is faulty."""
    try:
        return _Reader(loader, depth_max).read()
    except (yaml.YAMLError, ValueError, TypeError, OverflowError):
        raise NotPlain from None


class _Reader:
    def __init__(self, loader: Any, depth_max: int) -> None:
        self._loader = loader
        self._depth_max = depth_max
        self._scalars: dict[str, Json] = {}
        """What each plain scalar stands for, by its text: most of them are written many times."""

    def read(self) -> Json:
        root: list[Json] = []
        around: list[Any] = []
        here: Any = root
        key: Any = _NO_KEY
        while (event := self._loader.get_event()) is not None:
            match event:
                case yaml.ScalarEvent(anchor=None, tag=None):
                    value = self._scalar(event.value) if event.implicit[0] else event.value
                case yaml.SequenceStartEvent(anchor=None, tag=None):
                    value = []
                case yaml.MappingStartEvent(anchor=None, tag=None):
                    value = {}
                case yaml.CollectionEndEvent():
                    here = around.pop()
                    continue
                case yaml.NodeEvent():
                    raise NotPlain
                case _:
                    continue
            if type(here) is list:
                here.append(value)
            elif key is not _NO_KEY:
                here[key] = value
                key = _NO_KEY
            elif type(value) is not str or value in here:
                raise NotPlain
            else:
                key = value
            if isinstance(value, list | dict):
                around.append(here)
                here = value
                if len(around) > self._depth_max:
                    raise NotPlain
        if len(root) > 1:
            raise NotPlain
        return root[0] if root else None

    def _scalar(self, text: str) -> Json:
        if text not in self._scalars:
            tag = self._loader.resolve(yaml.ScalarNode, text, (True, False))
            self._scalars[text] = self._loader.construct_object(yaml.ScalarNode(tag, text))
        return self._scalars[text]

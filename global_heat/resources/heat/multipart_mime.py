"""OS::Heat::MultipartMime: several configs in one message for cloud-init."""

from __future__ import annotations

import email
from collections.abc import Collection, Iterator
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import PurePosixPath

from global_heat.model.values import Body, Json, Properties
from global_heat.resources.heat.config import Config
from global_heat.resources.local import CONFIGS, is_config_id
from global_heat.resources.type import Failed, Making

_BOUNDARY_BYTES = 16


class MultipartMime(Config):
    name = "OS::Heat::MultipartMime"
    kind = "heat.multipart_mime"
    supported = frozenset({"group", "parts"})
    seeks = CONFIGS

    def looks_at(self, props: Properties) -> Collection[str]:
        return [part["config"] for part in props.get("parts") or () if is_config_id(part.get("config"))]

    def text(self, making: Making, props: Properties, random_bytes: bytes) -> Json:
        message = MIMEMultipart(boundary=f"==============={random_bytes[-_BOUNDARY_BYTES:].hex()}==")
        for index, part in enumerate(props.get("parts") or ()):
            for piece in _pieces(part, self._content(making, part, index)):
                message.attach(piece)
        return message.as_string()

    def _content(self, making: Making, part: Body, index: int) -> str:
        """The part's text, or that of the config which it names; an id that nobody knows is a text."""
        named = making.found.get(part["config"])
        content = part["config"] if named is None else named.made["config"]
        if not isinstance(content, str):
            raise Failed(f"part {index} names a config that is a map: only texts can be parts")
        return content


def _pieces(part: Body, content: str) -> Iterator[MIMEText]:
    if part.get("type") != "multipart":
        yield _piece(content, part.get("subtype") or "", part.get("filename") or "")
        return
    inner = email.message_from_string(content)
    payload = inner.get_payload()
    messages = payload if isinstance(payload, list) else []
    for message in (each for each in messages if isinstance(each, Message)):
        text = message.get_payload()
        if not isinstance(text, str):
            raise Failed("a multipart inside a multipart cannot be taken apart")
        yield _piece(text, message.get_content_subtype(), message.get_filename() or "")


def _piece(content: str, subtype: str, filename: str) -> MIMEText:
    """Where no subtype is given, the file's name before its suffix says it."""
    subtype = subtype or (PurePosixPath(filename).stem if filename else "") or "plain"
    piece = MIMEText(content, subtype, "us-ascii" if content.isascii() else "utf-8")
    if filename:
        piece.add_header("Content-Disposition", "attachment", filename=filename)
    return piece

"""What a server is told at its first boot."""

from __future__ import annotations

import base64
import json
from email import message_from_string
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

from global_heat.model.values import Properties
from global_heat.resources.local import is_config_id
from global_heat.resources.type import Making

_BOUNDARY = "===============global-heat=="
_KINDS = (
    ("#!", "x-shellscript"),
    ("#cloud-config", "cloud-config"),
    ("#cloud-boothook", "cloud-boothook"),
    ("#include", "x-include-url"),
    ("#part-handler", "part-handler"),
    ("## template: jinja", "jinja2"),
)
"""How cloud-init tells the kind of a text by its start."""


def names_config(props: Properties) -> bool:
    """Whether the user data may be the id of a software config, whose text is meant."""
    return props.get("user_data_format") == "RAW" and is_config_id(props.get("user_data"))


def user_data_of(making: Making, props: Properties) -> str | None:
    """The user data that a server is wished to have, as Nova wants it. An id that nobody knows is a text."""
    text = props.get("user_data") or ""
    named = making.found.get(text)
    if named is not None:
        config = named.made["config"]
        text = config if isinstance(config, str) else json.dumps(config)
    return encoded(text, props.get("user_data_format") or "HEAT_CFNTOOLS")


def encoded(user_data: str, format: str) -> str | None:
    """User data as Nova wants it: base64; None: there is none.

    RAW goes as it is. HEAT_CFNTOOLS becomes a multipart message whose one part is the user's, of the kind
    that its first line says; one that is a multipart message already stays as it is.
    """
    if not user_data:
        return None
    text = user_data if format == "RAW" else _multipart(user_data)
    return base64.b64encode(text.encode()).decode()


def _multipart(text: str) -> str:
    """The same text always gives the same message."""
    if message_from_string(text).get_content_maintype() == "multipart":
        return text
    kind = next((kind for start, kind in _KINDS if text.startswith(start)), "plain")
    message = MIMEMultipart("mixed", boundary=_BOUNDARY)
    part = MIMEText(text, kind, "utf-8")
    part.add_header("Content-Disposition", "attachment", filename="user-data")
    message.attach(part)
    return message.as_string()

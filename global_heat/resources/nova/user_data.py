"""What a server is told at its first boot."""

from __future__ import annotations

import base64
from email import message_from_string
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

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

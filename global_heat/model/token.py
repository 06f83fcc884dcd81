"""The token of an attempt: what a created thing carries so that it can be found and known as ours.

128 random bits name it; 80 bits of HMAC say that it is ours: nobody but a holder of the deployment's key
can make one up, and the sweeper never deletes a thing whose token does not verify.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

from global_heat.model.names import Project, Region, Token

RANDOM_BYTES = 16
_MAC_BYTES = 10
TOKEN_LENGTH = 42
DESCRIPTION_LENGTH_MAX = 208
"""What is left to a user of a 255-character description."""
_MARK = re.compile(rf"\s?gh1-([a-z2-7]{{{TOKEN_LENGTH}}})\b")


def mint(key: bytes, project: Project, region: Region, kind: str, random_bytes: bytes) -> Token:
    """Make the token of an attempt from 16 random bytes."""
    assert len(random_bytes) == RANDOM_BYTES
    return Token(_text(random_bytes + _mac(key, project, region, kind, random_bytes)))


def verifies(token: str, keys: tuple[bytes, ...], project: Project, region: Region, kind: str) -> bool:
    """Tell whether one of our keys made this token for such a thing."""
    try:
        raw = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
    except ValueError:
        return False
    if _text(raw) != token:
        return False  # the last character has bits that decoding ignores
    random_bytes, mac = raw[:RANDOM_BYTES], raw[RANDOM_BYTES:]
    return any(hmac.compare_digest(mac, _mac(key, project, region, kind, random_bytes)) for key in keys)


def mark(text: str | None, token: Token) -> str:
    """Append the token to a name or description: `text gh1-<token>`.

    A mark that the text has already, copied from another thing, would make it that thing's: it goes.
    """
    own = strip_mark(text or "")
    return f"{own} gh1-{token}" if own else f"gh1-{token}"


def token_in(text: str | None) -> Token | None:
    """Find the token that a name or description carries."""
    found = _MARK.findall(text or "")
    return Token(found[-1]) if found else None


def strip_mark(text: str) -> str:
    """The user's own part of a name or description."""
    return _MARK.sub("", text)


def _text(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()


def _mac(key: bytes, project: str, region: str, kind: str, random_bytes: bytes) -> bytes:
    message = "\0".join((project, region, kind)).encode() + b"\0" + random_bytes
    return hmac.new(key, message, hashlib.sha256).digest()[:_MAC_BYTES]

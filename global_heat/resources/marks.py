"""The token in the metadata of things that have no description that is written together with them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from global_heat.model.names import Token
from global_heat.model.token import mark, token_in
from global_heat.model.values import Body, Json

KEY = "gh_token"


def marked(metadata: Mapping[str, Json] | None, token: Token) -> dict[str, str]:
    """Metadata as services want it, every value a string, with the token."""
    texts = {key: _text(value) for key, value in (metadata or {}).items() if value is not None}
    return {**texts, KEY: mark(None, token)}


def unmarked(metadata: Mapping[str, Json] | None) -> dict[str, Json]:
    """The user's own metadata."""
    return {key: value for key, value in (metadata or {}).items() if key != KEY}


def metadata_token(body: Body) -> Token | None:
    """The token that a thing's metadata carries."""
    return token_in((body.get("metadata") or {}).get(KEY))


def cleaned(body: Body) -> Body:
    """The thing without our mark."""
    return {**body, "metadata": unmarked(body["metadata"])} if "metadata" in body else body


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)

"""OS::Heat::RandomString: a string by chance, made once and kept sealed."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Iterator

from global_heat.model.names import PhysicalId
from global_heat.model.values import Body, Json, Properties, has_unknown
from global_heat.resources.local import LocalType
from global_heat.resources.type import Making

_CLASSES = {
    "lettersdigits": string.ascii_letters + string.digits,
    "letters": string.ascii_letters,
    "lowercase": string.ascii_lowercase,
    "uppercase": string.ascii_uppercase,
    "digits": string.digits,
    "hexdigits": string.digits + "ABCDEF",
    "octdigits": string.octdigits,
}
_DEFAULT_CLASSES = [{"class": "lettersdigits", "min": 1}]
_DRAW_BYTES = 8


class RandomString(LocalType):
    name = "OS::Heat::RandomString"
    kind = "heat.random_string"
    supported = frozenset({"character_classes", "character_sequences", "length", "salt", "sequence"})
    secret_attributes = frozenset({"value"})

    def check(self, props: Properties) -> list[str]:
        if has_unknown(dict(props)):
            return []
        least = sum(count for _, count in _alphabets(props))
        length = props.get("length") or 32
        if least > length:
            return [f"length {length} is less than the {least} characters that classes and sequences ask for"]
        return []

    def make(self, making: Making, props: Properties, random_bytes: bytes) -> dict[str, Json]:
        return {"value": generate(_alphabets(props), props.get("length") or 32, random_bytes)}

    def reference(self, id: PhysicalId, body: Body) -> Json:
        return body.get("value", id)

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        return {"show": None, "value": made.get("value")}


def generate(alphabets: list[tuple[str, int]], length: int, random_bytes: bytes) -> str:
    """A string of `length` with at least so many characters of each alphabet, the rest of any, mixed."""
    draws = _draws(random_bytes, 2 * length)
    chosen = [_pick(alphabet, draws) for alphabet, least in alphabets for _ in range(least)]
    union = "".join(dict.fromkeys("".join(alphabet for alphabet, _ in alphabets)))
    chosen += [_pick(union, draws) for _ in range(length - len(chosen))]
    for last in range(len(chosen) - 1, 0, -1):
        other = next(draws) % (last + 1)
        chosen[last], chosen[other] = chosen[other], chosen[last]
    return "".join(chosen)


def _alphabets(props: Properties) -> list[tuple[str, int]]:
    """Each alphabet with the least number of its characters."""
    classes: list[dict[str, Json]]
    classes = props.get("character_classes") or ([] if props.get("character_sequences") else _DEFAULT_CLASSES)
    named = [(_CLASSES[str(item.get("class") or "lettersdigits")], _least(item)) for item in classes]
    spelt = [(item["sequence"], _least(item)) for item in props.get("character_sequences") or ()]
    return spelt + named


def _least(item: dict[str, Json]) -> int:
    least = item.get("min")
    return 1 if least is None else int(least)


def _draws(random_bytes: bytes, count: int) -> Iterator[int]:
    """64-bit numbers: taken modulo less than 2^10, none is likelier than another by more than 2^-54."""
    stream = hashlib.shake_256(random_bytes).digest(count * _DRAW_BYTES)
    for start in range(0, len(stream), _DRAW_BYTES):
        yield int.from_bytes(stream[start : start + _DRAW_BYTES], "big")


def _pick(alphabet: str, draws: Iterator[int]) -> str:
    return alphabet[next(draws) % len(alphabet)]

"""Groups that scale: how many members they have is theirs to remember, and each member's name is its own.

The size comes from the template once, and again whenever the group is given something else; in between
scaling policies change it (`store.scaling`), and the revision that a signal makes holds it (`GroupPast`).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

import msgspec

from global_heat.model.values import Json, Unknown
from global_heat.template.evaluation import Run
from global_heat.template.location import Wrong
from global_heat.template.node import Group
from global_heat.template.source import GroupPast
from global_heat.template.values import OMITTED, walk

ASG_TYPE = "OS::Heat::AutoScalingGroup"
_NAME_CHARACTERS = 12


class Bounds(msgspec.Struct, frozen=True):
    """What a type calls the properties that bound its size; empty: it has none such."""

    wished: str
    least: str = ""
    most: str = ""


SCALING: Mapping[str, Bounds] = {
    ASG_TYPE: Bounds("desired_capacity", "min_size", "max_size"),
    "AWS::AutoScaling::AutoScalingGroup": Bounds("DesiredCapacity", "MinSize", "MaxSize"),
    "OS::Heat::InstanceGroup": Bounds("Size"),
}


def size_of(bounds: Bounds, shaped: Mapping[str, Json], past: GroupPast | None, digest: str) -> int:
    """How many members a group shall have. As in Heat a wish for a number counts again when anything of the
    group has changed; else it keeps the size that its policies gave it, within its bounds."""
    wished, least = shaped.get(bounds.wished), shaped.get(bounds.least) or 0
    size: int = wished or least
    if past is not None and past.size is not None:
        size = (wished or past.size) if past.digest != digest else past.size
    return within(size, least, shaped.get(bounds.most))


def within(size: int, least: int, most: int | None) -> int:
    """The size that is nearest within its bounds."""
    return max(least, size if most is None else min(size, most))


def names_of(size: int, past: GroupPast, seed: str) -> tuple[list[str], int]:
    """The members' names, the eldest first, and how many names the group has given so far.

    Those that are there stay, the last of them; new ones follow from `seed`, the group's own.
    """
    standing, named = list(past.members), past.named
    names = standing[max(0, len(standing) - size) :]
    while len(names) < size:
        digest = hashlib.sha256(f"{seed}/{named}".encode()).digest()
        names.append(base64.b32encode(digest).decode()[:_NAME_CHARACTERS].lower())
        named += 1
    return names, named


def digest_of(shaped: Mapping[str, Json]) -> str:
    """Of what a group is given; values that are not known yet count by what they wait for."""
    plain = msgspec.json.encode(shaped, enc_hook=str, order="sorted")
    return hashlib.sha256(plain).hexdigest()[:32]


class ScalingGroup(Group):
    """Its attributes are about all its members: `outputs` and `outputs_list` lead into each of them."""

    def reference(self, run: Run) -> Json:
        run.trace.awaited.add(self.path)
        known = run.view.reference(self.path)
        # Nobody records what it is called: it follows from where it stands. A view may say otherwise.
        return known if isinstance(known, str) else self.title.name

    def answer(self, name: str, path: list[Json], run: Run) -> Json:
        if name.startswith("resource."):
            return self.inside([name, *path], run)
        if name not in self.schema.attributes:
            known = ", ".join(sorted(self.schema.attributes)) or "none at all"
            raise Wrong(f"{self.type} has no attribute {name}; it has {known}")
        found = walk(
            self._value(name, path, run), path if name.startswith("refs") else [], text_indexes=False
        )
        return None if found is OMITTED else found

    def _value(self, name: str, path: list[Json], run: Run) -> Json:
        match name:
            case "current_size":
                return len(self.nodes)
            case "refs":
                return [node.reference(run) for node in self.nodes.values()]
            case "refs_map":
                return {member: node.reference(run) for member, node in self.nodes.items()}
            case "InstanceList":
                addresses = [self.of(node, ["PublicIp"], run) for node in self.nodes.values()]
                unknown = next((address for address in addresses if isinstance(address, Unknown)), None)
                return unknown or ",".join(map(str, addresses)) or None
        if not path:
            raise Wrong(f"expected the name of the members' attribute after {name}")
        found = {member: self.of(node, path, run) for member, node in self.nodes.items()}
        return found if name == "outputs" else list(found.values())

    def inside(self, keys: list[Json], run: Run) -> Json:
        """`resource.N` is the Nth member, the eldest first: nobody knows their names beforehand."""
        _, index, *rest = keys[0].split(".", 2)
        names = list(self.nodes)
        if index.isdecimal() and int(index) < len(names):
            index = names[int(index)]
        return super().inside([".".join(("resource", index, *rest)), *keys[1:]], run)

    def attributes(self, run: Run) -> Json:
        names = [name for name in ("refs", "refs_map", "current_size") if name in self.schema.attributes]
        return {name: self.attribute([name], run) for name in names}

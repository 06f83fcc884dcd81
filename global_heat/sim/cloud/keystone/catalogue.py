"""Which service of which region answers where."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from global_heat.model.values import Body

SERVICES = (
    # type, name, path (with the project's id in it where the service wants it)
    ("identity", "keystone", "/identity"),
    ("compute", "nova", "/compute/v2.1"),
    ("network", "neutron", "/network"),
    ("block-storage", "cinder", "/volume/v3/{project}"),
    ("volumev3", "cinderv3", "/volume/v3/{project}"),
    ("image", "glance", "/image"),
    ("messaging", "zaqar", "/messaging"),
)
INTERFACES = ("public", "internal", "admin")


class Catalogue:
    """Public URLs of the regions, as seen from the region whose Keystone is asked.

    A proxy may stand between two regions, so the way from one to another can have a URL of its own.
    """

    def __init__(self) -> None:
        self._urls: dict[str, str] = {}
        self._views: dict[str, dict[str, str]] = {}
        self._shared: dict[str, str] = {}
        self._withdrawn: set[tuple[str, str]] = set()

    def share(self, service: str, region: str) -> None:
        """One region's endpoint of the service (identity, image) serves all regions."""
        self._shared[service] = region

    def withdraw(self, service: str, region: str) -> None:
        """The region has no such service (its path's first word: `volume`). The catalogue still knows it."""
        self._withdrawn.add((service, region))

    def add(self, region: str, url: str, seen_from: Mapping[str, str] | None = None) -> None:
        """Say where a region answers; `seen_from` gives other URLs by the region of the caller."""
        self._urls[region] = url.rstrip("/")
        for caller, other in (seen_from or {}).items():
            self._views.setdefault(caller, {})[region] = other.rstrip("/")

    def url(self, region: str, caller: str) -> str:
        return self._views.get(caller, {}).get(region) or self._urls[region]

    def endpoint(self, service: str, region: str, caller: str) -> str:
        """A region's endpoint of a service without a version or project: identity, network, image, …"""
        return f"{self.url(self._shared.get(service, region), caller)}/{service}"

    @property
    def regions(self) -> list[str]:
        return list(self._urls)

    def body(self, caller: str, project_id: str) -> list[Body]:
        """The catalogue as a token holds it."""
        return [
            {
                "id": _id(name),
                "type": type,
                "name": name,
                "endpoints": [
                    {
                        "id": _id(f"{name}/{region}/{interface}"),
                        "interface": interface,
                        "region": region,
                        "region_id": region,
                        "url": self.url(self._shared.get(type, region), caller)
                        + path.replace("{project}", project_id),
                    }
                    for region in self._urls
                    if (path.split("/")[1], region) not in self._withdrawn
                    for interface in INTERFACES
                ],
            }
            for type, name, path in SERVICES
        ]


def _id(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

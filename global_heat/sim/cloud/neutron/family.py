"""What all of Neutron's collections have in common: lists, filters, revisions, tags, quotas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from global_heat.model.values import Body
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.neutron.errors import bad_request, neutron_error
from global_heat.sim.cloud.things import Origin, Thing, zulu
from global_heat.sim.cloud.wire import Answer, Call

REQUIRED: Final = object()
"""The default of what POST has to say."""
UNSET: Final = object()
"""The default of what is made up when POST does not say it."""
_READ_ONLY_FILTERS = frozenset(("fields", "limit", "marker", "sort_key", "sort_dir", "page_reverse"))


class Family:
    """One collection. Subclasses say what it accepts and what making, changing and deleting it means."""

    collection: ClassVar[str]
    """As in the path: security-groups."""
    plural: ClassVar[str]
    """As in a list's body: security_groups."""
    singular: ClassVar[str]
    title: ClassVar[str]
    """As in `<title>NotFound`."""
    defaults: ClassVar[Mapping[str, Any]]
    """What POST accepts, with the value of what it does not say."""
    mutable: ClassVar[frozenset[str]]
    """What PUT accepts, beside name and description."""
    texts: ClassVar[tuple[str, ...]] = ("name", "description")
    tagged: ClassVar[bool] = True

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.kind = f"network.{self.singular}"

    # what a family decides

    def make(self, call: Call, wish: Body) -> Thing:
        """Make one from a checked wish with all defaults filled in."""
        return self.add(call.project_id if wish["project_id"] is None else wish["project_id"], call, wish)

    def change(self, call: Call, thing: Thing, wish: Body) -> None:
        """Apply a checked change."""
        thing.body.update(wish)

    def unmake(self, call: Call, thing: Thing) -> None:
        """Check that it may go and take away what goes with it."""

    def visible(self, call: Call, thing: Thing) -> bool:
        return call.who.is_admin or thing.project_id == call.project_id

    # what all do alike

    def create(self, call: Call) -> Answer:
        wish = self._wish(call)
        unknown = wish.keys() - self.defaults.keys() - {"tenant_id", "project_id", *self.texts}
        if unknown:
            raise bad_request(f"Unrecognized attribute(s) '{', '.join(sorted(unknown))}'")
        owner = wish.pop("tenant_id", None) or wish.get("project_id") or call.project_id
        if owner != call.project_id and not call.who.is_admin:
            raise bad_request("Specifying 'tenant_id' other than authenticated tenant needs admin privileges")
        self._check_values(wish)
        full = {**dict.fromkeys(self.texts, ""), **self.defaults, **wish, "project_id": owner}
        for key, value in full.items():
            if value is REQUIRED:
                raise bad_request(f"Failed to parse request. Required attribute '{key}' not specified")
        fits, _ = self.ground.room(self.kind, owner)
        if not fits:
            raise neutron_error(409, "OverQuota", f"Quota exceeded for resources: ['{self.singular}'].")
        return Answer(201, {self.singular: self.make(call, full).body})

    def _check_values(self, wish: Body) -> None:
        """Values are of the type of their default, where that has one. Raises Refusal."""
        for key, value in wish.items():
            default = self.defaults.get(key)
            if isinstance(default, bool):
                wish[key] = value if isinstance(value, bool) else _boolean(key, value)
            elif isinstance(default, str | list | dict | int) and not isinstance(value, type(default)):
                raise bad_request(
                    f"Invalid input for {key}. Reason: '{value}' is not a valid {type(default).__name__}."
                )
            elif key in self.texts and (not isinstance(value, str) or len(value) > 255):
                raise bad_request(
                    f"Invalid input for {key}. Reason: '{value}' exceeds maximum length of 255."
                )

    def add(self, project_id: str, call: Call | None, body: Body, origin: Origin = Origin.USER) -> Thing:
        """Put a new thing on the shelf: id, owner, times, revision and tags come here."""
        now = self.ground.now()
        id = self.ground.new_id()
        full: Body = {
            "id": id,
            **body,
            "project_id": project_id,
            "tenant_id": project_id,
            "created_at": zulu(now),
            "updated_at": zulu(now),
        }
        full["revision_number"] = 1
        if self.tagged:
            full["tags"] = []
        user_id = call.who.user_id if call is not None else ""
        thing = Thing(self.kind, id, project_id, user_id, full, now, origin)
        return self.ground.things.add(thing)

    def touch(self, thing: Thing) -> None:
        """Count one more revision."""
        thing.body["updated_at"] = zulu(self.ground.now())
        thing.body["revision_number"] += 1

    def listing(self, call: Call) -> Answer:
        """All that the caller may see and that match. An unknown filter is ignored, as without validation."""
        faults = self.ground.faults
        wanted: dict[str, list[str]] = {}
        for key, value in call.query:
            if key not in _READ_ONLY_FILTERS and not faults.drop_filters:
                wanted.setdefault("project_id" if key == "tenant_id" else key, []).append(value)
        found = [
            thing.body
            for thing in self.ground.listed(self.kind)
            if self.visible(call, thing) and (not wanted or self.matches(thing.body, wanted))
        ]
        return Answer(200, self._page(call, found))

    def matches(self, body: Body, wanted: Mapping[str, list[str]]) -> bool:
        for key, values in wanted.items():
            if key == "tags":
                if not set(",".join(values).split(",")) <= set(body.get("tags") or ()):
                    return False
            elif key == "fixed_ips":
                if not _ip_matches(body.get("fixed_ips") or [], values):
                    return False
            elif key in body:
                actual = body[key]
                text = str(actual).lower() if isinstance(actual, bool) else str(actual)
                if text not in ([v.lower() for v in values] if isinstance(actual, bool) else values):
                    return False
        return True

    def _page(self, call: Call, found: list[Body]) -> Body:
        sort_key = call.parameter("sort_key")
        if sort_key:
            found.sort(key=lambda body: str(body.get(sort_key)), reverse=call.parameter("sort_dir") == "desc")
        limit, marker = call.parameter("limit"), call.parameter("marker")
        links: list[Body] = []
        if limit is not None and limit.isdigit() and int(limit) > 0:
            if marker:
                ids = [body["id"] for body in found]
                if marker not in ids:
                    raise neutron_error(
                        404, f"{self.title}NotFound", f"{self.title} {marker} could not be found."
                    )
                found = found[ids.index(marker) + 1 :]
            if len(found) > int(limit):
                found = found[: int(limit)]
                kept = [(key, value) for key, value in call.query if key != "marker"]
                query = urlencode([*kept, ("marker", found[-1]["id"])])
                href = f"{call.base_url}/network/v2.0/{self.collection}?{query}"
                links.append({"rel": "next", "href": href})
        fields = {value for key, value in call.query if key == "fields"}
        if fields:
            found = [{key: value for key, value in body.items() if key in fields} for body in found]
        page: Body = {self.plural: found}
        if links:
            page[f"{self.plural}_links"] = links
        return page

    def find(self, call: Call, id: str) -> Thing:
        """The thing, if the caller may see it. Raises Refusal 404."""
        thing = self.ground.things.find(self.kind, id)
        if thing is None or not self.visible(call, thing):
            raise neutron_error(404, f"{self.title}NotFound", f"{self.title} {id} could not be found.")
        return thing

    def show(self, call: Call, id: str) -> Answer:
        return Answer(200, {self.singular: self.find(call, id).body})

    def update(self, call: Call, id: str) -> Answer:
        thing = self._owned(call, id)
        self._check_revision(call, thing)
        wish = self._wish(call)
        for key in wish:
            if key not in self.mutable and key not in self.texts:
                if key in self.defaults or key in thing.body:
                    raise bad_request(f"Cannot update read-only attribute {key}")
                raise bad_request(f"Unrecognized attribute(s) '{key}'")
        self._check_values(wish)
        self.change(call, thing, wish)
        self.touch(thing)
        return Answer(200, {self.singular: thing.body})

    def delete(self, call: Call, id: str) -> Answer:
        thing = self._owned(call, id)
        self._check_revision(call, thing)
        self.unmake(call, thing)
        self.ground.things.remove(thing, self.ground.now())
        return Answer(204)

    def tags(self, call: Call, id: str, rest: list[str]) -> Answer:
        """/{collection}/{id}/tags[/{tag}]."""
        thing = self._owned(call, id) if call.method != "GET" else self.find(call, id)
        tags: list[str] = thing.body.get("tags", [])
        match call.method, rest:
            case "GET", []:
                return Answer(200, {"tags": tags})
            case "PUT", []:
                thing.body["tags"] = list(dict.fromkeys(call.json().get("tags") or ()))
            case "DELETE", []:
                thing.body["tags"] = []
            case "PUT", [tag]:
                thing.body["tags"] = list(dict.fromkeys([*tags, tag]))
            case "DELETE", [tag] if tag in tags:
                thing.body["tags"] = [other for other in tags if other != tag]
            case _:
                raise neutron_error(404, "TagNotFound", f"Tag {rest} could not be found.")
        self.touch(thing)
        if call.method == "DELETE":
            return Answer(204)
        return Answer(200, {"tags": thing.body["tags"]}) if not rest else Answer(201)

    def _owned(self, call: Call, id: str) -> Thing:
        thing = self.find(call, id)
        if thing.project_id != call.project_id and not call.who.is_admin:
            raise neutron_error(
                403,
                "PolicyNotAuthorized",
                f"rule:{call.method.lower()}_{self.singular} is disallowed by policy",
            )
        return thing

    def _wish(self, call: Call) -> Body:
        wish = call.json().get(self.singular)
        if not isinstance(wish, dict):
            raise bad_request(f"Unable to find '{self.singular}' in request body")
        return dict(wish)

    def _check_revision(self, call: Call, thing: Thing) -> None:
        """`If-Match: revision_number=N` is the one compare-and-set that OpenStack has."""
        wanted = call.headers.get("if-match")
        if wanted and wanted.strip('"') != f"revision_number={thing.body.get('revision_number')}":
            raise neutron_error(
                412,
                "RevisionNumberConstraintFailed",
                f"Constrained to {wanted.rpartition('=')[2]}, but current revision is "
                f"{thing.body.get('revision_number')}",
            )


def _boolean(key: str, value: Any) -> bool:
    text = str(value).lower()
    if text in ("true", "1", "t", "yes"):
        return True
    if text in ("false", "0", "f", "no"):
        return False
    raise bad_request(f"Invalid input for {key}. Reason: '{value}' cannot be converted to boolean.")


def _ip_matches(fixed_ips: list[Body], values: list[str]) -> bool:
    """`fixed_ips=subnet_id=X` and `fixed_ips=ip_address=Y`, all on one address."""
    pairs = [value.partition("=")[::2] for value in values]
    return any(all(str(ip.get(key)) == value for key, value in pairs) for ip in fixed_ips)

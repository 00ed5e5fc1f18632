"""Users of a SCIM service read and written: pure.

A record holds the user as the service shows it, without what is the protocol's own. The enterprise extension is
`enterprise`; other extensions keep their URN.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from hub.errors import RecordError
from hub.model import Record

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
OWN = frozenset({"id", "externalId", "meta", "schemas", "active", "password"})  # of the protocol, not of the contact
READ_ONLY = frozenset({"groups", "entitlements", "roles", "x509Certificates", "photos"})
NAMES = (  # attribute names are written in any case
    """userName externalId displayName nickName profileUrl title userType preferredLanguage locale timezone active
    password emails phoneNumbers ims photos addresses groups entitlements roles x509Certificates name meta schemas id
    formatted familyName givenName middleName honorificPrefix honorificSuffix value type primary display
    streetAddress locality region postalCode country organization department division costCenter employeeNumber
    manager lastModified created version location resourceType""".split()
)
_BY_LOWER = {name.lower(): name for name in NAMES}
_TRUTH = {"true": True, "false": False}
_BOOLEANS = frozenset({"active", "primary"})

WRITABLE = frozenset(
    """userName displayName nickName profileUrl title userType preferredLanguage locale timezone name emails
    phoneNumbers ims addresses enterprise""".split()
)

User = Mapping[str, Any]


# --- reading ----------------------------------------------------------------------------------------


def read_user(resource: User) -> Record:
    user = tidy(resource)
    meta = user.get("meta") or {}
    fields = {name: value for name, value in user.items() if name not in OWN}
    if ENTERPRISE in fields:
        fields["enterprise"] = fields.pop(ENTERPRISE)
    fields.setdefault("userName", None)
    return Record(
        id=str(user["id"]),
        fields=fields,
        version=meta.get("version") or meta.get("lastModified"),
        changed_at=read_time(meta.get("lastModified")),
        archived=user.get("active") is False,
        key=user.get("externalId"),
    )


def tidy(value: Any) -> Any:
    """Names in the case of the standard, and truth that some services say as a text."""
    if isinstance(value, list):
        return [tidy(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    found: dict[str, Any] = {}
    for name, each in value.items():
        known = _BY_LOWER.get(str(name).lower(), str(name))
        if known.lower() == ENTERPRISE.lower():
            known = ENTERPRISE
        truth = _TRUTH.get(each.lower(), each) if known in _BOOLEANS and isinstance(each, str) else each
        found[known] = tidy(truth)
    return found


def read_time(text: Any) -> datetime | None:
    """Aware UTC; None when there is none. ValueError when it is no time."""
    if not text:
        return None
    at = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", str(text)))  # some show more than microseconds
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def write_time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def in_path(record_id: str) -> str:
    return quote(record_id, safe="")


def in_filter(text: str) -> str:
    """A text between quotation marks, as filters write it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# --- writing ----------------------------------------------------------------------------------------


def new_user(fields: Mapping[str, Any], key: str | None, user_name: str) -> dict[str, Any]:
    """The resource of a create. RecordError without anything it could be called by.

    user_name  `email` or `key`: what becomes the user's name where the fields do not say it
    """
    resource = whole(fields, {})
    if key is not None:
        resource["externalId"] = key
    if not resource.get("userName"):
        emails = resource.get("emails") or [{}]
        resource["userName"] = key if user_name == "key" else emails[0].get("value")
    if not resource.get("userName"):
        raise RecordError("A user needs a name: there is no `userName` and no email to take it from.")
    return resource


def whole(fields: Mapping[str, Any], resource: User) -> dict[str, Any]:
    """`resource` with these fields set; what they do not name stays, also what we do not know."""
    found = copy.deepcopy(dict(resource))
    for path, value in leaves(fields):
        parts = [path[0]] if len(path) == 1 else list(path)
        place = found
        for part in parts[:-1]:
            place[part] = dict(place.get(part) or {})
            place = place[part]
        if value is None or value == []:
            place.pop(parts[-1], None)
        else:
            place[parts[-1]] = merged(value, place.get(parts[-1]))
    schemas = [USER, *found.get("schemas", ()), *(name for name in found if name.startswith("urn:"))]
    found["schemas"] = list(dict.fromkeys(schemas))
    return {name: value for name, value in found.items() if value not in ({}, [])}


def patch(fields: Mapping[str, Any], resource: User) -> list[dict[str, Any]]:
    """Operations of a PATCH, one for each attribute; nothing for what is empty and stays so."""
    found: list[dict[str, Any]] = []
    for path, value in leaves(fields):
        there: Any = resource
        for part in path:
            there = there.get(part) if isinstance(there, Mapping) else None
        name = ":".join(path) if path[0].startswith("urn:") else ".".join(path)
        if value is not None and value != []:
            found.append({"op": "replace", "path": name, "value": merged(value, there)})
        elif there not in (None, "", []):
            found.append({"op": "remove", "path": name})
    return found


def leaves(fields: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(path, value) of each attribute that a write sets. RecordError for what is not ours to set."""
    for name, value in fields.items():
        if name in OWN or name in READ_ONLY:
            raise RecordError(f"The attribute {name!r} of a user is not written.")
        if name not in WRITABLE and not name.startswith("urn:"):
            raise RecordError(f"Users have no attribute {name!r}: those of an extension stand under its URN.")
        if holds_nul(value):
            raise RecordError(f"The text of {name!r} holds a NUL character, which no service takes.")
        top = ENTERPRISE if name == "enterprise" else name
        if isinstance(value, Mapping):
            for part, each in value.items():
                inner = each["value"] if part == "manager" and isinstance(each, Mapping) and "value" in each else each
                yield (top, part), ({"value": inner} if part == "manager" and inner is not None else inner)
        elif name == "name" and value is None:
            yield from (((top, part), None) for part in ("givenName", "familyName", "formatted"))
        else:
            yield (top,), value


def holds_nul(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(holds_nul, value.values()))
    return any(map(holds_nul, value)) if isinstance(value, list) else isinstance(value, str) and "\0" in value


def merged(value: Any, there: Any) -> Any:
    """A list whose elements keep what else is known of the same value (`primary`, `display`)."""
    if not isinstance(value, list) or not isinstance(there, Sequence) or isinstance(there, str):
        return without_empty(value)
    known = [each for each in there if isinstance(each, Mapping)]
    if value and not any(isinstance(each, Mapping) and "value" in each for each in value):
        return _by_place(value, known)
    by_value = {str(each.get("value", "")).casefold(): each for each in known}
    return [_over(by_value.get(str(each.get("value", "")).casefold(), {}), each) for each in value]


def _by_place(value: list[Any], known: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Addresses have no value of their own: the first stays the first."""
    padded = [*known, *({} for _ in value)]
    return [
        _over({k: v for k, v in padded[n].items() if k != "formatted"}, each) if isinstance(each, Mapping) else each
        for n, each in enumerate(value)
    ]


def _over(there: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = without_empty({**there, **new})
    return said


def without_empty(value: Any) -> Any:
    """Objects without their empty parts: a service may refuse a null."""
    if isinstance(value, Mapping):
        return {name: without_empty(each) for name, each in value.items() if each is not None}
    return [without_empty(each) for each in value] if isinstance(value, list) else value

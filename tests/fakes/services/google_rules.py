"""Google People's words: which fields there are, and what it says of what it does not take."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from hub.testing.service import Refusal

WRITABLE = frozenset(
    """addresses biographies birthdays calendarUrls clientData emailAddresses events externalIds genders imClients
    interests locales locations memberships miscKeywords names nicknames occupations organizations phoneNumbers
    relations sipAddresses urls userDefined""".split()
)
READABLE = WRITABLE | {"metadata", "photos", "coverPhotos", "ageRanges", "skills"}
SINGLE = frozenset({"biographies", "birthdays", "genders", "names"})
PARTS: Mapping[str, Collection[str]] = {
    "names": frozenset(
        """givenName familyName middleName honorificPrefix honorificSuffix displayName displayNameLastFirst
        unstructuredName""".split()
    ),
    "emailAddresses": frozenset({"value", "type", "formattedType", "displayName"}),
    "phoneNumbers": frozenset({"value", "type", "formattedType", "canonicalForm"}),
    "addresses": frozenset(
        """streetAddress extendedAddress poBox city region postalCode country countryCode type formattedType
        formattedValue""".split()
    ),
    "organizations": frozenset({"name", "title", "department", "type", "current", "jobDescription"}),
    "biographies": frozenset({"value", "contentType"}),
    "birthdays": frozenset({"date", "text"}),
    "urls": frozenset({"value", "type", "formattedType"}),
    "nicknames": frozenset({"value", "type"}),
    "clientData": frozenset({"key", "value"}),
    "externalIds": frozenset({"value", "type", "formattedType"}),
    "userDefined": frozenset({"key", "value"}),
}


def refused(status: int, name: str, message: str, *, reason: str | None = None, details: Any = None) -> Refusal:
    found = list(details or [])
    if reason:
        domain = "people.googleapis.com"
        found.append({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": domain})
    error = {"code": status, "message": message, "status": name, "details": found}
    return Refusal(status, {"error": error})


def not_found() -> Refusal:
    return refused(404, "NOT_FOUND", "Requested entity was not found.")


def stale() -> Refusal:
    said = "Request person.etag is different than the current person.etag. Clear local cache and get the latest person."
    return refused(400, "FAILED_PRECONDITION", said, reason="failedPrecondition")


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def mask_of(text: str | None, allowed: Collection[str]) -> list[str]:
    """The names of a mask; a missing, an empty and an unknown one are refused."""
    names = [name for name in (text or "").split(",") if name]
    if not names:
        raise refused(400, "INVALID_ARGUMENT", "personFields mask is required. Please specify one or more valid paths.")
    if unknown := sorted(set(names) - set(allowed)):
        raise refused(400, "INVALID_ARGUMENT", f"Invalid mask path: {unknown[0]}")
    return names


def check_person(body: Any) -> dict[str, Any]:
    """What is written of a person, without what Google says itself."""
    if not isinstance(body, dict) or set(body) - READABLE - {"resourceName", "etag"}:
        raise refused(400, "INVALID_ARGUMENT", "Invalid JSON payload received. Unknown name.")
    fields = {name: value for name, value in body.items() if name in WRITABLE}
    for name, values in fields.items():
        if not isinstance(values, list) or not all(isinstance(each, dict) for each in values):
            raise refused(400, "INVALID_ARGUMENT", f"Invalid value at 'person.{name}'.")
        if name in SINGLE and len(values) > 1:
            raise refused(400, "INVALID_ARGUMENT", f"Only one value may be set for {name}.")
        for each in values:
            if unknown := sorted(set(each) - set(PARTS.get(name, each)) - {"metadata"}):
                raise refused(400, "INVALID_ARGUMENT", f"Unknown name '{unknown[0]}' at 'person.{name}'.")
            if name == "emailAddresses" and "@" not in each.get("value", "@"):
                raise refused(400, "INVALID_ARGUMENT", "Invalid email address.")
    return {name: [without_own(each) for each in values] for name, values in fields.items()}


def without_own(value: Mapping[str, Any]) -> dict[str, Any]:
    own = {"metadata", "formattedType", "canonicalForm", "displayNameLastFirst"}
    return {name: part for name, part in value.items() if name not in own and part not in ("", None)}


def as_shown(field: str, value: Mapping[str, Any], person_id: str, *, first: bool) -> dict[str, Any]:
    """With what Google adds itself."""
    metadata: dict[str, Any] = {"source": {"type": "CONTACT", "id": person_id}}
    shown = {"metadata": metadata | ({"primary": True} if first else {}), **value}
    if field == "names":
        shown.setdefault("displayName", " ".join(filter(None, (value.get("givenName"), value.get("familyName")))))
    if "type" in value:
        shown["formattedType"] = str(value["type"]).title()
    return shown

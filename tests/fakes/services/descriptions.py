"""The vendors' own descriptions, where they are at hand, and what they say that their services do not keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import yaml

from hub.testing.openapi import Description, Validated, validated

SPECS = Path(__file__).resolve().parents[4] / "shared" / "specs"
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Described:
    """A description and what is known to be wrong in it.

    free   (schema or property name, how its values are described, why that is not so): the values are let be
    known  beginning of a problem → why it is let pass
    """

    file: str
    base_path: str = ""
    free: tuple[tuple[str, str, str], ...] = ()
    known: Mapping[str, str] = field(default_factory=dict)


DESCRIBED = {
    "hubspot": Described(
        "hubspot-crm.openapi.yaml",
        free=(("properties", "string", "a property that holds nothing is null in answers"),),
    ),
    "mailchimp": Described(
        "mailchimp-lists.openapi.yaml",
        "/3.0",
        free=(("merge_fields", "object", "merge fields hold texts and numbers"),),
        known={"GET /mailchimp-batch/": "a file on another host"},
    ),
    "brevo": Described(
        "brevo-contacts.swagger2.yaml",
        "/v3",
        known={"GET /contacts/{identifier}: query identifierType": "newer than the description"},
    ),
    "listmonk": Described(
        "listmonk-subscribers.openapi.yaml",
        "/api",
        known={
            "GET /subscribers: query per_page": "a number of a query is text, and two kinds are described",
            "PUT /subscribers/lists: body: target_list_ids": "it is a list, as its sources have it",
            "PATCH /subscribers/": "its sources have it, the description does not",
        },
    ),
    "google_people": Described("google-people.openapi.json"),
    "twilio": Described(
        "twilio-messages.openapi.json",
        known={
            "GET /2010-04-01/Accounts/{AccountSid}/Messages.json: query DateSent": "in words it takes a day as well",
        },
    ),
}


def described(fake: httpx.BaseTransport, name: str) -> httpx.BaseTransport:
    """The fake, every request and answer of which is held to the vendor's description where that is there."""
    spec = DESCRIBED.get(name)
    if spec is None:
        return fake  # no description of this service is at hand
    path = SPECS / spec.file
    if not path.is_file():
        return validated(fake, path)
    return Validated(fake, description_of(name), spec.base_path, spec.known)


@cache
def description_of(name: str) -> Description:
    spec = DESCRIBED[name]
    document = text_keys(yaml.load((SPECS / spec.file).read_text(encoding="utf-8"), Loader=LOADER))
    for property_name, kind, _ in spec.free:
        for values in values_of(document, property_name):
            if values.get("type") == kind:
                values.clear()
    return Description(document)


def values_of(tree: Any, name: str) -> Iterator[dict[str, Any]]:
    """How the values of every free-form object of this name are described."""
    if isinstance(tree, dict):
        found = tree.get(name)
        if isinstance(found, dict) and isinstance(found.get("additionalProperties"), dict):
            yield found["additionalProperties"]
        for each in tree.values():
            yield from values_of(each, name)
    elif isinstance(tree, list):
        for each in tree:
            yield from values_of(each, name)


def text_keys(value: Any) -> Any:
    """YAML reads the status 200 as a number."""
    if isinstance(value, dict):
        return {str(key): text_keys(each) for key, each in value.items()}
    return [text_keys(each) for each in value] if isinstance(value, list) else value

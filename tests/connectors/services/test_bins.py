"""What an erasure leaves behind with each system, as its page says."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub.config.described import described
from hub.connectors.contract import Can, Context
from hub.connectors.registry import connector_types

PAGES = Path(__file__).resolve().parents[3] / "docs/connectors"
FOR_GOOD = {"hubspot", "mailchimp", "microsoft_graph", "zoho_crm"}
KEPT = {"activecampaign", "dynamics365", "erpnext", "google_people", "mailman", "salesforce", "scim"}
DELETED = {"brevo", "carddav", "getresponse", "listmonk", "mautic", "odoo", "tryton"}


def can_of(name: str) -> Can:
    return described(name, connector_types()[name]).can


@pytest.mark.parametrize("name", sorted(FOR_GOOD | KEPT | DELETED))
def test_a_receipt_says_deleted_only_where_nothing_can_be_had_back(name: str) -> None:
    can = can_of(name)

    assert (can.erase, can.restorable and not can.erase) == (name in FOR_GOOD, name in KEPT)


@pytest.mark.parametrize("name", sorted(FOR_GOOD | KEPT))
def test_the_page_says_what_a_person_has_to_know_of_it(name: str) -> None:
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    own, _, reference = text.partition("<!-- from here on written by")

    assert "operations.md#erasure" in own
    said = "is erased for good" if name in FOR_GOOD else "so a person sees to it"
    assert f"| somebody who is erased | {said}" in reference or said in reference


@pytest.mark.parametrize(
    ("name", "setting", "kept"),
    [
        ("dynamics365", {"keeps_deleted": "no"}, False),
        ("dynamics365", {"keeps_deleted": "yes"}, True),
        ("scim", {"keeps_deleted": False}, False),
        ("ldap", {"key": "entryUUID"}, False),
        ("ldap", {"key": "objectGUID"}, True),
    ],
)
def test_a_setting_says_whether_what_was_deleted_is_kept(name: str, setting: dict[str, Any], kept: bool) -> None:
    kind = connector_types()[name]
    example = {key: value for key, value in yaml.safe_load(kind.example).items() if key in kind.Settings.model_fields}
    settings = kind.Settings.model_validate({**example, **setting})

    with ExitStack() as closing:
        connector = kind(settings, Context(name, closing=closing))
        assert connector.can.restorable is kept

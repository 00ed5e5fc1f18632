"""Mappings by the API: read, tried, saved."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.access.rights import Role

PLACE = "/connections/crm/mapping"


@pytest.fixture
def admin(api):
    api.role = Role.ADMINISTRATOR
    return api


def changed(api) -> tuple[dict, str]:
    """The table with another transform, and the ETag it is based on."""
    answer = api.get(PLACE)
    table = answer.json()["mapping"]
    table["fields"]["family_name"] = {"from": "last", "with": ["upper"]}
    return table, answer.headers["etag"]


def test_a_mapping_is_tried_on_records_and_nothing_is_saved(admin):
    table, etag = changed(admin)

    tried = admin.post(f"{PLACE}/preview", {"mapping": table}).json()

    values = [value for record in tried["records"] for value in record["values"] if value["key"] == "family_name"]
    assert values and all(value["after"] == str(value["was"]).upper() for value in values)
    assert tried["wrong"] == [] and tried["trouble"] is None
    assert admin.get(PLACE).headers["etag"] == etag


def test_a_mistake_is_named_with_its_row(admin):
    table, _ = changed(admin)
    table["fields"]["family_name"]["with"] = ["uper"]

    tried = admin.post(f"{PLACE}/preview", {"mapping": table}).json()

    assert [each["row"] for each in tried["wrong"]] == ["fields.family_name[0]"]
    assert "did you mean upper?" in tried["wrong"][0]["what"]


def test_a_mapping_is_saved_over_what_was_looked_at_and_nothing_else(admin):
    table, etag = changed(admin)

    without = admin.ask("PUT", PLACE, json={"mapping": table})
    saved = admin.ask("PUT", PLACE, json={"mapping": table}, headers={"If-Match": etag})
    late = admin.ask("PUT", PLACE, json={"mapping": {"fields": {}}}, headers={"If-Match": etag})

    assert without.status_code == 428
    assert saved.json()["rows"] == ["family_name"] and saved.json()["in_use"] is False
    assert late.status_code == 412 and "-  family_name" in late.json()["difference"]
    assert admin.get(PLACE).headers["etag"] == saved.headers["etag"] != etag


def test_a_mapping_with_a_mistake_is_not_saved(admin):
    _, etag = changed(admin)
    before = admin.get(PLACE).json()["text"]

    for body in ({"mapping": {"fields": {"nme": "x"}}}, {"mapping": {"fields": [1]}}, {"text": "fields: {a: b}"}):
        assert admin.ask("PUT", PLACE, json=body, headers={"If-Match": etag}).status_code == 422

    assert admin.get(PLACE).json()["text"] == before


ROW = "  lifecycle_stage: {from: job, values: {1: lead, 2: customer}, write: never}  # theirs\n"


def test_numbers_of_a_table_of_values_stay_numbers(admin):
    file = Path(admin.world.config.folder) / "people.yaml"
    file.write_text(file.read_text() + ROW)
    answer = admin.get(PLACE)
    table = answer.json()["mapping"]
    assert table["fields"]["lifecycle_stage"]["values"] == {"1": "lead", "2": "customer"}
    table["fields"]["lifecycle_stage"]["values"]["2"] = "buyer"

    admin.ask("PUT", PLACE, json={"mapping": table}, headers={"If-Match": answer.headers["etag"]})

    assert "values: {1: lead, 2: buyer}, write: never}  # theirs" in file.read_text()


def test_who_may_not_see_contacts_tries_nothing(api):
    api.role = Role.VIEWER

    assert api.get(PLACE).status_code == 200
    assert api.post(f"{PLACE}/preview", {}).status_code == 403
    assert api.ask("PUT", PLACE, json={"text": ""}).status_code == 403

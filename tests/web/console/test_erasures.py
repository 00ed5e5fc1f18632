"""Pages of erasure: what is shown, the id that is typed in, the receipt, and who may."""

from __future__ import annotations

import re

import pytest

from hub.access.rights import Role
from tests.web.console.rig import Look


@pytest.fixture
def ann(look: Look) -> str:
    look.role = Role.ADMINISTRATOR
    found = re.search(r'href="/contacts/([^"?]+)"', look.get("/contacts/found?q=baker").text)
    assert found is not None
    return found[1]


def test_what_is_held_and_who_is_told_stands_there(look, ann):
    assert f'href="/contacts/{ann}/erase"' in look.get(f"/contacts/{ann}").text

    page = look.get(f"/contacts/{ann}/erase")

    assert page.status_code == 200
    assert "deleted there" in page.text
    assert "crm" in page.text


def test_without_its_id_nothing_is_erased(look, ann):
    answer = look.post(f"/contacts/{ann}/erase", typed="g404", reference="case 7")

    assert answer.status_code == 422
    assert "Nothing was erased" in answer.text
    assert 'value="case 7"' in answer.text
    assert look.get(f"/contacts/{ann}").status_code == 200


def test_with_its_id_it_is_done_and_the_receipt_is_shown(look, ann):
    answer = look.post(f"/contacts/{ann}/erase", typed=ann, reference="<b>case 7</b>")

    assert answer.status_code == 303
    receipt = look.get(answer.headers["location"]).text
    assert "told by its next run" in receipt
    assert "&lt;b&gt;case 7" in receipt
    assert look.get(f"/contacts/{ann}").status_code == 404
    assert "&lt;b&gt;case 7" in look.get("/erasures").text


def test_it_is_lifted_with_a_reason(look, ann):
    place = look.post(f"/contacts/{ann}/erase", typed=ann).headers["location"]

    assert look.post(f"{place}/lift", reason="").status_code in (400, 422)
    assert look.post(f"{place}/lift", reason="came back").status_code == 303
    assert "they may come in again" in look.get(place).text


def test_what_can_be_had_back_from_a_bin_is_said_and_waits_for_a_person(look, ann):
    place = look.post(f"/contacts/{ann}/erase", typed=ann).headers["location"]
    with look.console.world.store.write() as tx:
        tx.run("UPDATE erasure_step SET state = 'by hand', outcome = 'restorable' WHERE connection = 'crm'")

    page = look.get(place).text
    assert "deleted, still in a bin there" in page
    assert "waits for a person" in page

    assert look.post(f"{place}/confirm", connection="crm").status_code == 303
    assert "still in a bin there" not in look.get(place).text


def test_what_nothing_waits_for_cannot_be_confirmed(look, ann):
    place = look.post(f"/contacts/{ann}/erase", typed=ann).headers["location"]

    assert look.post(f"{place}/confirm", connection="crm").status_code == 409


@pytest.mark.parametrize("path", ["/contacts/g404/erase", "/erasures/e404"])
def test_what_is_not_there_is_said_so(look, ann, path):
    assert look.get(path).status_code == 404


def test_nobody_else_sees_or_does_it(look, ann):
    look.role = Role.OPERATOR

    assert "/erase" not in look.get(f"/contacts/{ann}").text
    assert "/erasures" not in look.get("/").text
    assert look.get(f"/contacts/{ann}/erase").status_code == 403
    assert look.post(f"/contacts/{ann}/erase", typed=ann).status_code == 403

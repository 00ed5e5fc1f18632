"""`hub check`: what it shows, what it hides, how it ends."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.cli.check import mask
from hub.store.inbox import Arrival, StoreInbox
from hub.store.upgrade import opened

CSV = "source_id,given_name,emails,shoe_size\n1,Ann,ann@example.org,38\n"


@pytest.fixture
def people():
    """A configuration with one file connection."""

    def write(csv: str = CSV, more: str = "") -> None:
        Path("config").mkdir()
        Path("people.csv").write_text(csv)
        Path("config/hub.yaml").write_text(
            f"connections:\n  people:\n    type: file\n    path: people.csv\n    key: source_id\n{more}"
        )

    return write


def test_all_well_is_code_0(hub, people):
    people()
    answer = hub("check")
    assert answer.code == 0, answer.out + answer.err
    assert "people" in answer.out
    assert "full listing" in answer.out


def test_personal_data_is_masked_unless_asked_for(hub, people):
    people()
    masked, shown = hub("check").out, hub("check", "--show-values").out
    assert "ann@example.org" not in masked
    assert "xxx@xxxxxxx.xxx" in masked
    assert "ann@example.org" in shown


def test_fields_without_a_place_are_named(hub, people):
    people()
    assert "not mapped: shoe_size" in hub("check").out


def test_a_value_that_would_be_set_aside_is_code_1(hub, people):
    people("source_id,given_name,emails\n1,Ann,nonsense\n")
    answer = hub("check")
    assert answer.code == 1
    assert "set aside" in answer.out


def test_a_connection_that_cannot_be_used_is_code_2_and_the_others_are_checked(hub, people):
    people(more="  gone:\n    type: file\n    path: gone.csv\n    key: id\n")
    answer = hub("check")
    assert answer.code == 2
    assert "not usable" in answer.out
    assert "full listing" in answer.out


def test_a_connection_can_be_named(hub, people):
    people(more="  gone:\n    type: file\n    path: gone.csv\n    key: id\n")
    assert hub("check", "people").code == 0
    assert hub("check", "gone").code == 2


def test_a_disabled_connection_is_checked_only_by_name(hub, people):
    people(more="  gone:\n    type: file\n    enabled: false\n    path: gone.csv\n    key: id\n")
    assert hub("check").code == 0
    assert hub("check", "gone").code == 2


def test_a_wrong_name_stops_before_anything_is_reached(hub, people):
    people()
    answer = hub("check", "peopel")
    assert answer.code == 2
    assert 'Did you mean "people"?' in answer.err
    assert answer.out == ""


def test_programs_get_json(hub, people):
    people()
    answer = json.loads(hub("check", "--json").out)
    (found,) = answer["connections"]
    assert (found["name"], found["type"], found["error"]) == ("people", "file", None)
    assert found["can"]["complete"] is True
    assert "ann@example.org" not in json.dumps(answer)


def test_a_wrong_configuration_is_code_2_with_every_mistake(hub, people):
    people(more="    delets: keep\nstor: x\n")
    answer = hub("check")
    assert answer.code == 2
    assert 'config/hub.yaml:6: connections.people.delets: there is no such key. Did you mean "deletes"?' in answer.err
    assert "config/hub.yaml:7: stor:" in answer.err


def test_a_secret_that_every_user_can_read_is_warned_of(hub, people):
    people(more="store: postgresql+psycopg://hub:${file:pw}@127.0.0.1/hub\n")
    Path("config/pw").write_text("x")
    Path("config/pw").chmod(0o644)
    assert "every user of this machine can read the secret file:pw" in hub("check").out


def test_without_connections_the_next_step_is_told(hub):
    Path("config").mkdir()
    Path("config/hub.yaml").write_text("# nothing yet\n")
    answer = hub("check")
    assert answer.code == 0
    assert "add one" in answer.out


@given(st.text())
def test_a_mask_keeps_the_length_and_nothing_of_letters_and_digits(text):
    masked = mask(text)
    assert len(masked) == len(text)
    assert all(not char.isalnum() or char in "xX9" for char in masked if char.isascii())


def test_a_mask_goes_through_lists_and_groups():
    assert mask({"label": ["Home", 12, None, True]}) == {"label": ["Xxxx", "99", None, True]}


# --- forms ------------------------------------------------------------------------------------------

FORM = """
connections:
  website:
    type: form
    signature: none
    allow_unsigned: true
    consent: [{field: news, channel: email, purpose: newsletter, wording: Send me news}]
"""


@pytest.fixture
def form():
    """A form to which somebody has posted."""
    Path("config").mkdir()
    Path("config/hub.yaml").write_text(FORM)
    store = opened("sqlite:///data/hub.db")
    consent = {"status": "granted", "at": "2026-01-01T00:00:00+00:00", "basis": "explicit", "source": "form website"}
    payload = {
        "family_name": "Quental",
        "emails": "q@example.org",
        "news": "on",
        "_received_at": "2026-01-01T00:00:00+00:00",
        "_consents": {"email|newsletter": {**consent, "wording": "Send me news"}},
    }
    StoreInbox(store).add([Arrival("website", "d1", datetime(2026, 1, 1, tzinfo=UTC), payload)])
    store.close()


def test_a_form_shows_what_was_posted_to_it(hub, form):
    answer = hub("check", "--show-values")

    assert answer.code == 0
    assert "Quental" in answer.out
    assert "no sample" not in answer.out


def test_of_a_consent_the_address_is_masked_and_not_what_it_is_for(hub, form):
    shown = hub("check").out

    assert "email|x@xxxxxxx.xxx|newsletter" in shown
    assert "granted" in shown
    assert "q@example.org" not in shown


def test_a_check_makes_no_store(hub):
    Path("config").mkdir()
    Path("config/hub.yaml").write_text(FORM)

    assert hub("check").code == 0
    assert not Path("data").exists()


def test_a_form_that_could_send_no_mail_is_an_error_with_its_place_and_the_next_step(hub):
    Path("config").mkdir()
    Path("config/hub.yaml").write_text(FORM + "    double_opt_in: true\n")

    found = hub("check")
    [said] = json.loads(hub("check", "--json").out)["connections"]

    assert found.code == 2 and "not usable" in found.out
    assert "hub.yaml:8: connections.website.double_opt_in: " in said["error"]
    assert "mail and web.url are not set. Set them, or take `double_opt_in` out" in said["error"]

"""Double opt-in on its whole way: form, mail by a real server, link, confirmation, golden record and history."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest

from hub.config import HubConfig, load_config
from hub.connectors.form_settings import FormSettings
from hub.errors import ConfigError
from hub.optin.asking import MOST_A_DAY, PAUSE_SECONDS
from hub.optin.opening import lacks, open_opt_ins
from hub.store import opt_in, parked
from hub.store.db import Store
from hub.store.gauges import StoreGauges
from hub.store.lists import ParkedFilter
from hub.sync import desk
from hub.sync.allowed import allowed
from tests.optin.world import ANN, BROWSER, FORM, GIVEN, KEY, WORDING, World, link, text, token


def by_mail(world: World) -> str:
    return next(each.verdict for each in allowed(world.golden()) if each.channel == "email")


def test_a_consent_waits_until_its_link_was_confirmed_and_then_reaches_record_and_history(world, server):
    answer = world.ask("POST", "/forms/website", data=ANN | {"form_language": "pt"}, headers=BROWSER)
    assert answer.headers["location"] == "/forms/website/thanks?lang=pt&mailed"
    assert "e-mail" in world.ask("GET", answer.headers["location"]).text
    world.take_in()
    assert world.golden()[KEY]["status"] == "pending"
    assert by_mail(world) == "asked"

    world.mail()
    (mail,) = server.got
    assert server.recipients == ["Ann@example.org"]
    assert "Confirme" in mail["subject"]
    assert WORDING["pt"] in text(mail)

    page = world.ask("GET", link(mail))
    assert page.status_code == 200
    assert WORDING["pt"] in unescape(page.text)
    world.hub.later(60)
    done = world.ask("POST", "/forms/website/confirm", data={"t": token(mail)})
    assert done.headers["location"] == "/forms/website/confirmed?lang=pt"
    assert world.rung == ["website"]
    world.take_in()

    consent = world.golden()[KEY]
    assert (consent["status"], consent["basis"], consent["wording"]) == ("granted", "explicit", WORDING["pt"])
    assert by_mail(world) == "yes"


def receipt(world) -> dict[str, Any]:
    with world.store.read() as tx:
        rows = tx.all("SELECT details FROM interaction WHERE kind = 'form.confirmed'")
    (row,) = rows
    return dict(json.loads(row[0])["receipt"])


def test_the_receipt_says_when_how_and_which_wording(world, server):
    world.ask("POST", "/forms/website", data=ANN)
    world.mail()
    world.hub.later(3600)
    world.ask("POST", "/forms/website/confirm", data={"t": token(server.got[0])})
    world.take_in()

    found = receipt(world)

    assert found["wordings"] == {"email|newsletter": "form website, wording v7 (en)"}
    assert (found["form"], found["language"], found["mails"]) == ("website", "en", 1)
    asked, confirmed = (datetime.fromisoformat(found[name]) for name in ("asked_at", "confirmed_at"))
    assert confirmed - asked == timedelta(seconds=3600)
    assert found["asked_from"] == found["confirmed_from"]  # one address, as a keyed hash
    assert "127.0.0.1" not in str(found)


def test_opening_the_link_confirms_nothing(world, server):
    world.ask("POST", "/forms/website", data=ANN)
    world.mail()

    for _ in range(3):
        assert world.ask("GET", link(server.got[0])).status_code == 200
    assert world.ask("HEAD", link(server.got[0])).status_code == 405

    assert world.askings() == [("mailed", 1)]


def test_a_second_click_is_harmless(world, server):
    world.ask("POST", "/forms/website", data=ANN)
    world.mail()

    answers = [world.ask("POST", "/forms/website/confirm", data={"t": token(server.got[0])}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert "confirmed" in world.ask("GET", link(server.got[0])).text
    assert len(world.hub.rows("SELECT 1 FROM inbox WHERE delivery_id LIKE 'confirmed:%'")) == 1


def test_a_link_that_expired_says_so_and_offers_a_new_one(world, server):
    world.ask("POST", "/forms/website", data=ANN)
    world.mail()
    world.hub.later(2 * 86_400 + 1)

    late = world.ask("GET", link(server.got[0]))
    refused = world.ask("POST", "/forms/website/confirm", data={"t": token(server.got[0])})
    assert (late.status_code, refused.status_code) == (410, 410)
    assert "/forms/website/confirm/again" in late.text
    assert world.askings() == [("mailed", 1)]

    world.ask("POST", "/forms/website/confirm/again", data={"t": token(server.got[0])})
    world.mail()
    assert len(server.got) == 2
    assert world.ask("POST", "/forms/website/confirm", data={"t": token(server.got[1])}).status_code == 303


def test_a_new_link_is_not_to_be_had_while_the_old_one_works(world, server):
    world.ask("POST", "/forms/website", data=ANN)
    world.mail()

    world.ask("POST", "/forms/website/confirm/again", data={"t": token(server.got[0])})
    world.mail()

    assert len(server.got) == 1


@pytest.mark.parametrize("wrong", ["", "x", "a.b.c", "A" * 22 + ".ffffffff." + "A" * 22, "A" * 500, "\x00", "é"])
def test_a_link_that_is_none_of_ours_confirms_nothing(world, wrong):
    assert world.ask("GET", "/forms/website/confirm", params={"t": wrong}).status_code == 404
    assert world.ask("POST", "/forms/website/confirm", data={"t": wrong}).status_code in (404, 422)
    assert world.ask("POST", "/forms/website/confirm/again", data={"t": wrong}).status_code in (200, 422)


def test_nobody_can_be_bombed_with_mails(world, server):
    for n in range(10):
        world.ask("POST", "/forms/website", data=ANN | {"given_name": f"Ann {n}", "emails": "ANN@example.org"})
        world.mail()
        world.hub.later(PAUSE_SECONDS + 1)

    assert len(server.got) == MOST_A_DAY
    assert len(world.hub.rows("SELECT 1 FROM inbox")) == 10

    world.hub.later(86_400)
    world.ask("POST", "/forms/website", data=ANN)
    world.mail()
    assert len(server.got) == MOST_A_DAY + 1


def test_two_mails_to_one_address_are_minutes_apart(world, server):
    for n in range(2):
        world.ask("POST", "/forms/website", data=ANN | {"given_name": f"Ann {n}"})
    world.mail()

    assert len(server.got) == 1


def test_a_delivery_that_comes_again_asks_once(world, server):
    for _ in range(3):
        world.ask("POST", "/forms/website", data=ANN | {"submission_id": "a" * 32})
    world.mail()

    assert len(server.got) == 1
    assert world.askings() == [("mailed", 1)]


def test_who_ticks_nothing_is_asked_nothing(world, server):
    world.ask("POST", "/forms/website", data={name: ANN[name] for name in ANN if name != "newsletter"})
    world.mail()

    assert server.got == []


@pytest.mark.parametrize(
    "address", ["", "ann", "ann@example.org, all@example.org", "ann@example.org\nBcc: x@example.org"]
)
def test_without_an_address_that_can_be_asked_nothing_is_consented(world, server, address):
    world.ask("POST", "/forms/website", data=ANN | {"emails": address})
    world.mail()
    world.take_in()

    assert server.got == []
    assert not [key for key in world.golden() if key.startswith("consents/")]


def test_somebody_else_s_request_takes_no_consent_away(world, server):
    world.ask("POST", "/forms/website", data=ANN)
    world.mail()
    world.ask("POST", "/forms/website/confirm", data={"t": token(server.got[0])})
    world.take_in()
    world.hub.later(3600)

    world.ask("POST", "/forms/website", data=ANN | {"note": "somebody who knows the address"})
    world.take_in()

    for (golden,) in world.hub.rows("SELECT fields FROM golden WHERE state = 'live'"):
        assert '"status":"pending"' not in golden


def test_spam_gets_no_mail_until_a_person_says_that_it_is_none(world, server):
    world.ask("POST", "/forms/website", data=ANN | {"homepage": "http://x.example"})
    world.take_in()
    world.mail()
    assert server.got == []
    (parked,) = world.hub.parked()
    assert (parked.stage, parked.reason) == ("spam", "the honeypot field was filled in")

    desk.retry(world.store, ParkedFilter(numbers=(parked.number,)), "eve")
    world.take_in()
    world.mail()

    assert world.hub.parked() == []
    assert world.golden()["given_name"] == "Ann"
    assert "homepage" not in str(world.golden())
    world.ask("POST", "/forms/website/confirm", data={"t": token(server.got[0])})
    world.take_in()
    assert world.golden()[KEY]["status"] == "granted"


def test_spam_is_forgotten_after_its_time_and_nothing_else_is(world):
    world.ask("POST", "/forms/website", data=ANN | {"homepage": "http://x.example"})
    world.take_in()
    with world.store.write() as tx:
        parked.park(tx, "website", [parked.Parked("x", "map", "another reason", "{}")], world.clock(), "r1")
        assert parked.forget_spam(tx, "website", world.clock()) == 0
        assert parked.forget_spam(tx, "website", world.clock() + 1) == 1

    assert [row.stage for row in world.hub.parked()] == ["map"]


def test_askings_are_forgotten_long_after_their_links(world):
    world.ask("POST", "/forms/website", data=ANN)
    with world.store.write() as tx:
        assert opt_in.prune(tx, world.clock() + 86_400 * 31) == 0
        assert opt_in.prune(tx, world.clock() + 86_400 * 33) == 1


def test_a_hub_that_cannot_send_the_mail_does_not_start(tmp_path):
    with pytest.raises(ConfigError, match=r"mail and web\.url"):
        open_opt_ins(HubConfig(), Store("sqlite://"), {"website": FORM}, lambda: 0.0, lambda _: None)


ASKING = """connections:
  website:
    type: form
    signature: none
    allow_unsigned: true
    consent: [{field: news, channel: email, purpose: newsletter, wording: Send me news}]
    double_opt_in: VALUE
"""
MAIL = "mail: {host: mail.example.org, from: hub@example.org}\n"
WEB = "web: {url: https://hub.example.org}\n"


@pytest.mark.parametrize(
    ("value", "more", "said"),
    [
        ("true", "", "mail and web.url are not set"),
        ("{valid: 2 days}", WEB, "and mail is not set"),
        ("{}", MAIL, "and web.url is not set"),
        ("true", MAIL + WEB, None),
        ("false", "", None),
        ("true\n    enabled: false", "", None),
    ],
)
def test_what_double_opt_in_needs_is_said_at_its_place_in_the_file(tmp_path, value, more, said):
    (tmp_path / "hub.yaml").write_text(ASKING.replace("VALUE", value) + more)
    found = lacks(load_config(tmp_path))

    assert list(found) == (["website"] if said else [])
    if said:
        place = f"{tmp_path / 'hub.yaml'}:7: connections.website.double_opt_in: sends mails with a link"
        assert found["website"].startswith(place)
        assert said in found["website"]


@pytest.mark.parametrize(
    "change",
    [{"consent": []}, {"double_opt_in": {"valid": "31 days"}}, {"double_opt_in": "yes"}],
)
def test_double_opt_in_needs_a_box_and_a_link_that_ends(change):
    with pytest.raises(ValueError, match=r"double_opt_in|30 days"):
        FormSettings.model_validate(GIVEN | change)


def test_spam_is_no_open_work_and_alarms_nobody(world):
    world.ask("POST", "/forms/website", data=ANN | {"homepage": "http://x.example"})
    world.take_in()

    assert [row.stage for row in world.hub.parked()] == ["spam"]
    assert StoreGauges(world.store, ["website"]).gauges()["website"].parked == 0

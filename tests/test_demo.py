"""The demo without its servers: who is where, the old shop's table, and a configuration that fits both."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from demo.cast import MEMBERS, PARTIES, make_cast
from demo.company import write_config
from demo.legacy import JUNK, Shop, code_of, seed_shop
from demo.servers import USERS, Server
from hub.config import HubConfig, connection_mapping, load_config
from hub.model import Record
from hub.opening import open_connector

CAST = make_cast()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    (tmp_path / "data").mkdir()
    shop = Shop(tmp_path / "data/shop.db")
    seed_shop(shop, CAST.shop, {each.number for each in CAST.listed})
    return shop


@pytest.fixture
def config(tmp_path: Path) -> HubConfig:
    tryton, mailman = (Server(name, f"http://127.0.0.1:1/{name}", 0, str(tmp_path / name)) for name in USERS)
    write_config(tmp_path, tryton, mailman, "manual", "http://127.0.0.1:2")
    return load_config(tmp_path / "config")


def rows_of(config: HubConfig) -> dict[str, Record]:
    with open_connector(config, "old_shop") as connector:
        items = [item for page in connector.pull(None) for item in page.items]
    assert all(isinstance(item, Record) for item in items)
    return {item.id: item for item in items if isinstance(item, Record)}


def test_the_people_are_the_same_every_time_and_enough_of_them() -> None:
    again = make_cast()

    assert again == CAST
    assert len(CAST.erp) == PARTIES
    assert len(CAST.listed) == MEMBERS


def test_those_whose_story_is_told_are_where_the_story_needs_them() -> None:
    erp, shop = ({each.number for each in group} for group in (CAST.erp, CAST.shop))
    listed = {each.number for each in CAST.listed}

    assert CAST.everywhere.number in erp & shop & listed
    assert CAST.leaver.number in erp & shop & listed
    assert CAST.subscriber.number in erp - shop - listed
    assert {CAST.two_edits.number, CAST.clash.number} <= erp & shop


def test_the_erp_knows_those_whose_story_is_told_by_a_name_of_their_own() -> None:
    told = (CAST.everywhere, CAST.leaver, CAST.subscriber, CAST.two_edits, CAST.clash)
    names = Counter(each.name for each in CAST.erp)

    assert [names[each.name] for each in told] == [1] * len(told)


def test_of_the_person_who_is_everywhere_only_the_newsletter_and_the_shop_know_the_email() -> None:
    [party] = [each for each in CAST.erp if each.number == CAST.everywhere.number]

    assert party == replace(CAST.everywhere, email="", mobile="", landline=party.landline)


def test_the_old_table_is_padded_latin1(shop: Shop) -> None:
    with closing(sqlite3.connect(shop.path)) as base:
        base.text_factory = bytes
        names = [row[0] for row in base.execute("SELECT NOME FROM CLIENTES")]

    assert {len(name) for name in names} == {40}
    assert any(b"\xc3" in name and b"\xc3\x83" not in name for name in names)  # Ã as one byte


def test_a_change_in_the_old_table_moves_its_change_time(shop: Shop) -> None:
    before = shop.row(code_of(CAST.clash))

    shop.change(code_of(CAST.clash), SITE="https://example.org")

    after = shop.row(code_of(CAST.clash))
    assert after["SITE"] == "https://example.org"
    assert after["FMOD"] > before["FMOD"]


def test_every_row_of_the_old_table_is_read(shop: Shop, config: HubConfig) -> None:
    assert len(rows_of(config)) == shop.count() > len(CAST.shop) + len(JUNK)


def test_only_junk_and_one_consent_without_an_address_cannot_be_mapped(shop: Shop, config: HubConfig) -> None:
    mapping = connection_mapping(config, "old_shop")

    lost = {id_: mapping.inward(record).problems for id_, record in rows_of(config).items()}

    real = [problem for id_, problems in lost.items() if int(id_) < 9000 for problem in problems]
    assert 1 <= len(real) <= 3
    assert all("without an address" in problem.reason for problem in real)
    assert sum(len(problems) for id_, problems in lost.items() if int(id_) >= 9000) >= 3


def test_secrets_are_references_to_files_that_only_their_owner_can_read(config: HubConfig) -> None:
    text = (config.folder / "hub.yaml").read_text()
    files = sorted((config.folder / "secrets").iterdir())

    assert [file.name for file in files] == ["mailman", "tryton"]
    assert all(f"file:secrets/{file.name}" in text and file.read_text() not in text for file in files)
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_the_form_and_the_list_speak_of_the_same_consent(config: HubConfig) -> None:
    [box] = config.connections["website"].settings["consent"]
    record = Record("ann@example.org", {"email": "ann@example.org", "subscribed": "yes"})

    mapped = connection_mapping(config, "newsletter").inward(record)

    assert f"consents/{box.get('channel', 'email')}|ann@example.org|{box['purpose']}" in mapped.fields


def test_leaving_by_the_form_is_a_refusal(config: HubConfig) -> None:
    record = Record("1", {"emails": "ann@example.org", "unsubscribe": "yes"})

    mapped = connection_mapping(config, "website").inward(record)

    assert mapped.fields["consents/email|ann@example.org|newsletter"]["status"] == "denied"

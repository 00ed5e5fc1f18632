"""Held runs decided in part in a real browser: first syncs, what was read, what is missing; refused writes too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from hub.access.rights import Role
from hub.store import parked
from hub.store.db import loads
from tests.cli.desk import Desk
from tests.web.console.browser import CHROMIUM, chromium, served, window
from tests.web.console.rig import Look, looked_at

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")

PHONE = {"width": 390, "height": 800}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@contextmanager
def looking(browser: Browser, path: str, **options: object) -> Iterator[tuple[Page, Look]]:
    with looked_at(Path("config").absolute()) as look:
        look.role = Role.ADMINISTRATOR
        with served(look) as address, window(browser, address, **options) as page:
            page.goto(path)
            page.wait_for_load_state()
            yield page, look


def people(desk: Desk, *names: str) -> None:
    for name in names:
        desk.type_in("crm", name, "Silva", f"{name}@example.org".lower())


def limited(limits: str) -> None:
    config = Path("config/hub.yaml")
    config.write_text(config.read_text().replace("  crm:\n", f"  crm:\n    limits: {limits}\n"))


def known() -> list[str]:
    with looked_at(Path("config").absolute()) as look, look.console.world.store.read() as tx:
        return sorted(loads(row[0])["given_name"] for row in tx.all("SELECT fields FROM golden WHERE state = 'live'"))


def choose(page: Page, *names: str) -> None:
    for name in names:
        page.locator("tr[data-row]", has_text=name).get_by_role("checkbox").first.check()


def picture(page: Page, name: str) -> None:
    """Where somebody wants to look at it."""
    if folder := os.environ.get("HUB_TEST_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def sound(page: Page) -> bool:
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []


def test_of_a_first_sync_some_rows_are_taken_in_and_the_others_wait(desk, browser):
    people(desk, "Ana", "Bela", "Caio")
    desk("sync", "crm")
    with looking(browser, "/holds/1") as (page, _):
        expect(page.get_by_text("goes on by itself when every row is decided")).to_be_visible()
        choose(page, "Ana")
        picture(page, "first")
        page.keyboard.press("A")
        page.wait_for_load_state()
        expect(page.locator("tr[data-row]", has_text="Ana").first.get_by_text("approved")).to_be_visible()
        assert sound(page)
    desk("sync", "crm")
    assert known() == ["Ana"]

    with looking(browser, "/holds/1", viewport=PHONE, color_scheme="dark") as (page, _):
        expect(page.locator("tr[data-row]", has_text="Bela").first).to_be_visible()
        expect(page.locator("tr[data-row]", has_text="Ana")).to_have_count(0)
        choose(page, "Bela")
        picture(page, "first-phone-dark")
        page.get_by_role("button", name="Refuse them").click()
        page.wait_for_load_state()
        choose(page, "Caio")
        page.get_by_role("button", name="Approve the chosen rows").click()
        page.wait_for_load_state()
        expect(page.get_by_role("button", name="Ask again about what was refused")).to_be_visible()
        picture(page, "first-decided-phone-dark")
    desk("sync", "crm")
    assert known() == ["Ana", "Caio"]


def test_of_what_was_read_one_kind_is_decided_and_what_was_refused_is_asked_again(desk, browser):
    people(desk, "Ana")
    desk.sync("crm")
    limited("{creates: 1}")
    people(desk, "Bela", "Caio", "Dora")
    assert desk("sync", "crm").code == 1
    with looking(browser, "/holds/1?op=created") as (page, _):
        choose(page, "Bela")
        page.get_by_role("button", name="Refuse them").click()
        page.wait_for_load_state()
        page.get_by_role("link", name="a new contact").click()
        page.get_by_label("all 2 rows of this kind").check()
        picture(page, "intake")
        page.get_by_role("button", name="Approve the chosen rows").click()
        page.wait_for_load_state()
        assert sound(page)
    desk("sync", "crm")
    assert known() == ["Ana", "Caio", "Dora"]

    with looking(browser, "/holds/1") as (page, _):
        page.get_by_role("button", name="Ask again about what was refused").click()
        page.wait_for_load_state()
        expect(page.get_by_role("button", name="Ask again about what was refused")).to_have_count(0)
    desk("sync", "crm")
    assert known() == ["Ana", "Bela", "Caio", "Dora"]


def test_of_missing_records_some_are_gone_and_others_are_there(desk, browser):
    people(desk, "Ana", "Bela", "Caio", "Dora")
    desk.sync("crm")
    limited("{deletes: 1}")
    desk.sql("crm", "delete from people where first in ('Ana', 'Bela', 'Caio')")
    assert desk("sync", "crm", "--full").code == 1
    with looking(browser, "/holds/1") as (page, _):
        choose(page, "Ana")
        picture(page, "absence")
        page.get_by_role("button", name="Approve the chosen rows").click()
        page.wait_for_load_state()
        choose(page, "Bela", "Caio")
        page.get_by_role("button", name="Refuse them").click()
        page.wait_for_load_state()
        expect(page.locator("tr[data-row]", has_text="Bela").get_by_text("refused")).to_be_visible()
    for _ in range(2):
        desk("sync", "crm", "--full")

    with looked_at(Path("config").absolute()) as look, look.console.world.store.read() as tx:
        states = tx.all("SELECT state FROM record WHERE connection = 'crm' ORDER BY external_id")
    assert [state for (state,) in states] == ["gone", "live", "live", "live"]


def test_what_a_system_refused_is_put_right_on_the_contact(desk, browser):
    people(desk, "Ana")
    desk.sync()
    shown = desk.json("contacts", "find", "ana@example.org")["rows"][0]
    refused = parked.Parked(f"golden:{shown['id']}", "write", "invalid e-mail", '{"emails/ana@example.org":{}}')
    with looking(browser, "/parked") as (page, look):
        with look.console.world.store.write() as tx:
            parked.park(tx, "shop", [refused], 1_790_000_000.0, "r1")
        page.reload()
        page.get_by_role("link", name="shop:golden").first.click()
        page.wait_for_load_state()
        page.get_by_label("emails").fill("ana.silva@example.org")
        picture(page, "refused-write")
        assert sound(page)
        page.get_by_role("button", name="Correct the contact and try again").click()
        page.wait_for_load_state()
        assert look.begun == [("shop", False, "ann")]

    assert desk.json("contacts", "find", "ana.silva@example.org")["rows"][0]["id"] == shown["id"]

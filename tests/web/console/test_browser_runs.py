"""Runs, plans and what was set aside, in a real browser and by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from hub.store import changes, runs
from hub.store.runs import Progress, save_progress
from tests.cli.desk import Desk
from tests.web.console.browser import CHROMIUM, chromium, served, window
from tests.web.console.rig import Look, looked_at, small_company

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")


@dataclass
class Stage:
    look: Look
    browser: Browser
    address: str
    desk: Desk

    def window(self, **options: object):
        return window(self.browser, self.address, **options)

    @property
    def store(self):
        return self.look.console.world.store


@pytest.fixture
def stage(desk) -> Iterator[Stage]:
    small_company(desk)
    with looked_at(Path("config").absolute()) as look, served(look) as address, chromium() as browser:
        yield Stage(look, browser, address, desk)


def test_a_run_is_shown_while_it_runs_and_what_it_did_when_it_has_ended(stage):
    with stage.store.write() as tx:
        runs.start(tx, "r-live", "crm", stage.look.console.world.clock())
    with stage.window() as page:
        page.goto("/runs/r-live")
        expect(page.get_by_text("under way")).to_be_visible()
        with stage.store.write() as tx:
            save_progress(tx, "r-live", Progress("reading", 300, 1200, 5.0, 8.0, {"pulled": 300}))
        expect(page.get_by_text("300 of 1 200")).to_be_visible(timeout=10_000)
        expect(page.get_by_text("100 a second")).to_be_visible()
        with stage.store.write() as tx:
            changes.log(tx, [changes.Change(golden(tx), 9.0, "updated", "crm", '{"company":[null,"Acme"]}')], "r-live")
            runs.end(tx, "r-live", stage.look.console.world.clock(), "done", {"pulled": 1200}, None)

        expect(page.get_by_role("cell", name="company Acme")).to_be_visible(timeout=10_000)
        expect(page.get_by_text("under way")).to_have_count(0)


def golden(tx) -> str:
    return tx.one("SELECT id FROM golden WHERE state = 'live' LIMIT 1")[0]


def test_a_run_under_way_is_asked_to_stop(stage):
    with stage.store.write() as tx:
        runs.start(tx, "r-live", "crm", stage.look.console.world.clock())
    with stage.window() as page:
        page.goto("/runs/r-live")
        page.get_by_role("button", name="Stop after this page").click()

        expect(page.get_by_text("ann has asked it to stop")).to_be_visible()


def test_what_a_run_did_is_filtered(stage):
    with stage.window() as page:
        page.goto("/runs?connection=crm")
        page.get_by_role("link", name="20").last.click()
        page.get_by_label("What").select_option("created")
        page.get_by_label("Name, value, id or reason").fill("tavares")
        page.get_by_role("button", name="Show", exact=True).click()

        expect(page.get_by_role("link", name="Rui Tavares")).to_be_visible()
        expect(page.get_by_role("link", name="Ewa Nowak")).to_have_count(0)


def test_what_was_set_aside_is_corrected_and_tried_again_by_keyboard(stage):
    with stage.window() as page:
        page.goto("/parked")
        expect(page.get_by_role("heading", name="By reason")).to_be_visible()
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="crm:7")).to_be_visible()
        page.wait_for_load_state()
        page.keyboard.press("e")
        page.keyboard.press("Control+a")
        page.keyboard.type("bad.mail@example.org")
        page.keyboard.press("Enter")

        expect(page.get_by_text("Corrected by ann")).to_be_visible()
        expect(page.get_by_text("as it came: not an address")).to_be_visible()
        assert stage.look.begun == [("crm", False, "ann")]
    stage.desk.sync("crm")

    assert stage.desk.golden("bad.mail@example.org")


def test_one_correction_is_taken_for_all_of_a_reason(stage):
    for n in range(3):
        stage.desk.type_in("crm", "Same", f"Fault{n}", "unknown")
    stage.desk.sync("crm")
    with stage.window() as page:
        page.goto("/parked")
        page.get_by_role("link", name="not an email address").first.click()
        page.get_by_text("all 4 records of this list").click()
        page.get_by_text("One correction for all").click()
        page.get_by_label("Value that is meant").fill("info@example.org")
        page.get_by_role("button", name="Correct and try again").click()
        expect(page.get_by_text("to be tried again").first).to_be_visible()
        expect(page.get_by_text("to be tried again")).to_have_count(4)


@pytest.fixture
def held(stage) -> Stage:
    """Three contacts that wait to be made in the shop."""
    config = Path("config/hub.yaml")
    config.write_text(config.read_text().replace("  shop:\n", "  shop:\n    limits: {creates: 0}\n"))
    for n in range(3):
        stage.desk.type_in("crm", f"New{n}", "Person", f"new{n}@example.org")
    stage.desk.sync("crm")
    assert stage.desk("sync", "shop").code == 1
    return stage


def test_a_part_of_a_plan_is_approved_by_keyboard(held):
    with held.window() as page:
        page.goto("/holds")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Plan, by kind and field")).to_be_visible()
        page.wait_for_load_state()
        for key in ("j", "x", "j", "x", "A"):
            page.keyboard.press(key)
        expect(page.get_by_text("approved", exact=True)).to_have_count(2)
        expect(page.get_by_text("contacts made: 1")).to_be_visible()
    held.desk("sync", "shop")

    assert held.desk.sql("shop", "select first from people where first like 'New%' order by first") == [
        ("New0",),
        ("New1",),
    ]


def test_what_has_changed_since_is_named_and_shown_again(held):
    with held.window() as page:
        page.goto("/holds")
        page.get_by_role("link", name="20").first.click()
        held.desk.edit("crm:9", job="Director")
        held.desk.sync("crm")
        page.get_by_label("choose all on this page").check()
        page.get_by_role("button", name="Approve the chosen rows").click()

        expect(page.get_by_text("Rows 2 have changed since")).to_be_visible()
        expect(page.get_by_role("cell", name="Director")).to_be_visible()
        expect(page.get_by_text("approved", exact=True)).to_have_count(2)

"""The console in a real browser: by keyboard, on a phone, in the dark, and with hostile values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from hub.store import lists
from tests.web.console.browser import CHROMIUM, chromium, served, window
from tests.web.console.rig import Look, looked_at, small_company

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")
PHONE = {"width": 390, "height": 800}
PLACES = (
    "/",
    "/holds",
    "/reviews",
    "/conflicts",
    "/parked",
    "/contacts?q=example",
    "/connections",
    "/connections/crm",
    "/runs",
)


@dataclass
class Stage:
    look: Look
    browser: Browser
    address: str
    contact: str

    def window(self, **options: object):
        return window(self.browser, self.address, **options)


@pytest.fixture
def stage(desk) -> Iterator[Stage]:
    small_company(desk)
    with looked_at(Path("config").absolute()) as look:
        contact = re.search(r'href="(/contacts/[^"]+)"', look.get("/contacts/found?q=baker").text)[1]
        with served(look) as address, chromium() as browser:
            yield Stage(look, browser, address, contact)


def test_a_question_is_answered_and_taken_back_by_keyboard(stage):
    with stage.window() as page:
        page.goto("/reviews")
        page.keyboard.press("d")
        expect(
            page.get_by_text("There is no open question.").or_(page.get_by_text("That was the last one."))
        ).to_be_visible()
        assert state_of_question(stage.look) == "different"

        page.wait_for_load_state()  # keys are heard once the page's script is there
        page.keyboard.press("u")
        expect(page.get_by_role("button", name="Same")).to_be_visible()
        assert state_of_question(stage.look) in ("open", "withdrawn")


def state_of_question(look: Look) -> str:
    with look.console.world.store.read() as tx:
        return lists.asks(tx, state=None).rows[0].state


def test_conflicts_are_chosen_and_accepted_by_keyboard(stage):
    with stage.window() as page:
        page.goto("/conflicts")
        for key in ("j", "x", "a"):
            page.keyboard.press(key)
        expect(page.get_by_text("There is no conflict.")).to_be_visible()


def test_a_contact_is_found_while_one_types(stage):
    with stage.window() as page:
        page.goto("/contacts")
        page.get_by_role("searchbox").last.type("bak", delay=20)
        expect(page.get_by_role("link", name="Ann Baker")).to_be_visible()

        page.get_by_role("link", name="Ann Baker").click()
        expect(page.get_by_role("heading", name="Ann Baker")).to_be_visible()


def test_slash_leads_to_the_search_and_a_question_mark_shows_the_keys(stage):
    with stage.window() as page:
        page.goto("/runs")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        page.keyboard.press("/")
        page.keyboard.type("baker")
        page.keyboard.press("Enter")

        expect(page.get_by_role("link", name="Ann Baker")).to_be_visible()


def test_the_overview_keeps_up_with_what_happens(stage):
    with stage.window() as page:
        page.goto("/")
        tile = page.get_by_role("link", name=re.compile("Conflicts 1 oldest"))
        expect(tile).to_be_visible()
        with stage.look.console.world.store.write() as tx:
            tx.run("UPDATE conflict SET state = 'accepted'")

        expect(tile).to_have_count(0, timeout=15_000)


def test_the_language_is_switched(stage):
    with stage.window(locale="en-GB") as page:
        page.goto("/runs")
        page.get_by_text("ann", exact=True).click()
        page.get_by_label("Language").select_option("pl")
        page.get_by_role("button", name="Use").click()

        expect(page.get_by_role("heading", name="Przebiegi")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_fault_for_those_who_cannot_see_it_well(stage, scheme):
    with stage.window(color_scheme=scheme) as page:
        for place in (*PLACES, stage.contact):
            page.goto(place)
            found = Axe().run(page).response["violations"]

            assert [
                (place, f["id"], f["nodes"][0]["html"]) for f in found if f["impact"] in ("serious", "critical")
            ] == []


def test_nothing_is_wider_than_a_phone(stage):
    with stage.window(viewport=PHONE) as page:
        for place in (*PLACES, stage.contact):
            page.goto(place)
            wide = page.evaluate("document.documentElement.scrollWidth")

            assert wide <= PHONE["width"], place
        page.get_by_role("button", name="Menu").click()
        expect(page.get_by_role("link", name="Connections")).to_be_visible()


HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}"


def test_what_a_system_says_runs_nowhere(stage, desk):
    desk.type_in("crm", HOSTILE, '"><svg onload=alert(3)>', "eve@example.org", job="'-alert(4)-'")
    desk.sync("crm")
    stage.look.follow()
    with stage.window() as page:
        page.goto("/contacts?q=eve@example.org")
        page.get_by_role("link", name=re.compile("img src")).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(HOSTILE)
        page.goto("/runs")


def test_a_first_page_is_light(stage):
    with stage.window() as page:
        sizes: list[int] = []
        page.on("response", lambda answer: sizes.append(len(answer.body())))
        page.goto("/", wait_until="networkidle")

    assert sum(sizes) < 150_000

"""Deciding in a real browser: a rule proposed and saved, a stale correction, receipts, the picture for the app."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyotp
import pytest
import zxingcpp
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from hub.access.rights import Role
from hub.model import Interaction
from hub.sync import notes, people
from tests.web.access.rig import PASSWORD, Rig, made
from tests.web.console.browser import CHROMIUM, chromium, served, serving, window
from tests.web.console.rig import Look, looked_at, small_company
from tests.web.console.test_pages import conflict_of

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")


PHONE = {"width": 390, "height": 800}


@dataclass
class Stage:
    look: Look
    browser: Browser
    address: str

    @property
    def ann(self) -> str:
        return conflict_of(self.look).golden_id

    def window(self, **options: object):
        return window(self.browser, self.address, **options)


@pytest.fixture
def stage(desk) -> Iterator[Stage]:
    small_company(desk)
    with looked_at(Path("config").absolute()) as look:
        look.role = Role.ADMINISTRATOR
        with served(look) as address, chromium() as browser:
            yield Stage(look, browser, address)


def test_a_rule_is_tried_and_saved_by_keyboard(stage):
    row = conflict_of(stage.look)
    other = "shop" if row.claims[0]["connection"] == "crm" and row.claims[0]["value"] == row.winner else "crm"
    with stage.window() as page:
        page.goto(f"/conflicts/{row.number}")
        page.get_by_role("link", name="Would another rule do better?").click()
        page.get_by_role("link", name=f"order: {other}", exact=True).click()
        expect(page.get_by_role("heading", name="What would have been decided otherwise")).to_be_visible()
        expect(page.locator("pre")).to_contain_text(f"+    job_title: [{other}]")

        page.wait_for_load_state()
        page.keyboard.press("s")
        page.wait_for_url("**/conflicts/rules")

    assert f"job_title: [{other}]" in Path("config/hub.yaml").read_text()


def test_a_receipt_is_seen_with_who_knows_it(stage):
    call = Interaction("call-1", datetime(2026, 11, 1, 9, tzinfo=UTC), "call", "call.answered", "in")
    note = notes.Note(call, withdraws=frozenset({"email"}))
    notes.log(stage.look.console.world.hub(), stage.ann, note, "eve")
    with stage.window() as page:
        page.goto(f"/contacts/{stage.ann}")
        page.get_by_role("link", name="Consent with receipts").click()

        expect(page.get_by_role("heading", name="email · every purpose")).to_be_visible()
        expect(page.locator(".state", has_text="denied")).to_be_visible()
        expect(page.get_by_text("What it was before")).to_be_visible()
        expect(page.get_by_text("ann.baker@example.org").first).to_be_visible()


def test_a_stale_correction_loses_nothing_that_was_typed(stage):
    with stage.window(refused=409) as page:
        page.goto(f"/contacts/{stage.ann}/correct?field=job_title")
        people.pin(stage.look.console.world.hub(), stage.ann, "job_title", "Director", "eve")
        page.get_by_label("Value; empty removes it").fill("Head of all")
        with page.expect_response("**/pin") as answered:
            page.keyboard.press("Enter")

        assert answered.value.status == 409
        expect(page.get_by_role("alert")).to_contain_text("nothing was changed")
        expect(page.locator("ins", has_text="Director")).to_be_visible()
        expect(page.get_by_label("Value; empty removes it")).to_have_value("Head of all")
        page.get_by_role("button", name="Pin it all the same").click()
        page.wait_for_url(f"**/contacts/{stage.ann}")
        expect(page.get_by_text("Head of all").first).to_be_visible()


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {"viewport": PHONE}], ids=["light", "dark", "phone"])
def test_pages_are_accessible_and_as_wide_as_the_screen(stage, options):
    places = (
        *("/conflicts/rules", "/conflicts/rules/job_title?rule=shop", "/settings", "/about"),
        *(f"/contacts/{stage.ann}{part}" for part in ("", "/consent", "/correct", "/timeline")),
        f"/conflicts/{conflict_of(stage.look).number}",
    )
    with stage.window(**options) as page:
        for place in places:
            page.goto(place)
            found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
            assert [(place, v["id"]) for v in found if v["impact"] in ("serious", "critical")] == []
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), place


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_the_picture_for_the_app_is_read_and_its_code_taken(tmp_path, colours):
    with made(tmp_path) as rig, serving(rig.app) as address, chromium() as browser:
        rig.person()
        page = browser.new_context(base_url=address, color_scheme=colours).new_page()
        page.goto("/sign-in")
        page.get_by_label("Name").fill("ann")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/")
        page.goto("/me")
        page.get_by_role("button", name="Set up an app").click()
        expect(page.get_by_label("Code", exact=True)).to_be_visible()
        page.wait_for_load_state()

        read = picture_on(page)
        secret = read.partition("secret=")[2].partition("&")[0]
        assert read.startswith("otpauth://totp/contact%20hub:ann?")
        assert secret == page.locator(".mono").inner_text().replace(" ", "")
        page.get_by_label("Code", exact=True).fill(now_of(rig, secret))
        page.get_by_role("button", name="Confirm").click()
        expect(page.locator("li code, li").first).to_be_visible()
        assert rig.account().totp is not None


def picture_on(page: Page) -> str:
    """What a phone's camera reads from the screen."""
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(page.screenshot())))
    return found.text


def now_of(rig: Rig, secret: str) -> str:
    return pyotp.TOTP(secret).at(int(rig.clock()))

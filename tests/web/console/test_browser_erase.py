"""Erasing somebody in a real browser: by keyboard, and what axe says of the pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from hub.access.rights import Role
from tests.web.console.browser import CHROMIUM, chromium, served, window
from tests.web.console.rig import Look, looked_at, small_company

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")
PHONE = {"width": 390, "height": 800}


@pytest.fixture
def look(desk) -> Iterator[Look]:
    small_company(desk)
    with looked_at(Path("config").absolute()) as found:
        found.role = Role.ADMINISTRATOR
        yield found


def contact(look: Look) -> str:
    found = re.search(r'href="/contacts/([^"?]+)"', look.get("/contacts/found?q=baker").text)
    assert found is not None
    return found[1]


def is_accessible(page: Page) -> None:
    wrong = [each["id"] for each in Axe().run(page).response["violations"] if each["impact"] in ("serious", "critical")]
    assert wrong == []


@pytest.mark.parametrize("options", [{}, {"viewport": PHONE}, {"color_scheme": "dark"}])
def test_somebody_is_erased_by_keyboard_and_the_receipt_is_there(look, options):
    golden_id = contact(look)
    with served(look) as address, chromium() as browser, window(browser, address, **options) as page:
        page.goto(f"/contacts/{golden_id}")
        page.wait_for_load_state()
        page.get_by_role("link", name="Erase…").press("Enter")
        page.wait_for_url("**/erase")
        is_accessible(page)
        wide = page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert wide
        page.get_by_label(re.compile("to confirm")).fill(golden_id)
        page.keyboard.press("Enter")
        page.wait_for_url("**/erasures/*")
        expect(page.get_by_text("told by its next run").first).to_be_visible()
        is_accessible(page)
        page.goto("/erasures")
        page.wait_for_load_state()
        is_accessible(page)
        expect(page.get_by_role("heading", name="Erasures")).to_be_visible()

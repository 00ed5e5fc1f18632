"""Deciding in a real browser: a rule proposed and saved, a stale correction, receipts, the picture for the app."""

from __future__ import annotations

import io

import pyotp
import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Page, expect

from tests.web.access.rig import PASSWORD, Rig, made
from tests.web.console.browser import CHROMIUM, chromium, serving

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")


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

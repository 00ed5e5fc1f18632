"""The page of a form: where it is, who may show it, and lines that are copied; on a phone, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from hub.access.rights import Role
from tests.web.console.browser import CHROMIUM, chromium, served, window
from tests.web.console.rig import Look, looked_at

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

PHONE = {"width": 390, "height": 760}
FORMS = """
web: {url: https://hub.example.org}
connections:
  news:
    type: form
    signature: none
    allow_unsigned: true
    origins: [https://www.example.org, https://shop.example.org]
    title: {en: "Our </pre><b>newsletter</b>", pt: O nosso boletim}
    fields: [{name: emails, label: Email, type: email}]
    consent: [{field: news, purpose: newsletter, wording: Send me news}]
  linked:
    type: form
    signature: none
    allow_unsigned: true
  signed:
    type: form
    secret: env:FORM_SECRET
  files: {type: file, path: in/*.csv, key: id}
"""


@pytest.fixture
def forms(tmp_path, monkeypatch) -> Iterator[Look]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FORM_SECRET", "a" * 40)
    Path("config").mkdir()
    Path("config/hub.yaml").write_text(FORMS)
    with looked_at(Path("config").absolute()) as look:
        look.role = Role.VIEWER
        yield look


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def test_a_form_says_where_it_is_and_who_may_show_it(forms):
    shown = forms.get("/connections/news").text

    assert "<code>https://hub.example.org/forms/news</code>" in shown
    assert "<code>https://www.example.org</code>, <code>https://shop.example.org</code>" in shown
    assert "https://hub.example.org/forms/news/embed.js" in shown
    assert "</pre><b>" not in shown


def test_a_form_that_names_no_site_has_no_lines_for_a_script(forms):
    shown = forms.get("/connections/linked").text

    assert "none is named" in shown and "embed.js" not in shown
    assert "action=&#34;https://hub.example.org/forms/linked&#34;" in shown


def test_a_signed_form_is_on_no_page_and_shows_no_secret(forms):
    shown = forms.get("/connections/signed").text

    assert "deliveries are signed" in shown and "https://hub.example.org/forms/signed" in shown
    assert "a" * 40 not in shown and "data-copies" not in shown


def test_what_is_no_form_shows_none(forms):
    assert "/forms/" not in forms.get("/connections/files").text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_lines_are_copied_by_a_button(forms, browser, scheme):
    with served(forms) as address, window(browser, address, viewport=PHONE, color_scheme=scheme) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.goto("/connections/news")
        button = page.get_by_role("button", name="Copy").first
        button.click()
        expect(page.get_by_text("Copied", exact=True)).to_be_visible()

        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith('<div data-hub-form="news"') and copied.rstrip().endswith("</script>")
        found = Axe().run(page).response["violations"]
        assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
        assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


def test_without_a_clipboard_they_are_chosen(forms, browser):
    with served(forms) as address, window(browser, address) as page:
        page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
        page.goto("/connections/news")
        page.get_by_role("button", name="Copy").first.click()

        expect(page.get_by_text("Ctrl+C")).to_be_visible()
        assert page.evaluate("getSelection().toString()").startswith("<div data-hub-form")

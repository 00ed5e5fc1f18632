"""Forms in a real browser: on a site of another origin by the script, on the hub's page without script, on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect
from starlette.responses import HTMLResponse

from hub.connectors.form_settings import ConsentBox, FormField, FormSettings
from hub.connectors.form_texts import LABELS, WORDS
from hub.web.form_snippet import plain_form, script_lines
from tests.web.console.browser import CHROMIUM, chromium, serving
from tests.web.intake_rig import Rig

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

PHONE = {"width": 390, "height": 760}
WORDING = {"en": "Send me the newsletter <b>now</b>.", "pt": "Quero receber o boletim."}
FIELDS = (
    FormField(name="given_name", label=LABELS["given_name"], autocomplete="given-name"),
    FormField(name="emails", label=LABELS["emails"], type="email", required=True, autocomplete="email"),
    FormField(name="note", label={"en": "Message", "pt": "Mensagem"}, type="textarea"),
)


@dataclass
class Site:
    """A site of another origin, with a strict policy of its own, that shows a form of the hub."""

    address: str
    hub: str
    rig: Rig
    body: str = ""
    lang: str = "en"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@contextmanager
def shown(named: bool = True) -> Iterator[Site]:
    app, site = FastAPI(), Site("", "", Rig({}))

    @app.get("/")
    async def page() -> HTMLResponse:
        text = f'<!doctype html><html lang="{site.lang}"><title>A site</title><main><h1>A site</h1>{site.body}</main>'
        allowed = "".join(f"; {what} {site.hub}" for what in ("script-src", "connect-src", "form-action"))
        policy = f"default-src 'none'; style-src 'self'{allowed}"
        return HTMLResponse(text, headers={"Content-Security-Policy": policy})

    with serving(app) as address:
        form = FormSettings(
            signature="none",
            allow_unsigned=True,
            fields=FIELDS,
            honeypot="homepage",
            origins=(address if named else "https://www.example.org",),
            title={"en": "Our newsletter", "pt": "O nosso boletim"},
            consent=(ConsentBox(field="newsletter", purpose="newsletter", wording=WORDING),),
        )
        site.rig = Rig({"news": form})
        with serving(site.rig.app) as hub:
            site.address, site.hub = address, hub
            site.body = script_lines(hub, "news", form, "en").replace(' data-lang="en"', "")
            yield site


@contextmanager
def opened(browser: Browser, **options: object) -> Iterator[Page]:
    context = browser.new_context(**options)  # type: ignore[arg-type]
    try:
        yield context.new_page()
    finally:
        context.close()


def sound(page: Page) -> list[str]:
    """What axe finds serious."""
    found = Axe().run(page).response["violations"]
    return [each["id"] for each in found if each["impact"] in ("serious", "critical")]


def is_wide(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def test_a_form_is_shown_and_sent_on_another_site_with_its_own_policy(browser):
    with shown() as site, opened(browser) as page:
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(site.address)
        page.get_by_label("Email").wait_for()
        assert page.locator("b").count() == 0  # markup in a wording is text
        site.rig.now += timedelta(seconds=30)

        page.get_by_label("First name").fill("Ann")
        page.get_by_role("button").click()
        expect(page.get_by_role("status")).to_have_text(WORDS["en"]["check"])
        expect(page.get_by_text(WORDS["en"]["empty"])).to_be_visible()
        expect(page.get_by_label("Email")).to_be_focused()

        page.keyboard.type("ann@example.org")
        page.get_by_label("Send me the newsletter").check()
        assert sound(page) == []
        page.get_by_role("button").click()
        expect(page.get_by_role("status")).to_contain_text("Your message has arrived")

        (stored,) = site.rig.inbox.payloads
        assert (stored["given_name"], stored["emails"]) == ("Ann", "ann@example.org")
        assert stored["_shown"] == {"language": "en", "page": site.address}
        assert "_spam" not in stored
        assert wrong == []
        assert page.context.cookies() == []


def test_the_site_s_language_is_the_form_s(browser):
    with shown() as site, opened(browser) as page:
        site.lang = "pt"
        page.goto(site.address)

        expect(page.get_by_label(WORDING["pt"])).to_be_visible()


def test_what_the_hub_refuses_is_said_beside_the_form_and_nothing_is_lost(browser):
    with shown() as site, opened(browser) as page:
        page.goto(site.address)
        page.get_by_label("Email").fill("no address")
        page.get_by_role("button").click()

        expect(page.get_by_text(WORDS["en"]["no_email"])).to_be_visible()
        expect(page.get_by_label("Email")).to_have_value("no address")
        assert site.rig.inbox.payloads == []


def test_a_site_that_is_not_named_shows_the_link_only(browser):
    with shown(named=False) as site, opened(browser) as page:
        with page.expect_console_message(lambda said: "could not be shown" in said.text):
            page.goto(site.address)

        assert page.locator("form").count() == 0
        expect(page.get_by_role("link", name="Our newsletter")).to_be_visible()


def test_a_plain_form_on_a_site_leads_to_the_hub_s_thanks(browser):
    with shown() as site, opened(browser, java_script_enabled=False) as page:
        site.body = plain_form(site.hub, "news", site.rig.forms["news"], "pt")
        page.goto(site.address)
        page.get_by_label("E-mail").fill("ann@example.org")
        page.get_by_role("button").click()

        page.wait_for_url(re.compile(r"/thanks\?lang=pt$"))
        assert site.rig.inbox.payloads[0]["emails"] == "ann@example.org"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_hub_s_page_works_on_a_phone_and_keeps_what_was_written(browser, scheme):
    with shown() as site, opened(browser, viewport=PHONE, color_scheme=scheme) as page:
        page.goto(f"{site.hub}/forms/news?lang=pt")
        assert sound(page) == []
        assert not is_wide(page)
        page.locator("form").evaluate("form => form.noValidate = true")
        page.get_by_label("Nome próprio").fill("Zoë " * 20)
        page.get_by_label("E-mail").fill("zoe")
        page.get_by_role("button").click()

        expect(page.get_by_text(WORDS["pt"]["no_email"])).to_be_visible()
        expect(page.get_by_label("Nome próprio")).to_have_value("Zoë " * 20)
        assert sound(page) == []
        assert not is_wide(page)
        site.rig.now += timedelta(seconds=30)
        page.get_by_label("E-mail").fill("zoe@example.org")
        page.get_by_role("button").click()
        page.wait_for_url(re.compile(r"/thanks\?lang=pt$"))
        assert len(site.rig.inbox.payloads) == 1


def test_the_page_works_without_script(browser):
    with shown() as site, opened(browser, java_script_enabled=False) as page:
        page.goto(f"{site.hub}/forms/news")
        site.rig.now += timedelta(seconds=30)
        page.get_by_label("Email").fill("zoe@example.org")
        page.get_by_label("Send me the newsletter").check()
        page.get_by_role("button").click()

        page.wait_for_url(re.compile(r"/thanks\?lang=en$"))
        assert "email|newsletter" in site.rig.inbox.payloads[0]["_consents"]

"""The desk in a real browser: opened by a telephony program, worked by keyboard, on a phone, in the dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from hub.sync import history
from tests.web.console.browser import CHROMIUM, chromium, served, window
from tests.web.console.rig import looked_at, small_company
from tests.web.console.test_browser import PHONE, Stage

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")
SHARED = "+351912000001"


@pytest.fixture
def stage(desk) -> Iterator[Stage]:
    small_company(desk)
    desk.type_in("shop", "Zoe", "Quint", "zoe@example.org", tel=SHARED)
    desk.sync("shop")
    with looked_at(Path("config").absolute()) as look:
        look.follow()
        with served(look) as address, chromium() as browser:
            yield Stage(look, browser, address, "")


def test_what_calls_never_stands_in_an_address_that_is_sent(stage):
    with stage.window() as page:
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url))
        page.goto("/desk#phone=+351912000001")
        expect(page.get_by_role("heading", name="Ann Baker")).to_be_visible()

        assert page.url.endswith("/desk")
        assert [url for url in sent if "912000001" in url] == []


def test_the_next_call_opens_in_the_same_window(stage):
    with stage.window() as page:
        page.goto("/desk#mail=zoe@example.org")
        expect(page.get_by_role("heading", name="Zoe Quint")).to_be_visible()
        page.wait_for_load_state()
        page.goto("/desk#mail=maria@example.org")
        expect(page.get_by_role("heading", name="Maria Costa")).to_be_visible()


def test_a_call_is_written_down_by_keyboard(stage):
    with stage.window() as page:
        page.goto("/desk#phone=912000001")
        expect(page.get_by_role("heading", name="Ann Baker")).to_be_visible()
        page.wait_for_load_state()
        names = page.locator("article h2").all_inner_texts()
        page.keyboard.press(str(names.index("Ann Baker") + 1))
        page.keyboard.type("asked for the invoice")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status").filter(has_text="Written down")).to_be_visible()
        expect(page.get_by_text("asked for the invoice")).to_be_visible()

        page.wait_for_load_state()
        page.keyboard.press("f")
        page.keyboard.type("zoe@example.org")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Zoe Quint")).to_be_visible()


def test_a_form_that_is_sent_twice_is_one_note(stage):
    with stage.window() as page:
        page.goto("/desk?mail=zoe@example.org")
        page.get_by_label("Subject").fill("called twice")
        page.evaluate("""() => {
            const form = document.querySelector("form.note");
            const send = () => fetch(form.action, {method: "POST", body: new URLSearchParams(new FormData(form))});
            return Promise.all([send(), send(), send()]);
        }""")
        zoe = page.locator("article h2 a").get_attribute("href").removeprefix("/contacts/")
    with stage.look.console.world.store.read() as tx:
        assert [event.summary for event in history.timeline(tx, zoe).rows] == ["called twice"]


def test_no_more_calls_and_a_follow_up_show_at_once(stage):
    with stage.window() as page:
        page.goto("/desk?mail=zoe@example.org")
        page.get_by_label("Subject").fill("wants no calls")
        page.get_by_text("Follow-up, another time, no more calls or mails").click()
        page.get_by_label("Follow up by").fill("2026-12-24")
        page.get_by_label("Calls").check()
        page.get_by_role("button", name="Write down").click()
        expect(page.locator(".chip.no").filter(has_text="Calls")).to_be_visible()
        expect(page.get_by_text("2026-12-24")).to_be_visible()

        page.get_by_role("button", name="Close wants no calls").click()
        expect(page.get_by_text("2026-12-24")).to_have_count(0)


PLACES = ("/desk", f"/desk?phone=%2B{SHARED[1:]}", "/desk?phone=913999888", "/desk?mail=zoe@example.org")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_desk_has_no_serious_fault_for_those_who_cannot_see_it_well(stage, scheme):
    with stage.window(color_scheme=scheme) as page:
        for place in PLACES:
            page.goto(place)
            page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
            found = Axe().run(page).response["violations"]

            assert [
                (place, f["id"], f["nodes"][0]["html"]) for f in found if f["impact"] in ("serious", "critical")
            ] == []


def test_the_desk_is_no_wider_than_a_phone(stage):
    with window(stage.browser, stage.address, viewport=PHONE) as page:
        for place in PLACES:
            page.goto(place)
            page.locator("main details").evaluate_all("all => all.forEach(one => one.open = true)")

            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], place

"""The mapping table in a real browser: typed, seen, saved, taken by the next run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from hub.access.rights import RIGHTS, Actor, Role
from hub.config import load_config
from hub.host import Host
from hub.running import open_store
from hub.web.guard import LOCAL_COOKIE
from hub.worker.setting import LogForm
from tests.cli.desk import Desk
from tests.web.console.browser import CHROMIUM, chromium, served, window
from tests.web.console.rig import SESSION, Look, looked_at, small_company

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")
PLACE = "/connections/crm/mapping"
RUN_SECONDS = 60  # runs are made in a process of their own, which starts slowly on a busy machine
PHONE = {"width": 390, "height": 800}
COMMENTED = """# Who we know at the CRM.
fields:
  given_name: first      # as they type it
  family_name: last
  emails: mail
  phones: [{from: tel, label: mobile}]
  job_title: job   # sometimes empty
"""


@dataclass
class Stage:
    look: Look
    browser: Browser
    address: str

    def window(self, **options: object) -> AbstractContextManager[Page]:
        return window(self.browser, self.address, **options)


@pytest.fixture
def stage(desk) -> Iterator[Stage]:
    small_company(desk)
    Path("config/people.yaml").write_text(COMMENTED)
    desk.sync("crm", "shop")
    with looked_at(Path("config").absolute()) as look:
        look.role = Role.ADMINISTRATOR
        with served(look) as address, chromium() as browser:
            yield Stage(look, browser, address)


def settled(page: Page) -> None:
    """The part of the page that was exchanged hears what is typed into it."""
    page.wait_for_load_state("networkidle")
    expect(page.locator(".htmx-request, .htmx-added, .htmx-swapping, .htmx-settling")).to_have_count(0)


def opened(page: Page) -> None:
    """With the records read, which happens by itself."""
    page.goto(PLACE)
    expect(page.get_by_text("All sample records map as they do")).to_be_visible(timeout=15_000)
    settled(page)


def test_a_transform_is_added_seen_saved_and_taken_by_the_next_run(stage, desk):
    with stage.window() as page:
        opened(page)
        expect(page.locator("#cell-f-1")).to_contain_text("Baker → Baker")

        page.get_by_role("button", name="add a transform to row 2").click()
        expect(page.get_by_label("transform 1")).to_be_visible()
        settled(page)
        page.get_by_label("transform 1").select_option("upper")
        expect(page.locator("#cell-f-1")).to_contain_text("Baker → BAKER")
        expect(page.get_by_text("sample records map otherwise")).to_be_visible()

        page.get_by_role("button", name="Review what changes s").click()
        expect(page.get_by_text("with: [upper]")).to_be_visible()
        page.get_by_role("button", name="Count over up to").click()
        expect(page.get_by_text(re.compile(r"Of the first 8 records, 8 map otherwise"))).to_be_visible()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved.")).to_be_visible()

    text = Path("config/people.yaml").read_text()
    assert [line for line in text.splitlines() if "#" in line] == [c for c in COMMENTED.splitlines() if "#" in c]
    desk.sync("crm")
    assert family_name(desk) == "BAKER"


@pytest.fixture
def host(desk) -> Iterator[Host]:
    """`hub run` over the same company."""
    small_company(desk)
    Path("config/people.yaml").write_text(COMMENTED)
    desk.sync("crm", "shop")
    hub = Path("config/hub.yaml")
    hub.write_text(re.sub("full_every: 1 second", "full_every: never\n    schedule: manual", hub.read_text()))
    hub.write_text(hub.read_text() + "web: {port: 0}\n")
    config = load_config(Path("config").absolute())
    store = open_store(config)
    running = Host(config, store, LogForm(as_json=False, level="INFO"))
    running.start()
    try:
        yield running
    finally:
        running.stop(10)
        store.close()


def signed_in(host: Host) -> None:
    """An administrator, also after a configuration was taken in."""
    actor = Actor("ann", RIGHTS[Role.ADMINISTRATOR], "a1", SESSION, fresh=True)
    host.service.app.state.identify = lambda request: actor if LOCAL_COOKIE in request.cookies else None


def ended_runs(page: Page) -> int:
    return page.locator("tr[data-row]").filter(has_text=" s").count()


def family_name(desk: Desk) -> str:
    return desk.json("contacts", "find", "baker")["rows"][0]["fields"]["family_name"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_hub_that_runs_takes_a_saved_mapping_and_maps_all_records_anew_when_asked(host, desk):
    signed_in(host)
    with chromium() as browser, window(browser, host.web.url) as page:
        opened(page)
        page.get_by_role("button", name="add a transform to row 2").click()
        expect(page.get_by_label("transform 1")).to_be_visible()
        settled(page)
        page.get_by_label("transform 1").select_option("upper")
        expect(page.locator("#cell-f-1")).to_contain_text("Baker → BAKER")
        settled(page)
        page.get_by_role("button", name="Review what changes s").click()
        page.get_by_role("button", name="Save").click()
        page.wait_for_url(re.compile("/sign-in|saved=yes"))
        anew = page.get_by_role("button", name="Read all records anew now")
        until = monotonic() + RUN_SECONDS
        while not anew.count() and monotonic() < until:  # not before the configuration was taken in
            signed_in(host)
            page.goto(f"{PLACE}?saved=yes")
        anew.click()
        page.wait_for_url(re.compile("/connections/crm$"))
        before = ended_runs(page)
        while ended_runs(page) == before and monotonic() < until:
            page.wait_for_timeout(500)
            page.reload()
    assert family_name(desk) == "BAKER"


def test_the_preview_follows_while_one_types_and_keeps_the_cursor(stage):
    with stage.window() as page:
        opened(page)
        field = page.locator("#f-4-from")
        field.click()
        field.press("End")
        field.type("x", delay=20)
        expect(page.locator("#cell-f-4")).to_contain_text("says nothing")
        expect(field).to_be_focused()
        expect(page.get_by_role("cell", name="job_title").last).to_be_visible()

        field.press("Backspace")
        expect(page.locator("#cell-f-4")).to_contain_text("Head of buying")


def test_a_mistake_stands_at_its_row_while_one_types(stage):
    with stage.window() as page:
        opened(page)
        page.locator("#f-0-from").fill("a..b")
        expect(page.locator("#wrong-f-0")).to_contain_text("not a path")

        page.locator("#f-0-from").fill("first")
        expect(page.locator("#wrong-f-0")).to_have_text("")


def test_another_record_is_looked_at(stage):
    with stage.window() as page:
        opened(page)
        page.get_by_label("Record").select_option(index=1)

        expect(page.locator("#cell-f-1")).to_contain_text("Tavares")


def test_rows_are_added_by_keyboard_and_unmapped_fields_by_a_button(stage):
    with stage.window() as page:
        opened(page)
        page.get_by_role("button", name="ignore id").click()
        expect(page.get_by_role("button", name="ignore id")).to_have_count(0)
        settled(page)
        page.locator("main").focus()
        page.keyboard.press("a")
        expect(page.locator("#f-5-name")).to_be_visible()
        settled(page)
        page.locator("#f-5-name").fill("addresses")
        page.locator("#f-5-name").press("Tab")
        expect(page.locator("#f-5-part_street")).to_be_visible()


@pytest.mark.parametrize("options", [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"viewport": PHONE}])
def test_nobody_is_kept_from_it(stage, options):
    with stage.window(**options) as page:
        opened(page)
        for details in page.locator("details:not(.person)").all():
            details.evaluate("element => { element.open = true; }")
        found = Axe().run(page).response["violations"]
        assert [(f["id"], f["nodes"][0]["html"]) for f in found if f["impact"] in ("serious", "critical")] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]

        page.get_by_role("button", name="Review what changes s").click()
        page.wait_for_load_state("networkidle")
        found = Axe().run(page).response["violations"]
        assert [(f["id"], f["nodes"][0]["html"]) for f in found if f["impact"] in ("serious", "critical")] == []


HOSTILE = "<img src=x onerror=alert(1)>{{7*7}}"


def test_what_a_system_holds_runs_nowhere(stage, desk):
    desk.edit("crm:1", first=HOSTILE, job='"><svg onload=alert(3)>')
    with stage.window() as page:
        opened(page)

        expect(page.locator("#cell-f-0")).to_contain_text(HOSTILE)

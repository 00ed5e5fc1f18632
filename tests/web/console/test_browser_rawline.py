"""Lines that could not be read, put right in a real browser: one as it is typed, many by a rule; a domain in many."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from hub.access.rights import Role
from hub.rereading import put_right
from hub.store import lists
from hub.store.lists import ParkedFilter, ParkedRow
from tests.cli.desk import Desk
from tests.web.console.browser import CHROMIUM, chromium, served, window
from tests.web.console.rig import Look, looked_at

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")

PHONE = {"width": 390, "height": 800}
HOSTILE = "<script>alert(1)</script>\"'{{7*7}}"
LINES = [
    "id,given_name,family_name,emails,company",
    "c1,Ann,Baker,ann.baker@example.org,Acorn",
    "c2,Rui,Tavares,rui.tavares@example.org,Boavista, Lda,",
    f"c3,{HOSTILE},Nowak,ewa@example.org,,",
    "c4,Luís,Açores,luis@example.org,Ilha,",
    "c5,Max,Fox,max@example.org,Fox & Sons,",
]
ODD = [f"d{n},José,Núñez,jose{n}@example.org,Señales".encode("cp1252") for n in range(1, 31)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def lines(hub) -> Desk:
    """Lines with too many values, thirty in another encoding, and two contacts with a domain that is none."""
    desk = Desk(hub)
    config = Path("config/hub.yaml")
    config.write_text(config.read_text() + "  members: {type: file, path: 'members*.csv', key: id}\n")
    Path("members.csv").write_text("\n".join([*LINES, ""]), encoding="utf-8")
    Path("members-old.csv").write_bytes(b"\n".join([LINES[0].encode(), *ODD, b""]))
    desk.type_in("crm", "Ida", "Moss", "ida@gmial,com")
    desk.type_in("crm", "Eva", "Lind", "eva@gmial,com")
    desk.sync("members", "crm")
    return desk


@contextmanager
def looking(browser: Browser, path: str, **options: object) -> Iterator[tuple[Page, Look]]:
    with looked_at(Path("config").absolute()) as look:
        look.role = Role.OPERATOR
        with served(look) as address, window(browser, address, **options) as page:
            page.goto(path)
            page.wait_for_load_state()
            yield page, look


def parked(**more: str) -> dict[str, ParkedRow]:
    with looked_at(Path("config").absolute()) as look, look.console.world.store.read() as tx:
        return {row.external_id: row for row in lists.parked(tx, ParkedFilter(**more), lists.Part(100)).rows}


def picture(page: Page, name: str) -> None:
    """Where somebody wants to look at it."""
    if folder := os.environ.get("HUB_TEST_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def sound(page: Page) -> bool:
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []


def names(look: Look) -> set[str]:
    with look.console.world.store.read() as tx:
        return {row[0] for row in tx.all("SELECT external_id FROM record WHERE connection = 'members'")}


def test_a_line_is_put_right_as_it_is_typed_by_keyboard(lines, browser):
    number = parked()["members.csv line 5"].number
    with looking(browser, f"/parked/{number}") as (page, look):
        text = page.get_by_role("textbox", name="The text as it is meant")
        expect(text).to_have_value("c4,Luís,Açores,luis@example.org,Ilha,")
        expect(page.locator("#outcome")).to_contain_text("has 6 fields where the header has 5")
        picture(page, "line")
        page.keyboard.press("e")
        expect(text).to_be_focused()
        page.keyboard.press("Control+End")
        page.keyboard.press("Backspace")
        expect(page.locator("#outcome")).to_contain_text("It can be read: record c4.")
        expect(page.locator("#outcome")).to_contain_text("Açores")
        assert sound(page)
        picture(page, "line-read")
        text.evaluate("element => element.blur()")
        page.keyboard.press("s")
        page.wait_for_load_state()
        expect(page.locator(".state.resolved")).to_be_visible()
        expect(page.get_by_text("Put right by ann")).to_be_visible()
        picture(page, "line-done")
        page.get_by_role("link", name="The contact").click()
        expect(page.get_by_role("heading", name="Luís Açores")).to_be_visible()
        assert "c4" in names(look)
    assert "members.csv line 5" not in parked()


def test_what_is_wrong_is_said_and_nothing_typed_is_lost(lines, browser):
    number = parked()["members.csv line 5"].number
    with looking(browser, f"/parked/{number}") as (page, look):
        page.get_by_role("textbox").first.wait_for()
        with window_refused(browser, look, number, 422) as typing:
            two = "c4,Luís,Açores,luis@example.org,Ilha\nc9,More,Than,one@example.org,"
            typing.get_by_label("The text as it is meant").fill(two)
            expect(typing.locator("#outcome")).to_contain_text("more than one line")
            typing.get_by_role("button", name="Put right and take in").click()
            typing.wait_for_load_state()
            expect(typing.get_by_role("alert")).to_contain_text("It still cannot be read")
            expect(typing.get_by_label("The text as it is meant")).to_have_value(two)
            picture(typing, "line-wrong")
        with window_refused(browser, look, number, 422) as typing:
            typing.get_by_label("The text as it is meant").fill("  ")
            expect(typing.locator("#outcome")).to_contain_text("empty")
            typing.get_by_role("button", name="Put right and take in").click()
            expect(typing.get_by_role("alert")).to_contain_text("The text is empty")
        assert names(look) == {"c1"}


@contextmanager
def window_refused(browser: Browser, look: Look, number: int, status: int) -> Iterator[Page]:
    with served(look) as address, window(browser, address, refused=status) as page:
        page.goto(f"/parked/{number}")
        page.wait_for_load_state()
        yield page


def test_who_comes_second_sees_what_is_now_and_keeps_what_was_typed(lines, browser):
    number = parked()["members.csv line 5"].number
    with looking(browser, f"/parked/{number}", refused=409) as (page, look):
        world = look.console.world
        put_right(world.config, world.store, number, "c4,Luis,Acores,luis@example.org,", "bob", world.clock(), None)
        page.get_by_label("The text as it is meant").fill("c4,Mine,Own,luis@example.org,Ilha")
        page.get_by_role("button", name="Put right and take in").click()
        page.wait_for_load_state()
        expect(page.get_by_role("alert")).to_contain_text("put right by bob")
        expect(page.get_by_label("The text as it is meant")).to_have_value("c4,Mine,Own,luis@example.org,Ilha")
        picture(page, "line-second")


def test_a_hostile_line_is_text_and_nothing_else(lines, browser):
    number = parked()["members.csv line 4"].number
    for options in ({}, {"color_scheme": "dark"}, {"viewport": PHONE}):
        with looking(browser, f"/parked/{number}", **options) as (page, _):
            page.get_by_label("The text as it is meant").fill(
                f"c3,{HOSTILE.replace(chr(34), '')},Nowak,ewa@example.org,"
            )
            expect(page.locator("#outcome")).to_contain_text("<script>alert(1)</script>'{{7*7}}")
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            assert sound(page)
            picture(page, f"hostile-{'-'.join(map(str, options)) or 'light'}")


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {"viewport": PHONE}], ids=["light", "dark", "phone"])
def test_thirty_lines_are_read_again_in_another_encoding(lines, browser, options, request):
    name = request.node.callspec.id
    because = parked()["d1"].reason
    with looking(browser, "/parked?stage=read", **options) as (page, look):
        page.goto(f"/parked?connection=members&stage=read&because={because}")
        page.get_by_role("checkbox", name="all 30 records").check()
        page.get_by_text("One rule for the texts").click()
        page.get_by_label("Read again as").select_option("cp1252")
        picture(page, f"rule-{name}")
        page.get_by_role("button", name="See what becomes of them").first.click()
        page.wait_for_load_state()
        expect(page.get_by_text("30 texts would be read.")).to_be_visible()
        expect(page.locator("tbody tr")).to_have_count(20)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert sound(page)
        picture(page, f"rule-preview-{name}")
        page.keyboard.press("s")
        page.wait_for_url("**/parked")
        assert len(names(look)) == 31
    assert len(parked(stage="read")) == 4


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {"viewport": PHONE}], ids=["light", "dark", "phone"])
def test_a_domain_is_put_right_in_all_that_are_chosen(lines, browser, options, request):
    name = request.node.callspec.id
    with looking(browser, "/parked?stage=value", **options) as (page, look):
        for box in page.locator("tr[data-row]").get_by_role("checkbox").all():
            box.check()
        page.get_by_text("The domain of e-mail addresses").click()
        page.get_by_label("Behind the @").fill("gmial,com")
        page.get_by_label("is meant", exact=True).fill("gmail.com")
        page.get_by_role("button", name="See what becomes of them").last.click()
        page.wait_for_load_state()
        expect(page.get_by_text("2 records set aside have such an address.")).to_be_visible()
        expect(page.get_by_text("ida@gmail.com")).to_be_visible()
        assert sound(page)
        picture(page, f"domain-{name}")
        page.keyboard.press("s")
        page.wait_for_url("**/parked")
        assert look.begun == [("crm", False, "ann")]
    lines.sync("crm")
    assert parked(stage="value") == {}

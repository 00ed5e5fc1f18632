"""A connection is added, tried, saved and seen to run, in a browser before `hub run` itself."""

import re
from pathlib import Path

import pytest

from hub.access.rights import Role
from hub.config import load_config
from hub.host import Host
from hub.running import open_store
from hub.web.guard import LOCAL_COOKIE
from hub.worker.setting import LogForm
from tests.cli.test_run import eventually
from tests.web.console.browser import CHROMIUM, chromium, served, window
from tests.web.console.test_setup import admin, file

__all__ = ["admin"]

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture
def host(admin):
    """`hub run` over the same company; who is signed in is the administrator of the rig."""
    text = file().read_text()
    file().write_text(re.sub(r"(full_every: 1 second)", r"\1\n    schedule: manual", text) + "\nweb: {port: 0}\n")
    config = load_config(file().parent)
    store = open_store(config)
    running = Host(config, store, LogForm(as_json=False, level="INFO"))
    running.start()
    try:
        yield running
    finally:
        running.stop(10)
        store.close()


def signed_in(host, admin):
    host.service.app.state.identify = lambda request: admin.actor(request) if LOCAL_COOKIE in request.cookies else None


def test_a_file_is_added_tried_saved_and_run(host, admin, caplog):
    signed_in(host, admin)
    with chromium() as browser, window(browser, host.web.url) as page:
        page.goto("/connections")
        page.keyboard.press("a")
        page.wait_for_url("**/add-one")
        page.fill("input[name=find]", "files somebody")
        page.wait_for_selector("#kinds a[href$='/file']")
        page.click("#kinds a[href$='/file']")
        page.wait_for_load_state()
        page.fill("#name", "fair")
        page.fill("[id='s.path']", "nowhere/*.csv")
        page.click("button[value=test]")
        page.wait_for_selector("text=it does not work yet")
        page.fill("[id='s.path']", "in/*.csv")
        page.fill("[id='c.schedule']", "every 1 second")
        page.click("button[value=test]")
        page.wait_for_selector("text=ana.lima@example.org")
        assert "fair" not in load_config(file().parent).connections
        before = host.service
        page.click("button[value=save]")
        # Where it takes long to come into use the form stays and says so; and the new one may not know yet who asks.
        page.wait_for_url(re.compile(r"connections/fair($|\?)|setup\?saved=1|sign-in"))
        page.wait_for_load_state()
        assert eventually(lambda: host.service is not before, 30)
        signed_in(host, admin)
        page.goto("/connections/fair")
        page.wait_for_selector("h1:has-text('fair')")
        assert _says(page, "first sync waits"), page.inner_text("main")
        assert eventually(lambda: "run held: The first sync stops at its plan" in caplog.text, 60)

    assert load_config(file().parent).connections["fair"].settings == {"path": "in/*.csv"}


def _says(page, text):
    """Looked at again and again, as a person would."""
    for _ in range(60):
        if page.locator(f"text={text}").count():
            return True
        page.wait_for_timeout(500)
        page.reload()
    return False


def test_what_is_typed_survives_mistakes_a_late_save_and_a_secret(admin):
    with served(admin) as address, chromium() as browser, window(browser, address) as page:
        page.goto("/connections/add-one/listmonk")
        page.fill("#name", "news")
        page.fill("[id='s.url']", "https://news.example.org")
        page.fill("[id='s.user']", "hub")
        page.fill("[id='s.list']", "3")
        page.fill("[id='typed.s.secret']", "kept-while-it-is-wrong")
        page.fill("[id='c.schedule']", "often")
        page.click("button[value=save]")
        page.wait_for_selector("text=One thing is not right")
        page.fill("[id='c.schedule']", "manual")
        page.click("button[value=save]")
        page.wait_for_url(re.compile("/connections/news"))

        page.goto("/connections/news/setup")
        file().write_text(file().read_text().replace("schedule: manual", "schedule: every 9 minutes"))
        page.fill("[id='c.schedule']", "every 7 minutes")
        page.locator("h1").click()
        page.keyboard.press("s")
        page.wait_for_selector("text=Yours against what is saved now")
        assert page.input_value("[id='c.schedule']") == "every 7 minutes"
        page.click("button[value=save]")
        page.wait_for_url(re.compile("saved=1"))

    assert "every 7 minutes" in file().read_text()
    assert "sealed:NEWS_SECRET" in file().read_text()
    assert "kept-while-it-is-wrong" not in file().read_text()


def test_pages_fit_a_phone_and_axe_finds_nothing_serious(admin):
    from axe_playwright_python.sync_playwright import Axe

    paths = ("/connections/add-one", "/connections/add-one/sql", "/connections/crm/setup", "/connections/crm/remove")
    with served(admin) as address, chromium() as browser:
        for options in ({"viewport": {"width": 390, "height": 760}}, {"color_scheme": "dark"}):
            with window(browser, address, **options) as page:
                for path in paths:
                    page.goto(path)
                    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                    assert wide <= 0, path
                    if path.endswith("setup"):
                        page.click("button[value=look]")
                        page.wait_for_selector("text=What changes in hub.yaml")
                    found = Axe().run(page).response["violations"]
                    serious = [each["id"] for each in found if each["impact"] in ("serious", "critical")]
                    assert serious == [], (path, found)


def test_without_scripts_the_form_comes_back_as_it_was(admin):
    with served(admin) as address, chromium() as browser, window(browser, address, java_script_enabled=False) as page:
        page.goto("/connections/add-one/file")
        page.fill("#name", "fair")
        page.fill("[id='s.path']", "in/*.csv")
        page.click("button[value=test]")
        assert page.input_value("#name") == "fair"
        assert page.input_value("[id='s.path']") == "in/*.csv"
        page.click("button[value=save]")
        page.wait_for_url(re.compile("/connections/fair"))

    assert "fair" in load_config(Path("config").absolute()).connections


def test_read_only_there_is_nothing_to_save_with(admin):
    file().write_text(file().read_text() + "\nweb: {edit: false}\n")
    object.__setattr__(admin.console.world, "config", load_config(file().parent))
    admin.role = Role.ADMINISTRATOR
    with served(admin) as address, chromium() as browser, window(browser, address) as page:
        page.goto("/connections/crm/setup")
        assert page.locator("button[value=save]").is_disabled()
        page.fill("[id='c.schedule']", "manual")
        page.click("button[value=look]")
        page.wait_for_selector("text=schedule: manual")

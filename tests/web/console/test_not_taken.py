"""A changed configuration that has a mistake is not in use: every page says so, and why to whom it may be told."""

import httpx
import pytest

from hub.access.rights import Role
from hub.secrets import resolve
from hub.web.guard import LOCAL_COOKIE
from tests.cli.test_run import eventually
from tests.web.console.rig import SESSION
from tests.web.console.test_browser_setup import host
from tests.web.console.test_setup import admin, file

__all__ = ["admin", "host"]

BANNER = "hub.yaml was changed and is not in use"
OTHERS = "An administrator sees why."
PATHS = ("/", "/connections", "/connections/crm", "/connections/crm/mapping", "/runs")
PLAIN = "hunter2-hunter2"
KNOWN = "a-secret-that-was-looked-up"


@pytest.fixture
def seen(host, admin):
    """A page of `hub run`, as somebody with this role sees it."""

    def look(role, path):
        admin.role = role
        host.service.app.state.identify = admin.actor
        answer = httpx.get(host.web.url + path, cookies={LOCAL_COOKIE: SESSION}, headers={"accept": "text/html"})
        assert answer.status_code == 200
        return answer.text

    return look


def with_one_more(text, settings):
    return text.replace("connections:\n", f"connections:\n  fair: {settings}\n", 1)


def refused(host, text):
    file().write_text(text)
    before = host._answered
    host.ask()
    assert eventually(lambda: host._answered > before, 30)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (f"{{type: form, secret: {PLAIN}}}", "a secret stands here itself"),
        (f"{{type: {KNOWN}}}", "there is no type"),
        ("{type: file, path: in/*.csv, schedule: often}", "fair.schedule"),
    ],
)
def test_who_may_configure_is_told_the_reason_others_only_that_there_is_one(host, seen, monkeypatch, wrong, reason):
    monkeypatch.setenv("FAIR_KEY", KNOWN)
    assert resolve("env:FAIR_KEY", file().parent) == KNOWN
    right = file().read_text()
    refused(host, with_one_more(right, wrong))

    for path in PATHS:
        told = seen(Role.ADMINISTRATOR, path)
        assert BANNER in told and reason in told and OTHERS not in told
        for role in (Role.OPERATOR, Role.VIEWER):
            hinted = seen(role, path)
            assert BANNER in hinted and OTHERS in hinted
            assert reason not in hinted and "connections.fair" not in hinted, path
            assert PLAIN not in hinted and KNOWN not in hinted
        assert PLAIN not in told and KNOWN not in told

    refused(host, right)
    assert BANNER not in seen(Role.ADMINISTRATOR, "/connections")

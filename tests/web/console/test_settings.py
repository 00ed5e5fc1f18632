"""Settings and about: what the hub runs with and is, and nothing of it for who may not know."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hub import __version__
from hub.access.rights import Role
from hub.config import HubConfig
from hub.config.load import load_config
from hub.config.shown import settings
from hub.web.console.settings import SHIPPED, used

CANARY = "canary-5b1f"
YAML = """
default_region: PT
golden: {rules: {tax_id: latest}}
access:
  idle: 30 minutes
  oidc: {issuer: https://login.example.org, client_id: hub, client_secret: env:SETTINGS_CANARY}
web: {url: https://hub.example.org}
events:
  tool: {url: https://tool.example.org/hooks/canary-5b1f, secrets: [env:SETTINGS_CANARY]}
"""


@pytest.fixture
def config(tmp_path, monkeypatch) -> HubConfig:
    monkeypatch.setenv("SETTINGS_CANARY", CANARY)
    (tmp_path / "hub.yaml").write_text(YAML)
    return load_config(tmp_path)


def test_every_setting_stands_with_its_value_and_what_it_is_for(config):
    found = {s.key: s for part in settings(config).values() for s in part}

    assert found["default_region"].value == "PT"
    assert (found["access.idle"].value, found["access.idle"].is_default) == ("30 minutes", False)
    assert (found["access.longest"].value, found["access.longest"].is_default) == ("12 hours", True)
    assert found["golden.rules.tax_id"].value == "latest"
    assert all(s.meaning for s in found.values() if s.key.startswith("access."))


def test_secrets_are_shown_by_reference_and_addresses_of_webhooks_by_their_host(config):
    found = {s.key: s.value for part in settings(config).values() for s in part}

    assert found["access.oidc.client_secret"] == "env:SETTINGS_CANARY"
    assert found["events.tool.url"] == "https://tool.example.org/…"
    assert CANARY not in str(found)


def test_an_administrator_sees_what_the_hub_runs_with(look):
    look.role = Role.ADMINISTRATOR

    shown = look.get("/settings").text

    for text in ("sqlite", "schema", "default_region", "every 15 minutes", "crm", "shop"):
        assert text in shown


def test_settings_are_for_who_may_configure_and_about_is_for_everybody_signed_in(look):
    for role in (Role.VIEWER, Role.AGENT, Role.OPERATOR):
        look.role = role
        assert look.get("/settings").status_code == 403
        assert __version__ in look.get("/about").text


def test_who_is_not_signed_in_learns_no_version(look):
    look.role = None

    answers = [look.get(path) for path in ("/about", "/settings", "/sign-in", "/healthz", "/readyz", "/nothing")]

    assert all(__version__ not in answer.text + str(answer.headers) for answer in answers)


def test_files_of_others_are_named_with_the_version_that_is_shipped():
    root = Path(__file__).parents[3]
    shipped = (root / "hub/web/static/htmx.min.js").read_text()

    (htmx,) = SHIPPED
    assert re.search(r'version:"([^"]+)"', shipped)[1] == htmx.version
    assert htmx.version in (root / "NOTICE").read_text()


def test_packages_are_named_with_their_licences():
    found = {part.name.lower(): part for part in used()}

    assert {"fastapi", "sqlalchemy", "uvicorn"} <= found.keys()
    assert [part.name for part in found.values() if not part.licence] == []
    assert "pytest" not in found

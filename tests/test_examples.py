"""Every example of the documentation passes what `hub check` asks before a system is reached."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from demo.rolodex import Rolodex
from hub.config import connection_mapping, load_config
from hub.config.models import HubConfig
from hub.connectors.rest.draft import draft
from hub.document import parse_document
from hub.mapping.spec import load_mapping
from hub.opening import open_connector
from hub.optin.opening import lacks

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
TEXTS = {
    "secrets/tap-acorn.json": "{}",
    "secrets/target-acorn.json": "{}",
    "layouts/client.cpy": "       01 CLIENT.\n          05 CLIENT-ID PIC 9(8).\n          05 NAME PIC X(30).\n",
}
"""Files that examples name and that are read before any system is reached, beside mappings and secrets."""
WEBHOOK_SECRET = "whsec_" + "c2VjcmV0" * 4
BEFORE = {
    "web": {"url": "https://hub.example.org"},
    "mail": {"host": "smtp.example.org", "from": "hub@example.org"},
}
"""What pages say that their examples need, where it is shown on another page."""


@dataclass(frozen=True)
class Example:
    page: Path
    line: int
    text: str

    @property
    def indent(self) -> int:
        return len(self.text) - len(self.text.lstrip(" "))

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = parse_document(dedent(self.text), f"{self.page.name}:{self.line}").data
        return found

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def _examples() -> Iterator[Example]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in BLOCK.finditer(text):
            yield Example(page, text.count("\n", 0, found.start()) + 1, found[1])


EXAMPLES = list(_examples())
SERVICES = [
    each for each in EXAMPLES if each.indent == 0 and {"service", "webhooks", "children", "written"} & each.data.keys()
]
MAPPINGS = [each for each in EXAMPLES if each.indent == 0 and {"fields", "consents"} & each.data.keys()]
HUB = [each for each in EXAMPLES if each not in SERVICES and each not in MAPPINGS]
ACORN = next(each for each in SERVICES if "service" in each.data)


def _connections(example: Example) -> dict[str, dict[str, Any]]:
    """Those of the example, whole: what an indented or partial one leaves out is in the first of its page."""
    first = next(
        (each.data["connections"] for each in HUB if each.page == example.page and "connections" in each.data), {}
    )
    base = dict(next(iter(first.values()), {}))
    if example.indent == 4:
        signed = base.get("type") == "form" and "secret" in example.data
        return {"example": {**({"type": "form"} if signed else base), **example.data}}
    if example.indent == 2:
        return example.data
    found = example.data.get("connections", {})
    return {name: each if "type" in each else _elsewhere(name) | each for name, each in found.items()}


def _elsewhere(name: str) -> dict[str, Any]:
    """The connection of this name on another page."""
    for each in HUB:
        told = each.data.get("connections", {}) if each.indent == 0 else {}
        if "type" in told.get(name, {}):
            return dict(told[name])
    raise AssertionError(f"no page has a whole example of {name}")


def _config(example: Example, folder: Path, monkeypatch: pytest.MonkeyPatch) -> HubConfig:
    whole = example.data if example.indent == 0 else {}
    data = {**BEFORE, **whole, "connections": _connections(example)}
    data["web"] = {**BEFORE["web"], **data["web"]}
    text = yaml.safe_dump(data, allow_unicode=True, sort_keys=False)
    for name in re.findall(r"env:([A-Z0-9_]+)", text):
        monkeypatch.setenv(name, WEBHOOK_SECRET if "type: form" in text else "key-us21")
    for name in re.findall(r"file:(secrets/\w+)", text):
        _write(folder / name, _private_key())
    for name in re.findall(r"mapping: (\S+)", text):
        _write(folder / name, "fields: {given_name: NOMBRE}\n")
    for name, content in TEXTS.items():
        _write(folder / name, content)
        _write(folder.parent / name, content)
    _write(folder / "services" / "rolodex.yaml", draft(Rolodex().app.openapi(), "rolodex"))
    _write(folder / "hub.yaml", text)
    return load_config(folder)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)


def _private_key() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


@pytest.mark.parametrize("example", HUB, ids=str)
def test_a_configuration_of_the_documentation_is_valid(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _config(example, tmp_path / "config", monkeypatch)

    assert lacks(config) == {}
    for name in config.connections:
        connection_mapping(config, name)
        with open_connector(config, name) as connector:
            assert connector.can is not None


@pytest.mark.parametrize("example", MAPPINGS, ids=str)
def test_a_mapping_of_the_documentation_is_valid(example: Example) -> None:
    load_mapping(example.data, where=str(example), default_region="PT")


@pytest.mark.parametrize("example", SERVICES, ids=str)
def test_a_service_file_of_the_documentation_is_valid(example: Example, tmp_path: Path) -> None:
    told = example.data
    settings = {**ACORN.data["settings"], **told.get("settings", {})}
    record = {**ACORN.data["record"], **told.get("record", {})}
    service = {**ACORN.data, **told, "settings": settings, "record": record}
    _write(tmp_path / "services" / "acorn.yaml", json.dumps(service))
    _write(tmp_path / "hub.yaml", "connections: {a: {type: acorn, region: eu, secret: env:ACORN}}\n")

    assert load_config(tmp_path).connections["a"].type == "acorn"


def test_every_kind_of_example_is_among_them() -> None:
    assert len(HUB) >= 58
    assert {each.page.stem for each in HUB} >= {"README", "sql", "form", "tutorial", "operations", "access", "api"}
    assert len(MAPPINGS) >= 4
    assert len(SERVICES) >= 4

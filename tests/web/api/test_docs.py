"""The examples of docs/api.md are true."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub.access.rights import Role
from hub.client import Client
from hub.config import HubConfig
from hub.web.api.routes import PREFIX, describe, router
from hub.web.problems import KIND, KINDS
from hub.web.server import serve

PAGE = (Path(__file__).parents[3] / "docs/api.md").read_text(encoding="utf-8")
REQUESTS = re.findall(r"```http\n(.*?)\n→ (\d+)\n(.*?)```", PAGE, re.DOTALL)


def test_every_example_answers_as_the_page_says(api):
    api.follow()
    api.role = Role.ADMINISTRATOR
    ann = api.one("ann baker")
    etag = api.get(f"/contacts/{ann}").headers["etag"]
    shop = api.get("/connections/shop/configuration").headers["etag"]
    assert len(REQUESTS) == PAGE.count("```http") >= 8
    for asked, status, shown in REQUESTS:
        first, *rest = asked.replace("{contact}", ann).replace("{etag}", etag).replace("{shop}", shop).splitlines()
        method, path = first.split(" ")
        headers = dict(line.split(": ", 1) for line in rest if re.match(r"[A-Z][A-Za-z-]+: ", line))
        body = next((json.loads(line) for line in rest if line.startswith("{")), None)
        answer = api.ask(method, path.removeprefix(PREFIX), headers=headers, json=body)

        assert (first, answer.status_code) == (first, int(status))
        is_like(json.loads(shown), answer.json(), first)


def is_like(shown: Any, got: Any, where: str) -> None:
    """Every name that is shown is there; what is shown as "", 0 or empty may be anything of its type."""
    if isinstance(shown, Mapping):
        assert isinstance(got, Mapping), where
        assert shown.keys() <= got.keys(), where
        for name, value in shown.items():
            is_like(value, got[name], f"{where} {name}")
    elif isinstance(shown, list) and shown:
        assert got, where
        for one, other in zip(shown, got, strict=False):
            is_like(one, other, where)
    elif shown in ("", 0, []):
        assert type(got) is type(shown), where
    else:
        assert got == shown, where


@pytest.mark.parametrize("where", ["docs/api.md"])
def test_the_example_in_python_runs(api, where):
    [code] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    serving = serve(api.app, port=0)
    try:
        exec(compile(code.replace("http://127.0.0.1:8080", serving.url), where, "exec"), {})
        with Client(serving.url, "t") as hub:
            ann = hub.contact(api.one("ann baker"))
    finally:
        serving.stop()

    assert {pin["field"]: pin["value"] for pin in ann["pins"]} == {"job_title": "Director"}
    assert [each["summary"] for each in ann["last_interactions"]] == ["asked for the invoice"]


def test_the_example_of_a_configuration_is_one():
    [text] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)

    assert list(HubConfig.model_validate(yaml.safe_load(text)).events) == ["newsletter_tool"]


def test_every_kind_of_problem_and_every_resource_is_on_the_page():
    kinds = {kind for status, kind in KINDS.items() if status != 405}
    from hub.web.api.answers import _OF_ERROR

    named = kinds | {row[3] for row in _OF_ERROR} | {"key-used", "under-way"}
    paths = describe(router(None))["paths"]  # type: ignore[arg-type]  # routes look at it when they are asked

    assert sorted(kind for kind in named if f"`{kind}`" not in PAGE) == []
    assert KIND in PAGE
    assert sorted({path.split("/")[3] for path in paths} - set(re.findall(r"/([a-z-]+)", PAGE))) == []

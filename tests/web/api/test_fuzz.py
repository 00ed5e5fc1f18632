"""The API asked by what its own description allows, and by what it does not: never an error of the hub.

HUB_FUZZ_EXAMPLES sets how many requests of each operation: a few in CI, more by hand.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any, cast

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hub.access.rights import Role
from hub.web.api.routes import describe, router
from hub.web.api.world import World
from tests.web.api.rig import ADDRESS, Asking, asking

EXAMPLES = int(os.environ.get("HUB_FUZZ_EXAMPLES", "10"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
DESCRIBED = describe(router(cast("World", None)))  # routes look at the world when they are asked, not when made
SCHEMA = schemathesis.openapi.from_dict(DESCRIBED)
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations()}
MODES = {"allowed": schemathesis.GenerationMode.POSITIVE, "not allowed": schemathesis.GenerationMode.NEGATIVE}


@pytest.fixture(scope="module")
def api(company, tmp_path_factory) -> Iterator[Asking]:
    """One company for all operations: what one changes, the next meets."""
    folder = tmp_path_factory.mktemp("fuzz") / "company"
    shutil.copytree(company, folder)
    with asking(folder / "config") as found:
        found.follow()
        found.role = Role.ADMINISTRATOR
        yield found


def test_every_operation_is_asked():
    assert len(OPERATIONS) == sum(len(methods) for methods in DESCRIBED["paths"].values()) >= 35


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("label", OPERATIONS)
def test_an_operation_never_breaks_the_hub(api, label, mode):
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=OPERATIONS[label].as_strategy(generation_mode=MODES[mode]))
    def ask(case: Any) -> None:
        wanted = requests.Request(**case.as_transport_kwargs(base_url=ADDRESS)).prepare()
        content = wanted.body.encode() if isinstance(wanted.body, str) else wanted.body
        answer = api.ask(wanted.method, wanted.url, headers=dict(wanted.headers), content=content)
        case.validate_response(answer, checks=CHECKS)

    ask()

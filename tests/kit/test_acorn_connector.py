"""The contract suite on a connector that is right, as a person outside of this repository writes its test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hub.connectors.contract import Connector, Context
from hub.testing import Clock, ConnectorContract, System
from hub.testing.openapi import Description, Validated
from tests.kit.acorn import DESCRIPTION, KEY, Acorn
from tests.kit.connector import AcornConnector


class AcornSystem(System):
    """Acorn with its back door: the fake's own memory."""

    nobody = "c9999999"
    many = 250
    plenty = 10_000
    secrets = (KEY, "wrong-key-1")
    text = "name"
    optional = ("stage", "stage")
    choice = ("stage", "stage")
    kind: type[Connector] = AcornConnector

    def __init__(self) -> None:
        self.clock = Clock()
        self.acorn = Acorn(self.clock)
        self.network = Validated(self.acorn, Description(DESCRIPTION))
        self.made = 0
        self.connector = self.within(self.context())

    def within(self, context: Context, key: str = KEY) -> Connector:
        return self.kind(self.kind.Settings.model_validate({"secret": key}), context)

    def wrong_key(self) -> Connector:
        return self.within(self.context(), "wrong-key-1")

    def seed(self, count: int) -> list[str]:
        ids = []
        for _ in range(count):
            self.acorn.state["made"] += 1
            ids.append(f"c{self.acorn.state['made']:07}")
            self.acorn.contacts[ids[-1]] = {"id": ids[-1], "name": f"Ana {ids[-1]}", "stage": "lead", "key": "other"}
        return ids

    def edit(self, record_id: str) -> None:
        self.acorn.contacts[record_id]["stage"] = "client"

    def remove(self, record_id: str) -> None:
        del self.acorn.contacts[record_id]

    def new_fields(self) -> dict[str, Any]:
        self.made += 1
        return {"name": f"Rui {self.made}", "stage": "lead"}

    def edit_fields(self) -> dict[str, Any]:
        self.made += 1
        return {"name": f"Eva {self.made}"}

    def refused_fields(self) -> dict[str, Any]:
        return {"name": "Zé", "stage": "a stage that Acorn does not have"}

    def ignore_writes(self) -> None:
        self.acorn.ignoring = True


@pytest.fixture
def system() -> Iterator[AcornSystem]:
    yield AcornSystem()


class TestAcorn(ConnectorContract):
    thorough = True

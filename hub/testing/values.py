"""What becomes of texts on their way into a system and back."""

from __future__ import annotations

import unicodedata

import pytest

from hub.connectors.contract import Connector
from hub.model import Done, Op, Outcome, Record, Refused, Write
from hub.testing.system import System
from hub.testing.words import beside_the_point, done, needs, now, one

TEXTS = {
    "accents": "Zoë Ångström-Łódź Ñuñez",
    "emoji": "Ana 👩‍🚀 🇵🇹",
    "right to left": "שלום عربي Ana",
    "han": "山田 太郎",
    "quotes": 'O\'Neil "Bob" \\ <b>&amp; %s {x} ${y}',
    "looks like a number": "007",
    "looks like a formula": "=1+1",
    "looks like nothing": "null",
}


class Texts:
    """Checks that write `System.text`."""

    @pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
    def test_a_text_comes_back_as_it_was_written(self, system: System, connector: Connector, text: str) -> None:
        """Or it is refused; never something else."""
        [outcome] = written(system, connector, text)

        if not isinstance(outcome, Refused):
            assert same(shown(system, done([outcome])), text)

    @pytest.mark.parametrize("text", ["A\x00na", "Ana\ud800"], ids=["NUL", "half a character"])
    def test_a_text_that_no_system_can_hold_is_refused(self, system: System, connector: Connector, text: str) -> None:
        [outcome] = written(system, connector, text)

        assert isinstance(outcome, Refused), outcome
        assert text not in outcome.reason

    def test_a_very_long_text_is_refused_or_shown_as_stored(self, system: System, connector: Connector) -> None:
        [outcome] = written(system, connector, "long " * 20_000)

        assert isinstance(outcome, Refused | Done), outcome
        if isinstance(outcome, Done):
            record = done([outcome])
            assert record.fields[system.text] == shown(system, record)

    def test_none_empties_a_field(self, system: System, connector: Connector) -> None:
        needs(connector, "update")
        record_id = filled(system, connector).id

        [outcome] = connector.write([Write(Op.UPDATE, "hub:n1", record_id, {system.text: None})])

        if not isinstance(outcome, Refused):  # a field that must not be empty
            assert not done([outcome]).fields.get(system.text)
            assert not now(system, record_id).fields.get(system.text)

    def test_an_empty_text_empties_a_field(self, system: System, connector: Connector) -> None:
        needs(connector, "update")
        record_id = filled(system, connector).id

        [outcome] = connector.write([Write(Op.UPDATE, "hub:n2", record_id, {system.text: ""})])

        if not isinstance(outcome, Refused):
            assert not now(system, record_id).fields.get(system.text)

    def test_a_field_that_is_not_named_keeps_its_value(self, system: System, connector: Connector) -> None:
        needs(connector, "update")
        record = filled(system, connector)
        others = {name: value for name, value in system.edit_fields().items() if name != system.text}
        if not others:
            beside_the_point(f"{system.text} is the only field that is written")

        done(connector.write([Write(Op.UPDATE, "hub:n3", record.id, others)]))

        assert now(system, record.id).fields[system.text] == record.fields[system.text]


def written(system: System, connector: Connector, text: str) -> list[Outcome]:
    """The text in `System.text` of a record: of one that is there, or else of a new one."""
    needs(connector, "create", "update")
    assert system.text, "this system needs `text`"
    if connector.can.update:
        return connector.write([Write(Op.UPDATE, "hub:w1", one(system).id, {system.text: text})])
    return connector.write([Write(Op.CREATE, "hub:w1", None, {**system.new_fields(), system.text: text})])


def filled(system: System, connector: Connector) -> Record:
    """A record with something in `System.text`."""
    return done(written(system, connector, "Filled In"))


def shown(system: System, record: Record) -> object:
    """What a new reading says."""
    system.settle()
    return now(system, record.id).fields[system.text]


def same(found: object, text: str) -> bool:
    """Some systems compose their characters."""
    return isinstance(found, str) and unicodedata.normalize("NFC", found) == unicodedata.normalize("NFC", text)

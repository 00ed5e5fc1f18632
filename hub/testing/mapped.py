"""The default mapping on real records, and what a changed service does to them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import yaml

from hub.connectors.contract import Connector
from hub.errors import HubError
from hub.mapping.apply import ContactMapping
from hub.mapping.spec import flat_mapping, load_mapping
from hub.model import Op, Record, Write, base_field
from hub.testing.system import System
from hub.testing.words import beside_the_point, done, needs, records

REGION = "PT"


class DefaultMapping:
    """Checks of the mapping that a connection has when it names none."""

    def test_the_default_mapping_is_taken(self, connector: Connector) -> None:
        assert mapping_of(connector).digest

    def test_the_default_mapping_reads_every_record_without_a_problem(
        self, system: System, connector: Connector
    ) -> None:
        mapping = mapping_of(connector)

        for record in seeded(system):
            assert mapping.inward(record).problems == ()

    def test_the_default_mapping_names_no_field_that_records_never_have(
        self, system: System, connector: Connector
    ) -> None:
        mapping = mapping_of(connector)
        absent = [set(mapping.absent(record)) for record in seeded(system)]

        assert set.intersection(*absent) - set(system.sparse) == set()

    def test_the_default_mapping_leaves_no_field_out_unsaid(self, system: System, connector: Connector) -> None:
        if not connector.mapping_text({}).strip():
            beside_the_point("columns map by their names, whatever else there is")
        mapping = mapping_of(connector)

        assert {name for record in seeded(system) for name in mapping.unmapped(record)} == set()

    def test_what_was_read_and_goes_back_is_read_as_the_same(self, system: System, connector: Connector) -> None:
        """Canonical of canonical: a second pass finds nothing to change."""
        mapping = mapping_of(connector)
        for record in seeded(system):
            fields = mapping.inward(record).fields
            written = {**record.fields, **outward(mapping, fields)}

            wanted = {**fields, **mapping.project(fields, fields, creating=False)}
            assert {key: wanted[key] for key in fields if mapping.covers(key)} == {
                key: value for key, value in fields.items() if mapping.covers(key)
            }
            assert mapping.inward(replace(record, fields=written)).fields == fields

    def test_writing_what_was_read_changes_nothing(self, system: System, connector: Connector) -> None:
        needs(connector, "update")
        mapping = mapping_of(connector)
        if not mapping.scope():
            beside_the_point("the default mapping writes nothing")
        record_id = system.seed(1)[0]
        before = records(connector.pull(None))[record_id]
        fields = mapping.inward(before).fields

        as_configured = system.within(system.context(by_name=True))  # no mapping is named
        stored = done(as_configured.write([Write(Op.UPDATE, "hub:same", record_id, outward(mapping, fields))]))

        assert mapping.inward(stored).fields == fields

    def test_a_field_gone_from_the_answers_says_nothing(self, system: System) -> None:
        """It is not an emptied one; an error that says what is missing will do too."""
        record_id = system.seed(1)[0]
        before = records(system.connector.pull(None))[record_id]
        connector, field = system.without_field()
        assert field in before.fields, f"records have no field {field}"

        try:
            after = records(connector.pull(None))[record_id]
        except HubError as error:
            assert len(str(error)) > 10
            return
        assert field not in after.fields or after.fields[field] == before.fields[field]

    def test_a_value_never_heard_of_is_kept_and_grants_nothing(self, system: System) -> None:
        record_id = system.seed(1)[0]
        connector, field, value = system.with_new_choice()

        record = records(connector.pull(None))[record_id]

        assert record.fields[field] == value
        fields = mapping_of(connector).inward(record).fields
        consents = [fields[key] for key in fields if base_field(key) == "consents"]
        before = mapping_of(connector).inward(records(system.connector.pull(None))[record_id]).fields
        granted = [each for each in consents if each["status"] == "granted" and each not in before.values()]
        assert granted == []


def mapping_of(connector: Connector) -> ContactMapping:
    """The default mapping of this connection."""
    text = connector.mapping_text(connector.settings.model_dump(mode="json", exclude_defaults=True))
    if not text.strip():
        return flat_mapping(REGION)
    return load_mapping(yaml.safe_load(text), where="default mapping", default_region=REGION)


def seeded(system: System) -> list[Record]:
    """Records as a person makes them, and one as the hub does, where it does."""
    ids = set(system.seed(3))
    connector = system.connector
    if connector.can.create:
        ids.add(done(connector.write([Write(Op.CREATE, "hub:mapped", None, system.new_fields())])).id)
        system.settle()
    return [record for each, record in records(connector.pull(None)).items() if each in ids]


def outward(mapping: ContactMapping, fields: dict[str, Any]) -> dict[str, Any]:
    return mapping.payload(fields, [key for key in fields if mapping.covers(key)])

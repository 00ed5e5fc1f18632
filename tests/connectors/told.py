"""Connectors that tell of what happened, held to the suite that is made for records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from hub.connectors.contract import Connector
from hub.model import Cursor, Interaction, Page, Record

THEY_HAPPENED = "what happened stays as it was"
NO_RECORDS = "it tells of what happened and holds no records"
NOT_OF_RECORDS: Mapping[str, str] = {
    "test_a_change_is_seen": THEY_HAPPENED,
    "test_a_record_that_changes_while_it_is_listed_is_not_lost": THEY_HAPPENED,
    "test_a_deletion_is_seen": THEY_HAPPENED,
    "test_the_default_mapping_reads_every_record_without_a_problem": NO_RECORDS,
    "test_the_default_mapping_names_no_field_that_records_never_have": NO_RECORDS,
    "test_the_default_mapping_leaves_no_field_out_unsaid": NO_RECORDS,
    "test_a_field_gone_from_the_answers_says_nothing": NO_RECORDS,
    "test_a_value_never_heard_of_is_kept_and_grants_nothing": NO_RECORDS,
}


def telling(kind: type[Connector]) -> type[Connector]:
    """The same type, whose interactions the suite sees as records."""

    def pull(self: Any, since: Cursor | None) -> Iterator[Page]:
        for page in kind.pull(self, since):
            yield Page(tuple(as_record(i) if isinstance(i, Interaction) else i for i in page.items), page.cursor)

    return type(kind.__name__, (kind,), {"pull": pull, "__module__": kind.__module__})


def as_record(item: Interaction) -> Record:
    fields = {name: value for name, value in asdict(item).items() if name not in ("id", "at")}
    return Record(item.id, fields, changed_at=item.at)

"""A page that is read a column at a time holds what its entries hold that are read one by one."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.rest.calls import RecordSpec
from hub.connectors.rest.records import LONGEST_ID, RecordReader
from hub.model import Record

SPECS = [
    {"id": "id"},
    {"id": "id", "changed": "at", "version": "etag", "key": "custom.key"},
    {"id": "inner.id", "fields": "inner", "gone": "gone", "archived": {"at": "away", "is": True}},
    {"id": "['@id']", "without": ["etag"], "derived": {"town": "inner.town"}, "changed": {"at": "at", "form": "epoch"}},
]
NAMES = st.sampled_from(["a", "7f", "", "x" * (LONGEST_ID + 1), 7, 7.5, None, True, [1]])
TIMES = st.sampled_from(["2026-01-02T03:04:05Z", "2026-01-02T03:04:05", "soon", "", None, 1_780_000_000])
INNER = st.fixed_dictionaries({"id": NAMES}, optional={"town": st.sampled_from(["Porto", None])}) | st.sampled_from(
    [None, "text", [1]]
)
RAW = st.fixed_dictionaries(
    {"id": NAMES, "@id": NAMES, "inner": INNER},
    optional={
        "at": TIMES,
        "etag": st.sampled_from(["1", 2, "", None]),
        "custom": st.sampled_from([{"key": "hub:1"}, {"key": ""}, None, "text"]),
        "gone": st.booleans(),
        "away": st.booleans(),
    },
)
PLAIN = st.builds(
    lambda number: {"id": f"r{number}", "@id": f"r{number}", "inner": {"id": "i", "town": "Faro"}}, st.integers()
)
ENTRY = RAW | st.sampled_from([None, "text", 7, [1]])


@given(spec=st.sampled_from(SPECS), raws=st.lists(PLAIN, max_size=4) | st.lists(PLAIN | ENTRY, max_size=4))
def test_a_page_is_read_as_each_of_its_entries(spec: dict[str, Any], raws: list[Any]) -> None:
    reader = RecordReader(RecordSpec.model_validate(spec))

    assert reader.items(raws) == [reader.item(raw) for raw in raws]


def test_a_record_is_frozen_and_equal_by_its_values() -> None:
    record = Record("1", {"a": 1}, key="hub:1")

    assert record == Record(id="1", fields={"a": 1}, key="hub:1")
    assert repr(record) == "Record(id='1', fields={'a': 1}, version=None, changed_at=None, archived=False, key='hub:1')"

"""Where the latest counts, the quick way finds what survivorship finds."""

from hypothesis import given
from hypothesis import strategies as st

from hub.dedupe.latest import is_usual, latest
from hub.dedupe.survive import Rules, survive
from hub.model import Source

VALUES = {
    "given_name": st.sampled_from(["Ann", "Anna", "ANN", "", None]),
    "family_name": st.sampled_from(["O'Neil-Ødegård", "Oneil", "", None]),
    "kind": st.sampled_from(["person", "organisation", None]),
    "emails/ann@example.org": st.sampled_from([{}, {"label": "work"}, None]),
    "phones/+351912345678": st.sampled_from([{"raw": "912 345 678"}, {}]),
    "addresses/a": st.sampled_from([{"street": "Rua Nova 1"}, {"street": "rua nova, 1"}, None]),
    "addresses/b": st.sampled_from([{"street": "Main St 2"}, {"street": "2 Main St"}]),
}
RECORD = st.tuples(st.integers(0, 3).map(float), st.fixed_dictionaries({}, optional=VALUES))
RECORDS = st.dictionaries(st.tuples(st.sampled_from("abc"), st.sampled_from("12")), RECORD, min_size=1)


@given(RECORDS)
def test_the_quick_way_finds_what_survivorship_finds(records):
    sources = [Source(ref, fields, changed) for ref, (changed, fields) in records.items()]

    assert latest([(changed, ref, fields) for ref, (changed, fields) in records.items()]) == survive(sources).fields


def test_a_rule_of_ones_own_is_not_the_usual_one():
    assert is_usual(Rules())
    assert not is_usual(Rules({"tax_id": ("erp",)}))
    assert not is_usual(Rules(empty_wins=frozenset(["note"])))

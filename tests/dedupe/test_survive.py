"""Survivorship: what golden records hold, whatever the order of their sources."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.dedupe.survive import LATEST, MOST_COMMON, MOST_COMPLETE, PIN, UNION, Rules, losers, survive, survivor
from hub.errors import ConfigError
from hub.model import Source, base_field

HOME = {"street": "Rua Nova 1", "locality": "Porto", "postcode": "4000-001"}
WORK = {"street": "Main St 2", "locality": "Leeds"}
KEYS = {
    "given_name": st.sampled_from(["Ann", "Anna", "ANN", "", None]),
    "family_name": st.sampled_from(["O'Neil-Ødegård", "Oneil", "", None]),
    "kind": st.sampled_from(["person", "organisation"]),
    "emails/ann@example.org": st.sampled_from([{}, {"label": "work"}, None]),
    "phones/+351912345678": st.sampled_from([{"raw": "912 345 678"}, {}]),
    "addresses/a": st.just(HOME),
    "addresses/b": st.just(WORK),
    "consents/email|*|news": st.fixed_dictionaries(
        {
            "status": st.sampled_from(["granted", "denied", "pending"]),
            "at": st.sampled_from(["2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z", None]),
            "basis": st.sampled_from(["explicit", "imported"]),
        }
    ),
}


@st.composite
def drawn_sources(draw, min_size=0):
    refs = draw(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("12")), unique=True, min_size=min_size))
    found = []
    for ref in refs[:5]:
        fields = draw(st.fixed_dictionaries({}, optional=KEYS))
        since = draw(st.dictionaries(st.sampled_from(list(KEYS)), st.integers(0, 3)))
        echo = draw(st.frozensets(st.sampled_from(list(KEYS)), max_size=2))
        found.append(Source(ref, fields, draw(st.integers(0, 3)), since, echo, draw(st.booleans())))
    return found


rule = st.sampled_from([LATEST, MOST_COMPLETE, MOST_COMMON, ("b", "a"), ()])
rules = st.builds(
    Rules,
    st.dictionaries(st.sampled_from([base_field(key) for key in KEYS]), rule | st.just(UNION)).map(
        lambda fields: {k: v for k, v in fields.items() if v != UNION or k == "addresses"}
    ),
    st.frozensets(st.sampled_from(["given_name", "family_name", "emails"])),
)


@given(drawn_sources(), rules, st.randoms())
def test_the_order_of_sources_makes_no_difference(sources, rules, random):
    shuffled = list(sources)
    random.shuffle(shuffled)

    assert survive(shuffled, rules) == survive(sources, rules)


@given(drawn_sources(), rules, st.sampled_from(list(KEYS)))
def test_one_key_alone_survives_as_beside_all_others(sources, rules, key):
    assert survivor(sources, key, rules) == survive(sources, rules).fields.get(key)


@given(drawn_sources(min_size=1), rules)
def test_one_source_alone_is_the_same_as_beside_a_silent_one(sources, rules):
    silent = Source(("z", "9"), {}, 9.0)

    assert survive(sources[:1], rules) == survive([sources[0], silent], rules)


@given(drawn_sources(), rules)
def test_every_value_is_a_claim_of_the_source_it_is_said_to_come_from(sources, rules):
    golden = survive(sources, rules)
    by_ref = {source.ref: source for source in sources}

    assert golden.fields.keys() == golden.origin.keys()
    for key, value in golden.fields.items():
        source = by_ref[golden.origin[key]]
        assert key not in source.echo
        if base_field(key) != "consents":
            assert (source.fields[key] or None) == (value or None)


@given(drawn_sources(), rules)
def test_what_nobody_claims_is_absent_and_what_a_live_source_claims_is_not_lost(sources, rules):
    golden = survive(sources, rules)

    for source in sources:
        for key in source.fields.keys() - source.echo:
            if source.fields[key] and base_field(key) != "addresses":
                assert key in golden.fields


@given(drawn_sources(), rules)
def test_empty_never_beats_a_value_unless_it_may(sources, rules):
    golden = survive(sources, rules)

    assert all(value is not None or base_field(key) in rules.empty_wins for key, value in golden.fields.items())
    assert "" not in [value for value in golden.fields.values() if isinstance(value, str)]


@given(drawn_sources(), rules)
def test_addresses_of_two_sources_are_never_mixed(sources, rules):
    golden = survive(sources, rules)
    origins = {golden.origin[key] for key in golden.fields if base_field(key) == "addresses"}

    assert len(origins) <= 1 or rules.fields.get("addresses") == UNION


@given(drawn_sources(), rules, st.sampled_from(["given_name", "emails/ann@example.org", "addresses/b"]))
def test_a_pin_beats_all_and_leaves_the_rest_alone(sources, rules, key):
    pinned = survive(sources, rules, {key: "by hand"})
    free = survive(sources, rules)

    assert (pinned.fields[key], pinned.origin[key]) == ("by hand", PIN)
    assert {k: v for k, v in pinned.fields.items() if k != key} == {k: v for k, v in free.fields.items() if k != key}


def source(ref, changed=0.0, live=True, **fields):
    return Source((ref[0], ref[1:]), fields, changed, live=live)


def test_the_latest_change_wins_and_the_loser_is_kept():
    old, new = source("a1", 1, company="Acorn"), source("b1", 2, company="Acorn Ltd")
    golden = survive([new, old])

    assert golden.fields == {"company": "Acorn Ltd"}
    assert losers([new, old], golden, "company") == [(("a", "1"), "Acorn", 1)]


def test_the_time_of_the_field_counts_before_that_of_the_record():
    old = Source(("a", "1"), {"company": "Acorn"}, 1, {"company": 5})

    assert survive([old, source("b1", 2, company="Oak")]).fields == {"company": "Acorn"}


@pytest.mark.parametrize(
    ("rule", "winner"),
    [(("c", "a"), "Acorn"), (("c",), "ACORN"), (MOST_COMPLETE, "Acorn Holding"), (MOST_COMMON, "ACORN")],
)
def test_a_rule_decides_before_the_time(rule, winner):
    sources = [
        source("a1", 1, company="Acorn"),
        source("b1", 3, company="ACORN"),
        source("b2", 2, company="Acorn Holding"),
    ]

    assert survive(sources, Rules({"company": rule})).fields["company"] == winner


def test_a_source_that_is_gone_counts_only_where_no_live_one_speaks():
    gone = source("a1", 9, live=False, company="Old", note="kept")

    assert survive([gone, source("b1", 1, company="New")]).fields == {"company": "New", "note": "kept"}


def test_the_opt_out_of_a_record_that_is_gone_still_stands():
    key = "consents/email|*|news"
    gone = Source(("a", "1"), {key: {"status": "denied"}}, 1, live=False)
    live = Source(("b", "1"), {key: {"status": "granted", "basis": "imported"}}, 2)

    assert survive([gone, live]).fields[key]["status"] == "denied"


def test_an_echo_is_not_an_opinion():
    echoed = replace(source("a1", 9, company="Acorn"), echo=frozenset({"company"}))

    assert survive([echoed]).fields == {}
    assert survive([echoed, source("b1", 1, note="x")]).fields == {"note": "x"}
    assert losers([echoed], survive([echoed]), "company") == []


def test_an_organisation_is_one_only_when_nobody_says_person():
    firm, person = source("a1", 9, kind="organisation"), source("b1", 1, kind="person")

    assert survive([firm, person]).fields["kind"] == "person"
    assert survive([firm, firm]).fields["kind"] == "organisation"


def test_an_emptied_field_wins_only_where_it_may():
    full, emptied = source("a1", 1, note="x"), source("b1", 2, note=None)

    assert survive([full, emptied]).fields == {"note": "x"}
    assert survive([full, emptied], Rules(empty_wins=frozenset({"note"}))).fields == {"note": None}


def test_the_whole_address_comes_from_one_source_and_union_takes_all():
    a = Source(("a", "1"), {"addresses/a": HOME}, 2)
    b = Source(("b", "1"), {"addresses/b": WORK}, 1)

    assert survive([a, b]).fields == {"addresses/a": HOME}
    assert survive([a, b], Rules({"addresses": UNION})).fields == {"addresses/a": HOME, "addresses/b": WORK}


def test_a_pin_of_none_removes_an_element_and_empties_a_field():
    one = Source(("a", "1"), {"tags/x": {}, "note": "n"}, 2)
    golden = survive([one], pins={"tags/x": None, "note": None, "tags/absent": None})

    assert golden.fields == {"note": None}
    assert golden.origin == {"note": PIN}


def test_an_unknown_rule_is_named_with_what_is_allowed():
    with pytest.raises(ConfigError, match=r"golden.rules.company.*latest, most_complete, most_common"):
        Rules.from_config({"company": "union"})


def test_rules_are_read_as_the_configuration_writes_them():
    assert Rules.from_config({"tax_id": ["erp", "shop"], "addresses": "union"}).fields == {
        "tax_id": ("erp", "shop"),
        "addresses": "union",
    }

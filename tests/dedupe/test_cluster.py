"""Which records become one golden record."""

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.dedupe.cluster import Member, Verdict, explain, resolve, weight
from hub.dedupe.features import features
from hub.dedupe.keys import shared
from hub.dedupe.weigh import Model
from tests.dedupe.people import fields, member, records


def decide(newcomers, known=(), verdicts=None, model=None, age=None):
    """Resolve with the pairs that share a key, as the engine does."""
    everyone = [*newcomers, *known]
    pairs = [(a.ref, b.ref) for a, b in combinations(everyone, 2) if shared(a.features, b.features)]
    return resolve(newcomers, known, pairs, verdicts or {}, model or Model(), age or {})


def groups(newcomers, **more):
    """The groups that newcomers fall into, as sets of letters of their external ids."""
    joins = decide(newcomers, **more).joins
    found = {}
    for ref, to in joins.items():
        found.setdefault(to, set()).add(ref[1])
    return sorted("".join(sorted(group)) for group in found.values())


pages = st.lists(records, max_size=6).map(
    lambda drawn: [Member(("abc"[i % 3], str(i)), None, features(record)) for i, record in enumerate(drawn)]
)
goldens = st.lists(st.tuples(records, st.sampled_from("ghk")), max_size=5).map(
    lambda drawn: [Member(("store", str(i)), golden, features(record)) for i, (record, golden) in enumerate(drawn)]
)


@given(pages, goldens, st.randoms())
@settings(max_examples=60)
def test_the_order_of_records_makes_no_difference(newcomers, known, random):
    pairs = [(a.ref, b.ref) for a, b in combinations([*newcomers, *known], 2)]
    expected = resolve(newcomers, known, pairs, {}, Model(), {})
    mixed, mixed_known = random.sample(newcomers, len(newcomers)), random.sample(known, len(known))
    turned = [pair if random.random() < 0.5 else pair[::-1] for pair in random.sample(pairs, len(pairs))]

    assert resolve(mixed, mixed_known, turned, {}, Model(), {}) == expected


@given(pages, goldens, st.data())
@settings(max_examples=60)
def test_records_that_a_person_held_apart_are_never_joined(newcomers, known, data):
    everyone = [*newcomers, *known]
    different = [
        (a, b)
        for a, b in combinations(everyone, 2)
        if (a.golden_id is None or a.golden_id != b.golden_id) and data.draw(st.booleans())
    ]
    verdicts = {frozenset((a.ref, b.ref)): Verdict.DIFFERENT for a, b in different}
    found = resolve(newcomers, known, [(a.ref, b.ref) for a, b in combinations(everyone, 2)], verdicts, Model())
    now = {merge.lost: merge.kept for merge in found.merges}

    def where(record):
        golden = found.joins.get(record.ref, record.golden_id)
        return now.get(golden, golden)

    assert all(where(a) != where(b) for a, b in different)


@given(records, records)
def test_the_weight_is_symmetric_and_the_sum_of_its_explanation(one, other):
    one, other = features(one), features(other)

    assert weight(one, other) == pytest.approx(weight(other, one))
    assert weight(one, other) == pytest.approx(sum(line.bits for line in explain(one, other)), abs=0.05)


@given(pages)
def test_every_newcomer_gets_exactly_one_place(newcomers):
    joins = decide(newcomers).joins

    assert joins.keys() == {newcomer.ref for newcomer in newcomers}
    assert set(joins.values()) == set(range(len(set(joins.values()))))


def test_one_person_in_five_systems_is_one_golden_record():
    person = [
        member(
            "erp:a",
            name="Pietra Agatha|Gomes Silva",
            mail="psilva@example.org",
            street="Rua Sá 9",
            postcode="4000-001",
        ),
        member("erp:b", name="P. Silva", mail="psilva@example.org", phone="+351912345678"),
        member("old:c", name="GOMES SILVA PIETRA", phone="912345678", street="RUA SA 9", postcode="4000001"),
        member("mail:d", name="Pietra|", mail="psilva@example.org"),
        member("web:e", name="Silva|Pietra", mail="psilva@example.org", born="1960-10-22"),
    ]

    assert groups(person) == ["abcde"]


HOME = {"street": "Rua Nova 19", "town": "Porto", "postcode": "4000-001"}


@pytest.mark.parametrize(
    "people",
    [
        pytest.param(
            [
                member("erp:a", name="Liesel|Wagner", mail="wagner@example.org", **HOME),
                member("erp:b", name="Dominic|Wagner", mail="wagner@example.org", **HOME),
            ],
            id="a family with one e-mail address",
        ),
        pytest.param(
            [
                member("erp:a", name="Camilo|Arriz Benet", phone="+34687045030", **HOME),
                member("erp:b", name="Calixto|Arriz Benet", phone="+34687045030", **HOME),
            ],
            id="a couple with one mobile",
        ),
        pytest.param(
            [
                member("erp:a", name="Nerea|Pla Ruiz", born="1996-04-11", **HOME),
                member("erp:b", name="Guadalupe|Pla Ruiz", born="1996-04-11", **HOME),
            ],
            id="twins",
        ),
        pytest.param(
            [
                member("erp:a", name="Erick|Barinha", born="1950-05-01", mail="erick.b@example.org", **HOME),
                member("erp:b", name="Erick|Barinha", born="1982-11-20", mail="dragon@example.org", **HOME),
            ],
            id="father and son",
        ),
        pytest.param(
            [
                member("erp:a", name="Erick Barinha Jr", **HOME),
                member("erp:b", name="Erick Barinha Senior", **HOME),
            ],
            id="generations",
        ),
        pytest.param(
            [
                member("erp:a", name="Rachel|Stan", phone="+13122132809", company="Acorn Inc"),
                member("erp:b", name="April|Sher", phone="+13122132809", company="Acorn Inc"),
            ],
            id="colleagues on one switchboard",
        ),
        pytest.param(
            [
                member("erp:a", company="Acorn Lda", mail="geral@acorn.example", tax_id="501442600"),
                member("erp:b", company="Acorn Lda", mail="geral@acorn.example", tax_id="509888777"),
            ],
            id="branches of one brand",
        ),
        pytest.param(
            [
                member("erp:a", company="Acorn Lda", mail="geral@acorn.example", phone="+351213344556"),
                member(
                    "erp:b",
                    name="Ana|Reis",
                    mail="geral@acorn.example",
                    phone="+351213344556",
                    company="Acorn",
                ),
            ],
            id="an organisation and its staff",
        ),
        pytest.param(
            [
                member("erp:a", name="Ana|Reis", mail="noreply@example.org", phone="000000000", born="1900-01-01"),
                member("erp:b", name="Ana|Reis", mail="noreply@example.org", phone="000000000", born="1900-01-01"),
            ],
            id="nothing in common but a name and placeholders",
        ),
    ],
)
def test_people_who_look_alike_stay_apart(people):
    assert groups(people) == ["a", "b"]


def test_one_weak_link_does_not_chain_two_families():
    family = {"mail": "wagner@example.org", **HOME}
    people = [
        member("erp:a", name="Liesel|Wagner", **family),
        member("web:b", name="Liesel|Wagner", **family),
        member("erp:c", name="Dominic|Wagner", **family),
        member("web:d", name="Dominic|Wagner", **family),
        member("mail:e", name="Liesel|", mail="wagner@example.org"),
    ]

    assert groups(people) == ["abe", "cd"]


ANN = {"name": "Ann|Zyl", "mail": "ann.zyl@example.org", "phone": "+351912345678"}


def test_a_newcomer_joins_the_golden_record_it_met():
    found = decide([member("web:1", **ANN)], known=[member("erp:1", "g7", **ANN)])

    assert found.joins == {("web", "1"): "g7"}
    assert not found.merges
    assert not found.asks


def test_late_evidence_merges_two_golden_records_into_the_larger():
    small = [member("erp:1", "g1", name="Ann|Zyl", mail="ann.zyl@example.org")]
    large = [member(f"web:{i}", "g2", name="Ann|Zyl", phone="+351912345678") for i in range(2)]
    found = decide([member("mail:1", **ANN)], known=small + large, age={"g1": 1, "g2": 2})

    assert found.joins == {("mail", "1"): "g2"}
    assert [(merge.kept, merge.lost) for merge in found.merges] == [("g2", "g1")]
    assert found.merges[0].evidence


def test_of_two_equal_golden_records_the_older_is_kept():
    known = [member("erp:1", "a", **ANN), member("web:1", "b", **ANN)]
    changed = [member("web:1", "b", **ANN)]

    assert [merge.kept for merge in decide(changed, known=known, age={"a": 2, "b": 1}).merges] == ["b"]
    assert [merge.kept for merge in decide(changed, known=known, age={"a": 1, "b": 2}).merges] == ["a"]


def test_a_person_is_asked_when_the_evidence_is_in_between():
    one, other = member("erp:1", name="Ann|Zyl", phone="+351912345678"), member("web:1", phone="912345678")
    found = decide([one], known=[member("web:1", "g", phone="912345678")], model=Model(join=30, ask=-30))

    assert found.joins == {("erp", "1"): 0}
    assert [(ask.ref_a, ask.ref_b) for ask in found.asks] == [(one.ref, other.ref)]
    assert found.asks[0].weight_bits == pytest.approx(weight(one.features, other.features), abs=0.01)


def test_nobody_is_asked_again_after_an_answer():
    one, other = member("erp:1", **ANN), member("web:1", **ANN)
    different = {frozenset((one.ref, other.ref)): Verdict.DIFFERENT}
    found = decide([one, other], verdicts=different)

    assert len(set(found.joins.values())) == 2
    assert not found.asks


def test_same_joins_what_the_model_holds_apart():
    one, other = member("erp:a", name="Ann|Zyl"), member("web:b", name="Rui|Couto")

    assert groups([one, other], verdicts={frozenset((one.ref, other.ref)): Verdict.SAME}) == ["ab"]


def test_different_outranks_same_on_the_way_round():
    people = [member("erp:a", name="Ann|Zyl"), member("web:b"), member("old:c")]
    a, b, c = (person.ref for person in people)
    verdicts = {
        frozenset((a, b)): Verdict.SAME,
        frozenset((b, c)): Verdict.SAME,
        frozenset((a, c)): Verdict.DIFFERENT,
    }

    assert groups(people, verdicts=verdicts) in (["ab", "c"], ["a", "bc"])


def test_a_system_that_never_holds_one_person_twice_keeps_two_records_apart():
    people = [member("erp:a", **ANN), member("erp:b", **ANN)]

    assert groups(people) == ["ab"]
    assert groups(people, model=Model(apart=frozenset({"erp"}))) == ["a", "b"]


def test_what_a_system_holds_no_more_does_not_keep_its_successor_apart():
    gone, new = member("erp:a", **ANN), member("erp:b", **ANN)
    people = [replace(gone, there=False), new]

    assert groups(people, model=Model(apart=frozenset({"erp"}))) == ["ab"]


def test_an_explanation_names_levels_and_bits_and_the_prior():
    other = features(fields(name="Zyl, A.", mail="ann.zyl@example.org"))
    lines = {line.field: line for line in explain(features(fields(**ANN)), other)}

    assert lines["given"].level == "initial"
    assert lines["email"].bits > 0
    assert lines["prior"].bits < 0
    assert "phone" not in lines


def test_a_list_member_without_a_name_is_the_person_the_address_belongs_to():
    listed = Member(("list", "a"), None, features({"kind": "person", "emails/ann.smith@gmail.com": {}}))
    known = {"given_name": "Ann", "family_name": "Smith", "phones/+351912345678": {}}
    ann = Member(("erp", "b"), None, features({"kind": "person", **known, "emails/ann.smith@gmail.com": {}}))

    assert groups([listed, ann]) == ["ab"]


FATHER = [
    member("erp:f", "g-father", name="Erick|Barinha", born="1950-05-01", mail="erick.b@example.org", **HOME),
    member("web:f", "g-father", name="Erick|Barinha", born="1950-05-01", mail="erick.b@example.org"),
]
SON = [
    member("erp:s", "g-son", name="Erick|Barinha", born="1982-11-20", mail="dragon@example.org", **HOME),
    member("web:s", "g-son", name="Erick|Barinha", born="1982-11-20", mail="dragon@example.org"),
]


def test_a_record_that_fits_two_who_are_not_one_is_asked_and_not_joined():
    found = decide([member("old:x", name="Erick|Barinha", **HOME)], FATHER + SON)

    assert found.joins == {("old", "x"): 0}
    assert [ask.ref_a[1] + ask.ref_b[1] for ask in found.asks] in (["fx"], ["sx"], ["fx", "sx"], ["sx", "fx"])


def test_other_tax_ids_are_not_joined_through_a_third_record():
    people = [
        member("erp:a", name="Ana|Reis", mail="reis@example.org", tax_id="501442600", **HOME),
        member("web:b", name="Ana|Reis", mail="reis@example.org", **HOME),
        member("erp:c", name="Ana|Reis", mail="reis@example.org", tax_id="509888777", **HOME),
    ]

    assert all(set("ac") - set(group) for group in groups(people))


def test_a_record_moves_when_it_turns_out_whose_it_is():
    wrong = member("mail:x", "g-father", name="Erick|Barinha", mail="dragon@example.org")
    son = member("erp:s", None, name="Erick|Barinha", born="1982-11-20", mail="dragon@example.org", **HOME)
    everyone = [*FATHER, wrong, son]
    pairs = [(a.ref, b.ref) for a, b in combinations(everyone, 2) if shared(a.features, b.features)]

    fixed = resolve([son], [*FATHER, wrong], pairs, {}, Model())
    found = resolve([son], [*FATHER, wrong], pairs, {}, Model(), moving=True)

    assert fixed.moves == {}
    assert found.moves == {wrong.ref: found.joins[son.ref]}
    assert found.joins[son.ref] != "g-father"


def written(ref, golden_id, **values):
    """A record that the hub wrote into; what it says by itself is in the values."""
    return replace(member(ref, golden_id, **values), tied=True)


@pytest.mark.parametrize(
    "echo",
    [
        pytest.param(written("crm:1", "g-father"), id="it says nothing"),
        pytest.param(
            written("crm:1", "g-father", name="Erick|Barinha", born="1982-11-20"), id="it says it is another's"
        ),
        pytest.param(
            written("crm:1", "g-father", name="Erick|Barinha", born="1950-05-01", mail="erick.b@example.org"),
            id="it says the same",
        ),
    ],
)
def test_what_the_hub_wrote_stays_with_its_golden_record_when_that_is_taken_apart(echo):
    wrong = member("mail:x", "g-father", name="Erick|Barinha", mail="dragon@example.org")
    son = member("erp:s", None, name="Erick|Barinha", born="1982-11-20", mail="dragon@example.org", **HOME)
    known = [*FATHER, wrong, echo]
    pairs = [(a.ref, b.ref) for a, b in combinations([*known, son], 2) if shared(a.features, b.features)]

    found = resolve([son], known, pairs, {}, Model(), moving=True)

    assert found.moves == {wrong.ref: found.joins[son.ref]}
    assert found.joins[son.ref] != "g-father"


def test_golden_records_that_the_hub_wrote_into_everywhere_are_not_taken_apart():
    known = [replace(record, tied=True) for record in FATHER]
    wrong = written("mail:x", "g-father", name="Erick|Barinha", mail="dragon@example.org")
    son = member("erp:s", None, name="Erick|Barinha", born="1982-11-20", mail="dragon@example.org", **HOME)
    pairs = [(a.ref, b.ref) for a, b in combinations([*known, wrong, son], 2) if shared(a.features, b.features)]

    assert resolve([son], [*known, wrong], pairs, {}, Model(), moving=True).moves == {}


def test_what_follows_its_golden_record_brings_no_two_of_a_system_together_that_never_holds_one_person_twice():
    wrong = member("mail:x", "g-father", name="Erick|Barinha", mail="dragon@example.org")
    known = [*FATHER, wrong, written("crm:1", "g-father")]
    son = member("crm:2", None, name="Erick|Barinha", born="1982-11-20", mail="dragon@example.org", **HOME)
    pairs = [(a.ref, b.ref) for a, b in combinations([*known, son], 2) if shared(a.features, b.features)]

    found = resolve([son], known, pairs, {}, Model(apart=frozenset({"crm"})), moving=True)

    assert found.joins == {son.ref: 0}
    assert found.moves == {}


some_tied = st.lists(st.tuples(records, st.sampled_from("ghk"), st.booleans()), max_size=9).map(
    lambda drawn: [Member(("store", str(i)), g, features(record), tied) for i, (record, g, tied) in enumerate(drawn)]
)
priors = st.builds(Model, prior=st.sampled_from([-12.5, -9.0]))


@given(pages, some_tied, priors, st.data())
@settings(max_examples=300)
def test_moves_heed_what_the_hub_wrote_and_what_a_person_said(newcomers, known, model, data):
    everyone = [*newcomers, *known]
    pairs = [(a.ref, b.ref) for a, b in combinations(everyone, 2)]
    drawn = st.sampled_from([Verdict.SAME, Verdict.DIFFERENT, *[None] * 8])
    verdicts = {
        frozenset((a.ref, b.ref)): verdict
        for a, b in combinations(everyone, 2)
        if (a.golden_id is None or a.golden_id != b.golden_id) and (verdict := data.draw(drawn))
    }

    found = resolve(newcomers, known, pairs, verdicts, model, moving=True)

    assert not found.moves.keys() & {m.ref for m in known if m.tied}
    assert found.joins.keys() == {m.ref for m in newcomers}
    now = {merge.lost: merge.kept for merge in found.merges}
    where = {m.ref: found.joins.get(m.ref, found.moves.get(m.ref, now.get(m.golden_id, m.golden_id))) for m in everyone}
    for a, b in map(tuple, (pair for pair, verdict in verdicts.items() if verdict is Verdict.DIFFERENT)):
        assert where[a] != where[b]


@given(pages, some_tied, priors)
@settings(max_examples=100)
def test_what_a_person_said_is_one_is_never_taken_apart(newcomers, known, model):
    """A "same" across two records of a golden record, however little they have in common."""
    pairs = [(a.ref, b.ref) for a, b in combinations([*newcomers, *known], 2)]
    homes = {m.golden_id: [o for o in known if o.golden_id == m.golden_id] for m in known}
    same = {g: frozenset((home[0].ref, home[-1].ref)) for g, home in homes.items() if len(home) > 1}
    verdicts = dict.fromkeys(same.values(), Verdict.SAME)

    moves = resolve(newcomers, known, pairs, verdicts, model, moving=True).moves

    assert not moves.keys() & {m.ref for m in known if m.golden_id in same}


@given(pages, some_tied)
@settings(max_examples=60)
def test_every_golden_record_that_is_not_merged_keeps_at_least_one_record(newcomers, known):
    pairs = [(a.ref, b.ref) for a, b in combinations([*newcomers, *known], 2)]
    found = resolve(newcomers, known, pairs, {}, Model(), moving=True)
    stays = {record.golden_id for record in known if record.ref not in found.moves}

    assert {record.golden_id for record in known} == stays | {merge.lost for merge in found.merges}


@given(pages, some_tied, st.randoms())
@settings(max_examples=60)
def test_moves_do_not_depend_on_the_order_of_records(newcomers, known, random):
    pairs = [(a.ref, b.ref) for a, b in combinations([*newcomers, *known], 2)]
    mixed, mixed_known = random.sample(newcomers, len(newcomers)), random.sample(known, len(known))

    expected = resolve(newcomers, known, pairs, {}, Model(), moving=True)
    assert resolve(mixed, mixed_known, random.sample(pairs, len(pairs)), {}, Model(), moving=True) == expected

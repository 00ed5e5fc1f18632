"""A rule tried on past conflicts: what is shown is what the engine does when the rule is set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.dedupe.survive import Rules
from hub.dedupe.trial import read_rule, rule_of, rule_text
from hub.errors import ConfigError
from hub.store import lists
from hub.store.disputes import by_field
from hub.sync import desk
from hub.sync.clusters import Clusters
from hub.sync.people import overturn, pin
from hub.sync.propose import compare, disputes, propose
from tests.sync.two_systems import TwoSystems

RULES = ("latest", "most_complete", "most_common", ("c",), ("s",), ("c", "s"), ("s", "c"))
rules = st.sampled_from(RULES)
words = st.sampled_from(["Ana", "Anita", "Annie Rose", "Nini", "ana"])
fights = st.lists(st.tuples(words, words, st.sampled_from(["c", "s"])), min_size=1, max_size=4)


def fought(rule: Any, edits: list[tuple[str, str, str]]) -> TwoSystems:
    """One contact a fight, edited in both systems between two runs; the system named is edited last."""
    two = TwoSystems()
    two.hub = replace(two.hub, rules=Rules({"nickname": rule}))
    for n in range(len(edits)):
        two.type_in("c", f"P{n}", "Silva", f"p{n}@example.org", nick="Nita")
    two.settle()
    there = {row.fields["mail"]: row_id for row_id, row in two.systems["s"].rows.items()}
    here = {row.fields["mail"]: row_id for row_id, row in two.systems["c"].rows.items()}
    for n, (in_c, in_s, last) in enumerate(edits):
        mail = f"p{n}@example.org"
        steps = {"c": (here[mail], in_c), "s": (there[mail], in_s)}
        for name in sorted(steps, key=lambda name: name == last):
            two.edit(name, steps[name][0], nick=steps[name][1])
    two.settle()
    return two


def logged(two: TwoSystems) -> dict[str, Any]:
    """Mail → winner of each conflict."""
    with two.store.read() as tx:
        rows = lists.conflicts(tx, state=None).rows
    return {next(k for k in two.fields(row.golden_id) if k.startswith("emails/")): row.winner for row in rows}


def mail_of(two: TwoSystems, golden_id: str) -> str:
    return next(key for key in two.fields(golden_id) if key.startswith("emails/"))


def decided_anew(two: TwoSystems, rule: Any) -> dict[str, Any]:
    """Golden id → nickname, when the engine decides all claims by a rule."""
    hub, ids = replace(two.hub, rules=Rules({"nickname": rule})), two.goldens()
    with hub.store.write() as tx:
        clusters = Clusters(hub, tx, "p", hub.clock())
        clusters.load(ids)
        for cluster in clusters:
            cluster.touched = True
        clusters.settle()
        return {cluster.id: cluster.golden.fields.get("nickname") for cluster in clusters}


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(before=rules, after=rules, edits=fights)
def test_the_effect_is_what_the_engine_would_have_done_with_the_rule(before, after, edits):
    with closing(fought(before, edits)) as two, closing(fought(after, edits)) as other:
        with two.store.read() as tx:
            shown = propose(two.hub, tx, disputes(two.hub, tx, "nickname", 0.0), after)
        was, would = logged(two), logged(other)

        assert shown.effect.tried == len(was) and shown.effect.unknown == 0
        assert shown.effect.otherwise == sum(was[mail] != would[mail] for mail in was)
        assert {mail_of(two, e.golden_id): e.would for e in shown.examples} == {
            mail: would[mail] for mail in was if was[mail] != would[mail]
        }


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(before=rules, after=rules, edits=fights, pinned=st.booleans())
def test_todays_values_are_those_of_the_claims_decided_anew(before, after, edits, pinned):
    with closing(fought(before, edits)) as two:
        if pinned:
            pin(two.hub, two.goldens()[0], "nickname", "Fixed", "eve")
        with two.store.read() as tx:
            shown = propose(two.hub, tx, disputes(two.hub, tx, "nickname", 0.0), after)
        now = {golden_id: two.fields(golden_id).get("nickname") for golden_id in two.goldens()}
        then = decided_anew(two, after)

        assert [(e.now, e.after) for e in shown.examples] == [
            (now[e.golden_id], then[e.golden_id]) for e in shown.examples
        ]
        assert all(e.pinned == (pinned and e.golden_id == two.goldens()[0]) for e in shown.examples)


@pytest.fixture
def two() -> Iterator[TwoSystems]:
    edits = [("Anita", "Nini", "s"), ("Bea", "Bibi", "s"), ("Caro", "Cici", "s")]
    with closing(fought("latest", edits)) as made:
        yield made


def test_agreement_counts_what_people_decided_by_hand(two):
    one, other, _ = two.numbers("conflict")
    overturn(two.hub, one, "eve")
    desk.accept(two.store, [other], "eve", two.world.now)

    with two.store.read() as tx:
        shown = propose(two.hub, tx, disputes(two.hub, tx, "nickname", 0.0), ("c",)).effect

    assert (shown.tried, shown.otherwise, shown.by_hand) == (3, 3, 2)
    assert (shown.agreed_before, shown.agreed_after) == (1, 1)


def test_rules_that_agree_with_people_come_first(two):
    for number in two.numbers("conflict"):
        overturn(two.hub, number, "eve")

    with two.store.read() as tx:
        first, *_, last = compare(two.hub, disputes(two.hub, tx, "nickname", 0.0))

    assert first.agreed_after == 3 and "c" in first.rule[0]
    assert last.agreed_after == 0


def test_a_value_that_a_person_had_fixed_says_nothing_of_a_rule(two):
    ana = two.goldens()[0]
    pin(two.hub, ana, "nickname", "Fixed", "eve")
    two.settle()
    here = next(i for i, row in two.systems["c"].rows.items() if row.fields["nick"] == "Fixed")
    there = next(i for i, row in two.systems["s"].rows.items() if row.fields["nick"] == "Fixed")
    two.edit("c", here, nick="One")
    pin(two.hub, ana, "nickname", "Fixed again", "eve")
    two.edit("s", there, nick="Two")
    two.settle()

    with two.store.read() as tx:
        newest = lists.conflicts(tx).rows[0]
        shown = propose(two.hub, tx, disputes(two.hub, tx, "nickname", 0.0), ("c",)).effect

    assert newest.rule == "pinned"
    assert shown.unknown >= 1 and shown.tried == 3


def test_conflicts_are_counted_by_field_and_system_since_a_time(two):
    overturn(two.hub, two.numbers("conflict")[0], "eve")

    with two.store.read() as tx:
        (row,) = by_field(tx, 0.0)
        later = by_field(tx, two.world.now + 1)

    assert (row.field, row.conflicts, row.accepted, row.overturned) == ("nickname", 3, 0, 1)
    assert later == []


def test_only_conflicts_of_the_last_days_are_tried(two):
    with two.store.read() as tx:
        assert propose(two.hub, tx, disputes(two.hub, tx, "nickname", two.world.now + 1), ("c",)).effect.tried == 0
        assert propose(two.hub, tx, disputes(two.hub, tx, "job_title", 0.0), ("c",)).effect.tried == 0


@given(rules)
def test_a_rule_is_read_back_from_its_text(rule):
    assert rule_of(rule_text(rule)) == rule


@pytest.mark.parametrize("said", [[], ["newest"], ["c", "c"], ["c", "elsewhere"], ["union"], ["latest", "c"]])
def test_what_is_no_rule_is_refused(said):
    with pytest.raises(ConfigError, match="Nothing was changed"):
        read_rule("nickname", said, ["c", "s"])

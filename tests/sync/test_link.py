"""One link, over drawn systems that keep less than they are given: what is an edit, what is our own, what is agreed."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.dedupe.survive import survive
from hub.mapping.apply import ContactMapping
from hub.mapping.spec import load_mapping
from hub.model import Record, Source
from hub.sync.engine import Route
from hub.sync.lacks import lacks
from hub.sync.link import TICK, Edit, Link, acknowledge, date_edits, differs, take
from hub.sync.refusals import keep_refusals, refusals
from tests.fakes.systems import can

SINGLE = ("given_name", "family_name", "department", "note")
WORDS = ["Ada", "Maximiliana", "MAXIMILIANA", "maxi", "José", "Zoë Ødegård", "O'Neil", "a b", "12", "Straße"]
MAILS = ["ada@example.org", "a.very.long.address@example.org", "x@example.net"]
PHONES = ["+351912345678", "+351961234567", "+442079460000"]
T0 = 1_000.0
many = settings(max_examples=150)


@dataclass(frozen=True)
class Lossy:
    """A system: its mapping, and what its table does to values without telling anybody.

    drops   columns that stay empty whatever they are given
    stuck   columns that cannot be emptied again
    cuts    column → characters it holds
    """

    mapping: ContactMapping
    drops: frozenset[str]
    stuck: frozenset[str]
    cuts: Mapping[str, int]

    def write(self, row: dict[str, Any], payload: Mapping[str, Any]) -> dict[str, Any]:
        after = dict(row)
        for column, value in payload.items():
            if column in self.drops or (not value and column in self.stuck and row.get(column)):
                continue
            after[column] = value[: self.cuts[column]] if isinstance(value, str) and column in self.cuts else value
        return after

    def read(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return self.mapping.inward(Record("1", row)).fields

    @property
    def route(self) -> Route:
        return Route("lossy", self.mapping, can())


def _mapping(rng: Random) -> ContactMapping:
    """A table that cuts, folds and formats in its own way."""
    fields: dict[str, Any] = {}
    for name in SINGLE:
        row: dict[str, Any] = {"from": name}
        if rng.random() < 0.5:
            row["max_length"] = rng.randint(1, 8)
        if rng.random() < 0.5:
            row["case"] = rng.choice(["upper", "lower"])
        row["ascii"] = rng.random() < 0.5
        fields[name] = row
    fields["emails"] = {"from": rng.choice(["mail", "mails[]"])}
    fields["phones"] = {"from": "tel", "format": rng.choice(["e164", "national", "international", "digits"])}
    return load_mapping({"kind": "person", "fields": fields}, where="drawn", default_region="PT")


mappings = st.sampled_from([_mapping(Random(n)) for n in range(24)])
words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
COLUMNS = (*SINGLE, "mail", "mails", "tel")
columns = st.sampled_from(COLUMNS)
systems = st.builds(
    Lossy,
    mappings,
    st.frozensets(columns, max_size=2),
    st.frozensets(columns, max_size=2),
    st.dictionaries(st.sampled_from(SINGLE), st.integers(1, 5), max_size=2),
)
plain = st.builds(Lossy, mappings, st.just(frozenset()), st.just(frozenset()), st.just({}))
goldens = st.fixed_dictionaries(
    {"kind": st.just("person")},
    optional={
        **{name: st.sampled_from(WORDS) for name in SINGLE},
        **{f"emails/{m}": st.just({}) for m in MAILS},
        **{f"phones/{p}": st.just({"raw": p}) for p in PHONES},
    },
)


def row_of(system: Lossy, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The row that a system holds when it was given these fields."""
    return system.write(dict.fromkeys(COLUMNS), system.mapping.payload(fields, fields.keys()))


def linked(system: Lossy, row: Mapping[str, Any]) -> Link:
    """The link after the row was seen for the first time: all of it is the system's own."""
    return Link("lossy", "1", changed=T0, fields=system.read(row))


def send(system: Lossy, row: dict[str, Any], link: Link, golden: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """What is sent to make the row as golden: (the row afterwards, the payload in golden's terms)."""
    changed = lacks(system.route, golden, link)
    desired = system.mapping.project(golden, link.agreed(), creating=False)
    return system.write(row, system.mapping.payload(desired, changed.keys())), changed


def push(
    system: Lossy, row: dict[str, Any], link: Link, golden: Mapping[str, Any], at: float = T0 + 1
) -> dict[str, Any]:
    """One acknowledged write; the row afterwards."""
    after, changed = send(system, row, link, golden)
    acknowledge(link, changed, system.read(after), system.mapping.stored, at)
    return after


# --- readings ---------------------------------------------------------------------------------------


@many
@given(system=systems, golden=goldens, before=goldens, now=goldens, sent=st.lists(goldens, max_size=2))
def test_the_same_reading_twice_is_news_once(system, golden, before, now, sent):
    link = linked(system, row_of(system, before))
    push(system, row_of(system, before), link, golden)
    reading = system.read(row_of(system, now))

    take(link, reading, sent, system.mapping.stored)

    assert take(link, reading, sent, system.mapping.stored) == []


@many
@given(system=systems, golden=goldens, before=goldens, now=goldens, sent=st.lists(goldens, max_size=2))
def test_after_a_reading_the_shadow_is_what_was_read(system, golden, before, now, sent):
    link = linked(system, row_of(system, before))
    push(system, row_of(system, before), link, golden)
    reading = system.read(row_of(system, now))

    take(link, reading, sent, system.mapping.stored)

    assert not [k for k in link.fields.keys() | reading.keys() if differs(k, link.fields.get(k), reading.get(k))]


@many
@given(system=plain, before=goldens, sent=st.lists(goldens, min_size=1, max_size=3), data=st.data())
def test_what_is_agreed_after_an_echo_is_what_was_sent(system, before, sent, data):
    """In golden's terms: nothing in the agreement that golden would not say, in the form that they keep."""
    row = row_of(system, before)
    link = linked(system, row)
    arrived = data.draw(st.sampled_from(sent))
    after, changed = send(system, row, link, arrived)

    take(link, system.read(after), [changed], system.mapping.stored)

    stored = system.mapping.stored(link.agreed())
    assert not [k for k in stored if differs(k, stored[k], link.fields.get(k))]
    wanted = system.mapping.stored({k: v for k, v in lacks(system.route, arrived, link).items() if v is not None})
    assert not [k for k in wanted if differs(k, wanted[k], link.fields.get(k))]  # at most the same once more


@many
@given(system=plain, before=goldens, tries=st.lists(goldens, min_size=1, max_size=3), data=st.data())
def test_whichever_unacknowledged_write_arrived_it_is_no_edit(system, before, tries, data):
    row = row_of(system, before)
    link = linked(system, row)
    sent = [send(system, row, link, golden) for golden in tries]
    arrived, _ = data.draw(st.sampled_from(sent))

    edits = take(link, system.read(arrived), [payload for _, payload in sent], system.mapping.stored)

    assert edits == []


@many
@given(system=plain, before=goldens, golden=goldens)
def test_a_write_that_never_arrived_leaves_no_trace(system, before, golden):
    row = row_of(system, before)
    link = linked(system, row)
    _, payload = send(system, row, link, golden)
    was = deepcopy(link)

    assert take(link, system.read(row), [payload], system.mapping.stored) == []
    assert (link.fields, link.own, link.echo, link.told) == (was.fields, was.own, was.echo, was.told)


@many
@given(
    system=systems,
    before=goldens,
    golden=goldens,
    sent=goldens,
    field=st.sampled_from(SINGLE),
    word=words,
)
def test_an_edit_is_never_swallowed(system, before, golden, sent, field, word):
    row = row_of(system, before)
    link = linked(system, row)
    row = push(system, row, link, golden)
    now = system.read({**row, field: word})
    ours = system.mapping.stored(sent).get(field)
    is_news = differs(field, link.fields.get(field), now.get(field))
    is_echo = now.get(field) is not None and now.get(field) in (ours, sent.get(field))

    edits = take(link, now, [sent], system.mapping.stored)

    if is_news and not is_echo:
        assert [e.theirs for e in edits if e.key == field] == [now.get(field)]
        assert link.opinion().fields.get(field) == now.get(field)


@many
@given(system=plain, before=goldens, golden=goldens)
def test_a_value_emptied_there_is_an_edit_unless_we_emptied_it(system, before, golden):
    row = row_of(system, before)
    link = linked(system, row)
    kept = link.fields.get("note")

    edits = take(link, system.read({**row, "note": None}), [{"department": "x"}], system.mapping.stored)
    assert [e for e in edits if e.key == "note"] == ([Edit("note", kept, None)] if kept else [])


def test_a_label_that_changes_is_no_edit():
    link = Link("a", "1", fields={"emails/ada@example.org": {"label": "work"}})

    edits = take(link, {"emails/ada@example.org": {"label": "home"}}, [], dict)

    assert edits == []
    assert link.fields["emails/ada@example.org"] == {"label": "home"}


# --- refusals ---------------------------------------------------------------------------------------

NEWS = "consents/email|*|newsletter"
statements = st.builds(
    lambda status, at, basis: {"status": status, "at": at, "basis": basis},
    st.sampled_from(["granted", "denied", "pending"]),
    st.sampled_from([f"2026-0{month}-01T00:00:00+00:00" for month in range(1, 7)]),
    st.sampled_from(["explicit", "imported"]),
)


@many
@given(readings=st.lists(st.none() | statements, min_size=2, max_size=5))
def test_a_refusal_stands_until_the_person_opts_in_later_and_explicitly(readings):
    link = Link("a", "1", changed=T0)
    for now in readings:
        before = link.opinion().fields.get(NEWS)
        was = refusals(link)
        keep_refusals(link, was, take(link, {NEWS: now} if now else {}, [], dict))
        after = link.opinion().fields.get(NEWS)
        if before and before["status"] != "granted" and (after is None or after["status"] == "granted"):
            assert now["status"] == "granted" and now["basis"] == "explicit" and now["at"] > before["at"]
        assert link.fields.get(NEWS) == now  # the shadow is what they show, so that the refusal can be told them


@many
@given(refusal=statements, opt_in=statements)
def test_our_own_grant_is_no_opt_in_of_theirs(refusal, opt_in):
    """What we wrote there because another system knows of an opt-in: theirs is still the refusal."""
    refusal, granted = {**refusal, "status": "denied"}, {**opt_in, "status": "granted"}
    link = Link("a", "1", changed=T0, fields={NEWS: refusal})
    was = refusals(link)

    edits = take(link, {NEWS: granted}, [{NEWS: granted}], dict)
    keep_refusals(link, was, edits)

    assert edits == []
    assert link.opinion().fields[NEWS] == refusal


# --- acknowledged writes ----------------------------------------------------------------------------


@many
@given(system=systems, before=goldens, golden=goldens)
def test_after_an_acknowledged_write_nothing_is_lacking(system, before, golden):
    """Whatever they cut, drop or will not let go: asked for once, never again."""
    row = row_of(system, before)
    link = linked(system, row)

    push(system, row, link, golden)

    assert lacks(system.route, golden, link) == {}


def test_a_value_that_they_keep_under_the_key_that_was_to_go_is_agreed():
    """A foreign number in a column of national ones reads back as no number at all, before and after."""
    raw = "phones/raw:2079460000"
    link = Link("a", "1", fields={raw: {"invalid": True}})
    sent = {"phones/+442079460000": {}, raw: None}

    acknowledge(link, sent, {raw: {"invalid": True}}, lambda fields: {raw: {"invalid": True}}, T0)

    assert link.agreed() == {"phones/+442079460000": {}}


@many
@given(system=systems, before=goldens, golden=goldens)
def test_our_own_write_is_no_news_to_us(system, before, golden):
    row = row_of(system, before)
    link = linked(system, row)

    after = push(system, row, link, golden)

    sent = lacks(system.route, golden, linked(system, row))
    news = take(link, system.read(after), [], system.mapping.stored)
    assert [e for e in news if e.key in sent] == []


@many
@given(system=systems, before=goldens, golden=goldens, edited=st.sampled_from(SINGLE), word=st.sampled_from(WORDS))
def test_only_the_fields_sent_are_taken_from_an_answer(system, before, golden, edited, word):
    """Somebody edited another field between our reading and our write: the answer must not hide that."""
    row = row_of(system, before)
    link = linked(system, row)
    after, changed = send(system, row, link, golden)
    if edited in changed:
        return
    was = link.fields.get(edited)
    answer = system.read({**after, edited: word})

    acknowledge(link, changed, answer, system.mapping.stored, T0 + 1)

    assert link.fields.get(edited) == was
    if differs(edited, was, answer.get(edited)):
        news = take(link, answer, [], system.mapping.stored)
        assert [e.theirs for e in news if e.key == edited] == [answer.get(edited)]


@many
@given(system=systems, before=goldens, writes=st.lists(goldens, min_size=1, max_size=3))
def test_what_a_system_said_itself_outlives_every_write_of_ours(system, before, writes):
    row = row_of(system, before)
    link = linked(system, row)
    said = dict(link.opinion().fields)

    for n, golden in enumerate(writes):
        row = push(system, row, link, golden, T0 + 1 + n)

    assert dict(link.opinion().fields) == said
    assert {k: link.claimed_since(k) for k in said} == dict.fromkeys(said, T0)


@many
@given(system=systems, before=goldens, golden=goldens)
def test_an_answer_that_says_nothing_counts_as_stored_in_their_form(system, before, golden):
    row = row_of(system, before)
    link = linked(system, row)
    _, changed = send(system, row, link, golden)

    acknowledge(link, changed, None, system.mapping.stored, T0 + 1)

    assert lacks(system.route, golden, link) == {}


@many
@given(system=plain, before=goldens, golden=goldens, field=st.sampled_from(SINGLE), word=st.sampled_from(WORDS))
def test_an_edit_after_our_write_takes_the_place_of_what_they_said_before(system, before, golden, field, word):
    row = row_of(system, before)
    link = linked(system, row)
    row = push(system, row, link, golden)
    now = system.read({**row, field: word})
    if not differs(field, link.fields.get(field), now.get(field)):
        return

    take(link, now, [], system.mapping.stored)

    assert link.opinion().fields.get(field) == now.get(field)
    assert field not in link.own


# --- times ------------------------------------------------------------------------------------------

times = st.floats(0, 4e9, allow_nan=False)


@given(at=times, claimed=times)
def test_an_edit_that_knew_the_other_value_is_later_whatever_the_clocks_say(at, claimed):
    editor = Link("a", "1", fields={"note": "new"})
    date_edits(editor, [Edit("note", "old", "new")], at, {"note": claimed}, set())

    golden = survive([editor.opinion(), Source(("b", "2"), {"note": "old"}, claimed)])

    assert golden.fields["note"] == "new"


@given(at=times, claimed=times)
def test_between_two_edits_that_knew_nothing_of_each_other_the_clocks_decide(at, claimed):
    link = Link("a", "1", fields={"note": "new"})

    date_edits(link, [Edit("note", "old", "new")], at, {"note": claimed}, {"note"})

    assert link.since["note"] == at


@given(at=times)
def test_a_value_nobody_had_claimed_is_dated_by_its_own_clock(at):
    link = Link("a", "1", fields={"note": "new"})

    date_edits(link, [Edit("note", None, "new")], at, {}, set())

    assert link.since["note"] == at


def test_an_emptied_field_has_no_date():
    link = Link("a", "1")

    date_edits(link, [Edit("note", "old", None)], 5.0, {"note": 4.0}, set())

    assert link.since == {}


def test_later_means_later_by_more_than_floats_lose():
    assert 4e9 + TICK > 4e9

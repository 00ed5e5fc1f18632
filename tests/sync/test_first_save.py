"""A first load saves golden records the short way; they are those that the way of every other change makes."""

from array import array
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.dedupe.features import features, pack
from hub.dedupe.keys import blocking_keys
from hub.dedupe.survive import Rules
from hub.model import LinkState, Record
from hub.store import links as db
from hub.store.interactions import StatementRow, save_statements
from hub.sync.clusters import Clusters
from hub.sync.first_save import Newcomer, save_groups
from hub.sync.link import Link, date_consents, iso
from hub.sync.reading import Fresh
from hub.sync.staged import stage, unstage
from tests.fakes.rig import START, Rig

CONSENT = st.fixed_dictionaries(
    {"status": st.sampled_from(["granted", "denied", "pending"])},
    optional={"at": st.sampled_from(["2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z"])},
)
FIELDS = st.fixed_dictionaries(
    {"kind": st.just("person")},
    optional={
        "given_name": st.sampled_from(["Ann", "ANN", "", None]),
        "family_name": st.sampled_from(["O'Neil-Ødegård", "Lee", None]),
        "emails/ann@example.org": st.sampled_from([{}, {"label": "work"}, None]),
        "phones/+351912345678": st.sampled_from([{"raw": "912 345 678"}, {}]),
        "addresses/a": st.just({"street": "1 High Street", "country": "GB"}),
        "consents/email|*|news": CONSENT,
        "consents/email|ann@example.org|news": CONSENT,
    },
)
RECORDS = st.lists(
    st.tuples(st.sampled_from(["crm", "erp", "shop"]), FIELDS, st.none() | st.integers(0, 3), st.booleans()),
    min_size=1,
    max_size=4,
)
RULES = st.sampled_from(
    [Rules(), Rules(empty_wins=frozenset(["given_name"])), Rules({"given_name": ("shop", "crm"), "addresses": "union"})]
)
SAID = StatementRow(
    "emails/ann@example.org", "email", "news", "erp", {"status": "denied", "at": "2024-01-15T00:00:00Z"}
)
TABLES = {
    "golden": "SELECT * FROM golden ORDER BY id",
    "record": "SELECT * FROM record ORDER BY id",
    "change": "SELECT golden_id, at, kind, connection, detail, run_id FROM change ORDER BY golden_id",
    "queue": "SELECT * FROM queue ORDER BY connection, golden_id",
}


def world(rules, said):
    rig = Rig(rules=rules)
    rig.add("crm")
    rig.add("erp", push="updates")
    rig.add("shop", push="no")
    if said:
        with rig.store.write() as tx:
            save_statements(tx, [SAID], 1)
    return rig


def staged_groups(drawn):
    """What a first load would have on its stage, numbered."""
    groups, number = [], 0
    for group in drawn:
        newcomers = []
        for connection, fields, changed, archived in group:
            number += 1
            at = None if changed is None else moment(changed)
            record = Record(f"x{number}", {}, version="v1", changed_at=at, archived=archived)
            fresh = Fresh(record, b"m" * 16, fields, frozenset(["phones"] if archived else []))
            seen = features(fields)
            body = stage(fresh, seen, blocking_keys(seen))
            newcomers.append((Newcomer(number, connection, record.id, unstage(body)), fresh))
        groups.append(newcomers)
    return groups


def moment(seconds):
    return datetime.fromtimestamp(1_700_000_000 + seconds, UTC)


def rows(rig):
    return {name: rig.rows(text) for name, text in TABLES.items()}


def the_long_way(rig, groups):
    with rig.store.write() as tx:
        clusters, links, looks = Clusters(rig.hub, tx, "r", START), [], {}
        for group in groups:
            cluster = clusters.new(rig.hub.new_id("g"))
            for newcomer, fresh in group:
                state = LinkState.ARCHIVED if fresh.record.archived else LinkState.LIVE
                link = Link(newcomer.connection, newcomer.external_id, cluster.id, newcomer.number, state)
                link.fields = dict(date_consents(link, fresh.fields, iso(START)))
                link.fingerprint, link.version, link.odd = fresh.fingerprint, fresh.record.version, set(fresh.odd)
                link.changed = fresh.record.changed_at.timestamp() if fresh.record.changed_at else START
                cluster.members.append(link)
                cluster.told_by.add(link.connection)
                links.append(link)
                looks[link.id] = pack(features(fresh.fields))
        clusters.settle()
        db.insert_links(tx, links, "r", looks)


@settings(max_examples=60)  # two stores for each
@given(st.lists(RECORDS, min_size=1, max_size=4), RULES, st.booleans())
def test_the_short_way_saves_what_the_long_way_saves(drawn, rules, said):
    groups = staged_groups(drawn)
    short, long = world(rules, said), world(rules, said)

    with short.store.write() as tx:
        save_groups(short.hub, tx, "r", [[newcomer for newcomer, _ in group] for group in groups], START)
    the_long_way(long, groups)

    assert rows(short) == rows(long)


@given(FIELDS, st.lists(st.integers(0, 2**63 - 1), max_size=14))
def test_what_waits_comes_back_as_it_was(fields, keys):
    seen = features(fields)
    fresh = Fresh(Record("é\x00", {}, version=None), bytes(16), fields)

    back = unstage(stage(fresh, seen, keys))

    assert (back.mark, back.version, back.changed, back.state) == (bytes(16), None, None, "live")
    assert (back.features, back.keys, back.odd) == (pack(seen), array("q", keys).tobytes(), ())
    assert set(back.words) == set(seen.name)

"""Interactions in both databases: each id once, replaced when it changes, found by point, record or past."""

from hub.store import interactions as db
from hub.store.interactions import InteractionRow, StatementRow
from hub.store.lists import Part


def row(number: int, *points: str, **more) -> InteractionRow:
    given = {
        "number": 0,
        "connection": "pbx",
        "id": f"c{number}",
        "at": 1000.0 + number,
        "channel": "call",
        "kind": "call.answered",
        "direction": "in",
        "record": None,
        "points": points,
        "summary": "",
        "details": {"seconds": number},
        "reference": None,
        "mark": bytes([number]) * 16,
    }
    return InteractionRow(**(given | more))


def save(store, *rows: InteractionRow) -> int:
    with store.write() as tx:
        return db.save(tx, rows, "r1")


def found(store, *points: str, part: Part = Part()) -> tuple[list[str], int]:  # noqa: B008  frozen
    with store.read() as tx:
        listed = db.of_golden(tx, "g1", points, part)
    return [r.id for r in listed.rows], listed.more


def test_an_id_is_stored_once(store):
    assert save(store, row(1, "phones/+1"), row(2, "phones/+1")) == 2
    assert save(store, row(2, "phones/+1"), row(3, "phones/+1")) == 1

    assert found(store, "phones/+1") == (["c3", "c2", "c1"], 0)


def test_the_same_id_of_another_connection_is_another_one(store):
    save(store, row(1, "phones/+1"))
    save(store, row(1, "phones/+1", connection="other"))

    assert found(store, "phones/+1") == (["c1", "c1"], 0)


def test_a_changed_one_takes_the_place_of_the_old(store):
    save(store, row(1, "phones/+1"))
    save(store, row(1, "phones/+2", at=5.0, mark=b"x" * 16, summary="again"))

    assert (found(store, "phones/+1"), found(store, "phones/+2")) == (([], 0), (["c1"], 0))
    with store.read() as tx:
        ((one,),) = db.everything(tx, 10)
    assert (one.summary, one.at, one.points, one.details) == ("again", 5.0, ("phones/+2",), {"seconds": 1})


def test_one_with_two_points_of_a_contact_is_listed_once(store):
    save(store, row(1, "phones/+1", "emails/a@example.org", "phones/+1"))

    assert found(store, "phones/+1", "emails/a@example.org") == (["c1"], 0)


def test_a_part_of_a_long_timeline_says_how_many_follow(store):
    save(store, *(row(n, "phones/+1") for n in range(1, 8)))

    assert found(store, "phones/+1", part=Part(2, 1)) == (["c6", "c5"], 4)


def test_everything_comes_in_parts(store):
    save(store, *(row(n) for n in range(1, 8)))

    with store.read() as tx:
        assert [[r.number for r in some] for some in db.everything(tx, 3)] == [[1, 2, 3], [4, 5, 6], [7]]


def test_a_statement_takes_the_place_of_the_one_before(store):
    said = [StatementRow("phones/+1", "sms", "news", "pbx", {"status": status}) for status in ("denied", "granted")]
    with store.write() as tx:
        assert not db.is_said(tx)
        db.save_statements(tx, said[:1], 1)
        assert db.is_said(tx)
    with store.write() as tx:
        db.save_statements(tx, said[1:], 0)

    with store.read() as tx:
        assert db.read_statements(tx, {"phones/+1", "phones/+2"}) == {"phones/+1": said[1:]}


def test_nothing_is_kept_and_nothing_asked_where_there_is_nothing(store):
    with store.write() as tx:
        assert not db.there_are(tx)
        db.keep(tx, [(1, "phones/+1")])

    assert found(store, "phones/+1") == ([], 0)

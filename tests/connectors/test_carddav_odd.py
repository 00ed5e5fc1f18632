"""CardDAV on servers that are not like Radicale: what the standards allow, one client has to take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hub.connectors.carddav import CardDavConnector, CardDavSettings
from hub.connectors.contract import Context
from hub.errors import AccountError, CursorExpired
from hub.model import Done, Missing, Op, Record, Refused, Stale, Tombstone, Unreadable, Write
from hub.testing.contract import done, items, listing, records
from tests.connectors.odd_dav import BOOK, OddDav


def text(name: str, *lines: str) -> str:
    return "\r\n".join(["BEGIN:VCARD", "VERSION:3.0", f"UID:{name}", f"FN:{name}", *lines, "END:VCARD", ""])


class Rig:
    def __init__(self, **server: Any) -> None:
        self.server = OddDav(**server)
        self.context = Context("book", sleep=lambda seconds: None, transport=self.server)
        for number in range(5):
            self.server.put(f"c {number}@x.vcf", text(f"c{number}"))

    def connect(self, **changed: Any) -> CardDavConnector:
        settings = {
            "url": f"https://dav.example.org{BOOK}",
            "user": "hub",
            "secret": "hubpass",
            "page_size": 2,
            **changed,
        }
        return CardDavConnector(CardDavSettings.model_validate(settings), self.context)


@pytest.fixture
def made() -> Iterator[Any]:
    rigs: list[Rig] = []

    def make(**server: Any) -> Rig:
        rigs.append(Rig(**server))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.context.closing.close()


KINDS = [{"changes": kind} for kind in ("token", "ctag", "none")] + [
    {"absolute": True},
    {"silent": True},
    {"part": 1},
    {"silent": True, "changes": "ctag", "absolute": True},
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_additions_changes_and_deletions_are_told_by_every_server(made: Any, kind: dict[str, Any]) -> None:
    rig = made(**kind)
    there, cursor = listing(rig.connect())
    rig.server.put("c 1@x.vcf", text("c1", "TITLE:Alto"))
    rig.server.put("new.vcf", text("new"))
    rig.server.remove("c 2@x.vcf")

    told = items(rig.connect().pull(cursor))

    assert len(there) == 5
    assert {each.id for each in told if isinstance(each, Tombstone)} == {"c 2@x.vcf"}
    changed = {each.id: each.fields["job_title"] for each in told if isinstance(each, Record)}
    assert changed == {"c 1@x.vcf": "Alto", "new.vcf": None}


@pytest.mark.parametrize(("kind", "most"), [("token", 1), ("ctag", 1), ("none", 2)])
def test_a_quiet_pull_asks_no_more_than_it_must(made: Any, kind: str, most: int) -> None:
    rig = made(changes=kind)
    _, cursor = listing(rig.connect())
    rig.server.asked.clear()

    [page] = rig.connect().pull(cursor)

    assert (page.items, page.cursor) == ((), cursor)
    assert len(rig.server.asked) <= most


@pytest.mark.parametrize("kind", ["token", "ctag", "none"])
def test_a_listing_can_be_gone_on_with_after_every_page(made: Any, kind: str) -> None:
    rig = made(changes=kind)
    pages = list(rig.connect().pull(None))

    for number, page in enumerate(pages, start=1):
        rest = records(rig.connect().pull(page.cursor))
        assert records(pages[:number]).keys() | rest.keys() == rig.server.cards.keys()


@pytest.mark.parametrize("status", [403, 409, 412])
def test_a_token_that_is_not_known_is_told_by_its_precondition_whatever_the_status(made: Any, status: int) -> None:
    rig = made(bad_token=status)
    _, cursor = listing(rig.connect())
    rig.server.history.clear()

    with pytest.raises(CursorExpired):
        list(rig.connect().pull(cursor))


def test_a_cursor_of_another_address_book_is_not_taken(made: Any) -> None:
    rig = made()
    _, cursor = listing(rig.connect())

    with pytest.raises(CursorExpired):
        list(rig.connect(addressbook="other").pull(cursor))


def test_a_broken_card_is_set_aside_and_hides_no_other(made: Any) -> None:
    rig = made()
    rig.server.put("broken.vcf", "BEGIN:VCARD\r\nFN:no end\r\n")

    found = items(rig.connect().pull(None))

    [broken] = [each for each in found if isinstance(each, Unreadable)]
    assert broken.id == "broken.vcf"
    assert len(found) == 6


def test_cards_of_the_kind_group_are_left_alone(made: Any) -> None:
    rig = made()
    rig.server.put("friends.vcf", text("friends", "X-ADDRESSBOOKSERVER-KIND:group"))
    connector = rig.connect()

    assert "friends.vcf" not in records(connector.pull(None))
    assert connector.write([Write(Op.UPDATE, "hub:1", "friends.vcf", {"note": "x"})]) == [Missing()]


# --- finding the book -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/", "/dav/", "/dav/who/hub", BOOK])
def test_the_book_is_found_from_wherever_one_begins(made: Any, path: str) -> None:
    rig = made()

    assert rig.connect(url=f"https://dav.example.org{path}").check().records == 5


@pytest.mark.parametrize("wanted", [None, "letters"])
def test_a_choice_of_books_is_left_to_the_owner(made: Any, wanted: str | None) -> None:
    rig = made(books=(BOOK, "/dav/books/hub/work/"))

    with pytest.raises(AccountError, match="contacts, work"):
        rig.connect(url="https://dav.example.org/", addressbook=wanted).check()


def test_the_book_that_is_named_is_taken(made: Any) -> None:
    rig = made(books=(BOOK, "/dav/books/hub/work/"))

    assert rig.connect(url="https://dav.example.org/", addressbook="contacts").check().records == 5


def test_the_key_follows_no_redirect_to_another_host(made: Any) -> None:
    rig = made(well_known="https://elsewhere.example.org/dav/")

    with pytest.raises(AccountError, match="no address book"):
        rig.connect(url="https://dav.example.org/").check()


# --- writing ----------------------------------------------------------------------------------------


def test_a_write_needs_no_etag_in_the_answer_and_takes_a_weak_one(made: Any) -> None:
    rig = made()
    connector = rig.connect()
    seen = records(connector.pull(None))["c 0@x.vcf"]

    record = done(connector.write([Write(Op.UPDATE, "hub:1", seen.id, {"note": "x"}, seen.version)]))

    assert record.fields["note"] == "x"
    assert record.version not in {None, seen.version}
    assert connector.write([Write(Op.UPDATE, "hub:1", seen.id, {"note": "y"}, seen.version)]) == [Stale()]
    assert connector.write([Write(Op.DELETE, "hub:1", seen.id, {}, seen.version)]) == [Stale()]
    assert connector.write([Write(Op.DELETE, "hub:1", seen.id, {}, record.version)]) == [Done(None)]


def test_a_card_that_changes_between_reading_and_writing_is_not_overwritten(made: Any) -> None:
    rig = made()

    class Hurried(OddDav):
        def handle_request(hurried, request: Any) -> Any:
            if request.method == "PUT":
                rig.server.put("c 0@x.vcf", text("c0", "NOTE:theirs"))
            return rig.server.handle_request(request)

    context = Context("book", transport=Hurried(), closing=rig.context.closing)
    connector = CardDavConnector(rig.connect().settings, context)

    assert connector.write([Write(Op.UPDATE, "hub:1", "c 0@x.vcf", {"note": "ours"})]) == [Stale()]
    assert "NOTE:theirs" in rig.server.cards["c 0@x.vcf"]


def test_a_card_of_ours_that_somebody_moved_is_found_by_its_uid(made: Any) -> None:
    rig = made()
    connector = rig.connect()
    first = done(connector.write([Write(Op.CREATE, "hub:g1", None, {"given_name": "Rita"})]))
    moved = rig.server.cards.pop(first.id)
    rig.server.put("moved.vcf", moved)

    [again] = connector.write([Write(Op.CREATE, "hub:g1", None, {"given_name": "Rita"})])

    assert isinstance(again, Done)
    assert again.existed
    assert again.record is not None
    assert again.record.id == "moved.vcf"


def test_a_server_that_takes_version_4_only_gets_it(made: Any) -> None:
    rig = made(only_v4=True)

    record = done(rig.connect().write([Write(Op.CREATE, "hub:g1", None, {"given_name": "Rita", "kind": "org"})]))

    assert "VERSION:4.0" in rig.server.cards[record.id]
    assert "KIND:org" in rig.server.cards[record.id]


def test_a_refused_card_is_told_with_the_servers_reason(made: Any) -> None:
    rig = made()
    connector = rig.connect()
    done(connector.write([Write(Op.CREATE, "hub:g2", None, {"given_name": "Rita"})]))
    rig.server.cards["hub-g2.vcf"] = text("somebody else")

    [outcome] = connector.write([Write(Op.CREATE, "hub:g2", None, {"given_name": "Rita"})])

    assert isinstance(outcome, Refused)
    assert "412" in outcome.reason

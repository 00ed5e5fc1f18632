"""Microsoft 365 contacts: the contract on their stand-in, and what is Graph's own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from typing import Any, ClassVar

import orjson
import pytest

from hub.errors import AccountError, CursorExpired
from hub.model import Done, Missing, NotSent, Op, Outcome, Refused, Stale, Unknown, Write
from hub.testing import ConnectorContract
from hub.testing.words import done, listing, records, write_all
from tests.connectors.services.microsoft import ACCOUNT, LOGIN, DeltaLinks, MicrosoftSystem
from tests.connectors.services.systems import NUMBERS, address
from tests.fakes.services.microsoft_graph import Graph

HOME = {"street": "Rua Um 1", "city": "Porto", "state": "Porto", "postalCode": "4000-001"}


class GraphSystem(MicrosoftSystem):
    service = "microsoft_graph"
    scope = "https://graph.microsoft.com/.default"
    settings: ClassVar[dict[str, Any]] = {
        **ACCOUNT,
        "mailbox": "sales@example.org",
        "page_size": 10,
    }
    hosts = ("graph.microsoft.com", LOGIN)
    nobody = "AAkALgAAAL99999999="
    text = "personalNotes"
    optional = ("jobTitle", "jobTitle")
    choice = ("profession", "profession")
    memory = 48 * 2**20  # of which the stand-in keeps 20 as what it answered
    fake: Graph

    def seed(self, count: int) -> list[str]:
        return [
            self.fake.seed(
                givenName="Marta",
                surname="Żak",
                middleName="Ana",
                title="Dr.",
                generation="PhD",
                nickName="Mar",
                companyName="Company Lda",
                department="Buying",
                jobTitle="Buyer",
                profession="Engineer",
                emailAddresses=[{"name": "Marta", "address": address()}, {"name": "Marta", "address": address()}],
                businessPhones=["+351 222 345 678"],
                homePhones=["+351 223 345 678"],
                mobilePhone="+351 912 345 678",
                birthday="1980-04-12",
                businessHomePage="https://example.org/marta",
                personalNotes="Met at a fair",
                categories=["Fair", "Customer"],
                businessAddress={**HOME, "countryOrRegion": "Portugal"},
                homeAddress={**HOME, "countryOrRegion": "Portugal", "street": "Rua Dois 2"},
            )
            for _ in range(count)
        ]

    def is_kept(self, record_id: str) -> bool:
        return record_id not in self.fake.state["purged"]

    def twin(self, record_id: str) -> str:
        return self.fake.seed(surname="Twin")

    def new_fields(self) -> dict[str, Any]:
        return {"givenName": "Noël", "surname": "Têtu", "emailAddresses": [{"address": address()}]}

    def edit_fields(self) -> dict[str, Any]:
        return {"jobTitle": f"Title {next(NUMBERS)}", "homePhones": ["+351 224 345 678"]}

    def refused_fields(self) -> dict[str, Any]:
        return {"surname": "Refused", "birthday": "no day at all"}

    def is_write(self, request: Any) -> bool:
        if request.url.path.endswith("/$batch"):
            return any(each["method"] != "GET" for each in orjson.loads(request.read())["requests"])
        return super().is_write(request)


@pytest.fixture
def system() -> GraphSystem:
    return GraphSystem(Graph())


class TestMicrosoftGraph(DeltaLinks, ConnectorContract):
    pass


@pytest.mark.parametrize("answer", [(410, "resyncRequired"), (404, "SyncStateNotFound"), (400, "syncStateNotFound")])
def test_a_link_that_ended_asks_for_a_new_listing(system: GraphSystem, answer: tuple[int, str]) -> None:
    system.seed(1)
    _, cursor = listing(system.connector)
    system.fake.end_links(*answer)

    with pytest.raises(CursorExpired):
        list(system.connector.pull(cursor))


def test_every_call_asks_for_ids_that_last(system: GraphSystem) -> None:
    [record_id] = system.seed(1)
    _, cursor = listing(system.connector)
    made = done(system.connector.write([Write(Op.CREATE, "hub:1", None, system.new_fields())]))
    changed = done(system.connector.write([Write(Op.UPDATE, "hub:2", record_id, system.edit_fields())]))
    found = system.connector.find("hub:1")

    assert found is not None
    assert (found.id, changed.id) == (made.id, record_id)
    assert set(records(system.connector.pull(cursor))) == {made.id, record_id}


def test_a_deletion_decided_on_an_older_state_is_stale(system: GraphSystem) -> None:
    [record_id] = system.seed(1)
    version = records(system.connector.pull(None))[record_id].version
    system.edit(record_id)

    assert system.connector.write([Write(Op.DELETE, "hub:1", record_id, {}, version)]) == [Stale()]


def test_a_fourth_address_is_refused_and_told(system: GraphSystem) -> None:
    [record_id] = system.seed(1)
    four = [{"address": address()} for _ in range(4)]

    [outcome] = system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"emailAddresses": four})])

    assert isinstance(outcome, Refused)
    assert "at most 3" in outcome.reason


def test_a_mailbox_that_is_gone_pauses_the_connection_and_makes_nobody_vanish(system: GraphSystem) -> None:
    [record_id] = system.seed(1)
    _, cursor = listing(system.connector)
    system.fake.mailbox = "moved@example.org"

    for ask in (lambda: system.connector.read([record_id]), lambda: list(system.connector.pull(cursor))):
        with pytest.raises(AccountError):
            ask()
    with pytest.raises(AccountError):
        system.connector.write([Write(Op.DELETE, "hub:1", record_id, {})])


def test_another_folder_is_read_where_it_is_named(system: GraphSystem) -> None:
    connector = system.connect(folder="contactFolders/AAMkFolder/contacts")

    with pytest.raises(AccountError):
        connector.check()
    assert system.requests()[-1].url.path.endswith("/users/sales@example.org/contactFolders/AAMkFolder/contacts")


def test_the_stand_in_takes_four_calls_at_a_time(system: GraphSystem) -> None:
    """Else a connector that asks for more would not be seen."""
    system.connector.check()
    request = system.requests()[-1]

    with ThreadPoolExecutor(8) as pool, system.fake._lock:
        asked = [pool.submit(system.fake.handle_request, request) for _ in range(8)]
        refused = list(islice(as_completed(asked, timeout=20), 4))

    assert [each.result().headers["retry-after"] for each in refused] == ["1"] * 4
    assert system.fake.crowded == 4


# --- several in one request -------------------------------------------------------------------------


def updates(system: GraphSystem, ids: list[str]) -> list[Write]:
    seen = system.connector.read(ids)
    return [Write(Op.UPDATE, f"hub:{each}", each, {"jobTitle": "Buyer"}, seen[each].version) for each in ids]


def kinds(outcomes: list[Outcome]) -> list[type]:
    return [type(each) for each in outcomes]


def test_each_write_of_a_batch_ends_as_it_would_alone(system: GraphSystem) -> None:
    good, stale, gone, bad = ids = system.seed(4)
    writes = updates(system, ids)
    system.edit(stale)
    system.remove(gone)
    wrong = Write(Op.UPDATE, "hub:4", bad, {"birthday": "no day at all"}, writes[3].version)
    half = Write(Op.UPDATE, "hub:6", bad, {"jobTitle": "half a character \ud800"})
    nobody = Write(Op.UPDATE, "hub:5", system.nobody, {"jobTitle": "Buyer"})

    outcomes = system.connector.write([*writes[:3], wrong, nobody, half])

    assert kinds(outcomes) == [Done, Stale, Missing, Refused, Missing, Refused]
    assert done(outcomes[:1]) == system.connector.read([good])[good]


def test_contacts_are_made_and_deleted_twenty_in_a_request(system: GraphSystem) -> None:
    system.connector.check()
    before = len(system.requests())

    made = write_all(system.connector, [Write(Op.CREATE, f"hub:{n}", None, system.new_fields()) for n in range(40)])
    there = [done([each]) for each in made]
    gone = write_all(
        system.connector, [Write(Op.DELETE, f"hub:{each.id}", each.id, {}, each.version) for each in there]
    )

    assert len({each.id for each in there}) == 40
    assert kinds(gone) == [Done] * 40
    assert system.connector.find("hub:7") is None
    assert [each.url.path for each in system.requests()[before:-1]] == ["/v1.0/$batch"] * 5  # one of them a sample


def test_who_is_turned_away_in_a_batch_goes_again_after_the_wait(system: GraphSystem) -> None:
    writes = updates(system, system.seed(20))
    system.connector.write(writes[:1])
    system.fake.crowds, before, begun = 16, len(system.requests()), system.clock.seconds()

    outcomes = system.connector.write(writes)

    sizes = [len(orjson.loads(each.read())["requests"]) for each in system.requests()[before:]]
    assert kinds(outcomes) == [Stale] + [Done] * 19
    assert sizes == [20, 16]
    assert system.clock.seconds() - begun >= 1


def test_who_is_turned_away_for_good_is_written_later(system: GraphSystem) -> None:
    writes = updates(system, system.seed(2))
    system.fake.crowds = 1000

    assert kinds(system.connector.write(writes)) == [NotSent, NotSent]


def test_who_is_put_off_for_long_is_not_waited_for(system: GraphSystem) -> None:
    writes = updates(system, system.seed(3))
    system.connector.write(updates(system, system.seed(2)))  # of which a sample was taken
    begun = system.clock.seconds()
    system.fake.crowds, system.fake.puts_off = 1, 90

    outcomes = system.connector.write(writes)

    assert kinds(outcomes) == [NotSent, Done, Done]
    assert isinstance(outcomes[0], NotSent)
    assert outcomes[0].retry_after == 90
    assert system.clock.seconds() - begun < 90


def test_a_batch_with_answers_missing_leaves_those_unknown(system: GraphSystem) -> None:
    writes = updates(system, system.seed(3))
    system.connector.write(updates(system, system.seed(2)))  # of which a sample was taken
    system.fake.answers_at_most = 2

    assert kinds(system.connector.write(writes)) == [Unknown, Done, Done]


def test_the_calls_of_a_batch_count_for_the_limit(system: GraphSystem) -> None:
    connector = system.connect(rate_share=0.01)  # 100 in 10 minutes
    ids = system.seed(60)
    connector.read(ids)
    system.clock.pass_by(550)
    begun = system.clock.seconds()

    assert len(connector.read(ids)) == 60

    assert system.clock.seconds() - begun == pytest.approx(50, abs=2)  # after 40 of them


def test_a_mailbox_that_is_gone_pauses_the_connection_when_several_are_written(system: GraphSystem) -> None:
    writes = updates(system, system.seed(2))
    system.fake.mailbox = "moved@example.org"

    with pytest.raises(AccountError):
        system.connector.write(writes)

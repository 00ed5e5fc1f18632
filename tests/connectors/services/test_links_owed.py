"""A company that comes into being after its contacts: they are linked to it then, with few requests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hub.connectors.contract import Connector
from hub.model import Done, Op, Record, Write
from hub.store import outcomes, runs
from hub.sync.engine import Route
from hub.sync.run import Orders, Result, sync
from hub.testing.apart import over
from hub.testing.faults import answered
from hub.testing.mapped import mapping_of
from hub.testing.words import records
from tests.connectors.services.test_company_links import Case, dynamics, erpnext, hubspot, salesforce, zoho
from tests.fakes.rig import ADA, FREE, Rig, mapping, person
from tests.fakes.systems import FakeSystem

MAKERS = {make.__name__: make for make in (salesforce, zoho, dynamics, hubspot, erpnext)}
DAY = 86_400


class World:
    """A CRM that knows people by the name of their company, and a service that links them."""

    def __init__(self, case: Case) -> None:
        self.case, self.rig = case, Rig()
        self.crm: FakeSystem = self.rig.add("crm", table=mapping(company="firm"))
        connector = case.system.connector
        self.rig.routes["other"] = Route("other", mapping_of(connector), connector.can, limits=FREE)

    def connector(self) -> Connector:
        """As each run opens one."""
        return self.case.system.within(self.case.system.context())

    def cycle(self, later: float = 7200) -> Result:
        self.rig.later(later)
        self.case.system.clock.pass_by(later)
        self.rig.sync("crm")
        result = sync(self.rig.hub, self.connector(), "other", Orders(approve=True))
        assert result.status == "done", result
        return result

    def there(self) -> list[Record]:
        return list(records(self.connector().pull(None)).values())

    def companies(self) -> list[str | None]:
        return [self.case.seen(record) for record in self.there()]


@pytest.fixture(params=list(MAKERS))
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(MAKERS[request.param]())
    yield made
    made.rig.close()
    for context in made.case.system.contexts:
        context.closing.close()


def test_the_outcome_of_a_write_says_that_the_link_is_owed(world: World) -> None:
    case = world.case
    connector = case.system.connector
    case.company("Acorn Lda")

    there, missing = (connector.write([case.new(name)])[0] for name in ("Acorn Lda", "Nobody SA"))

    assert isinstance(there, Done)
    assert not there.owed
    assert isinstance(missing, Done)
    assert missing.owed == connector.can.links != frozenset()


def test_a_connector_says_which_companies_are_there_now(world: World) -> None:
    case = world.case
    connector = case.system.connector
    for name in ("Acorn Lda", "Twice SA", "TWICE SA"):
        case.company(name)
    assert connector.linkable([case.named("Oak SA")]) == [False]
    case.company("Oak SA")
    before = case.looked()

    names = ["Acorn Lda", "Oak SA", "Nobody SA", "Twice SA", "Oak SA"]
    said = connector.linkable([case.named(name) for name in names])

    assert said == [True, True, False, False, True]
    assert case.looked() - before <= 4


def test_a_contact_is_linked_when_its_company_comes_into_being(world: World) -> None:
    world.crm.put("1", **ADA, firm="Acorn Lda")
    first = world.cycle()
    assert world.companies() == [None]

    world.case.company("Acorn Lda")
    found = world.cycle()

    assert first.counts["links_owed"] == 1
    assert found.counts["links_found"] == 1
    assert world.companies() == ["Acorn Lda"]
    assert world.rig.golden("crm", "1")["company"] == "Acorn Lda"


def test_a_contact_is_linked_when_one_of_two_companies_of_its_name_has_gone(world: World) -> None:
    first, _ = world.case.company("Acorn Lda"), world.case.company("ACORN LDA")
    world.crm.put("1", **ADA, firm="Acorn Lda")
    world.cycle()
    assert world.companies() == [None]

    state = world.case.system.fake.state
    state.get("accounts", state.get("companies")).pop(first)
    world.cycle()

    assert world.companies() == ["ACORN LDA"]


def test_many_contacts_of_one_company_are_one_look_up(world: World) -> None:
    for number in range(30):
        world.crm.put(str(number), **person(number), firm="Acorn Lda")
    world.cycle()
    looked = world.case.looked()
    world.cycle()
    assert world.case.looked() - looked == 1

    world.case.company("Acorn Lda")
    result = world.cycle(DAY)

    assert result.counts["links_found"] == 30
    assert world.companies() == ["Acorn Lda"] * 30
    assert world.case.looked() - looked <= 3  # once to see that it is there, once for the writes


def test_nothing_is_looked_for_where_nothing_is_owed(world: World) -> None:
    world.case.company("Acorn Lda")
    world.crm.put("1", **ADA, firm="Acorn Lda")
    world.cycle()
    looked = world.case.looked()

    for _ in range(3):
        world.cycle(DAY)

    assert world.case.looked() == looked


def test_what_is_not_there_is_looked_for_less_and_less_often(world: World) -> None:
    world.crm.put("1", **ADA, firm="Nobody SA")
    world.cycle()
    looked = world.case.looked()

    for _ in range(6 * 24):
        world.cycle(600)
    of_first_day = world.case.looked() - looked
    for _ in range(48):
        world.cycle(3600)

    assert 3 <= of_first_day <= 8
    assert world.case.looked() - looked - of_first_day <= 3


def test_a_company_that_came_into_being_elsewhere_is_looked_for_with_the_next_run(world: World) -> None:
    world.crm.put("1", **ADA, firm="Acorn Lda")
    world.cycle()
    world.cycle()
    looked = world.case.looked()
    world.cycle(60)
    assert world.case.looked() == looked

    world.case.company("Acorn Lda")
    world.rig.add("firms", table=mapping(company="firm")).put("9", firm="ACORN  Lda", mail="info@acorn.example.org")
    world.rig.sync("firms")
    world.cycle(60)

    assert "Acorn Lda" in world.companies()


def test_a_run_shows_once_that_a_link_is_owed(world: World) -> None:
    world.crm.put("1", **ADA, firm="Nobody SA")
    first, *others = [world.cycle(DAY) for _ in range(3)]

    with world.rig.store.read() as tx:
        run = runs.one_run(tx, first.run_id)
        assert run is not None
        [shown] = outcomes.every(tx, run, outcomes.Wanted(what="owed"))
    assert dict(shown.changes) == {"company": [None, "Nobody SA"]}
    assert all("links_owed" not in each.counts for each in others)


def test_a_contact_whose_company_became_another_one_is_linked_to_that(world: World) -> None:
    world.crm.put("1", **ADA, firm="Acorn Lda")
    world.cycle()
    world.crm.put("1", **ADA, firm="Oak SA")
    world.cycle()
    for name in ("Acorn Lda", "Oak SA"):
        world.case.company(name)

    for _ in range(3):
        world.cycle(DAY)

    assert world.companies() == ["Oak SA"]


def test_nothing_is_owed_to_a_contact_that_is_gone(world: World) -> None:
    world.crm.put("1", **ADA, firm="Nobody SA")
    world.cycle()
    [record] = world.there()
    world.case.system.connector.write([Write(Op.DELETE, "hub:1", record.id, {}, record.version)])
    for _ in range(3):
        world.cycle(DAY)
    looked = world.case.looked()

    for _ in range(2):
        world.cycle(DAY)

    assert world.case.looked() == looked


def test_a_link_that_failed_is_made_later() -> None:
    """HubSpot: the association is a call of its own."""
    world = World(hubspot())
    world.case.company("Acorn Lda")
    world.crm.put("1", **ADA, firm="Acorn Lda")
    faults = over(world.case.system)
    faults.inject(answered(403), when=lambda request: "/associate/" in request.url.path, times=None)
    failing = world.case.system.within(world.case.system.context(faults))
    world.rig.sync("crm")
    first = sync(world.rig.hub, failing, "other", Orders(approve=True))
    assert first.counts["links_owed"] == 1
    assert world.companies() == [None]

    world.cycle()

    assert world.companies() == ["Acorn Lda"]
    world.rig.close()


def test_somebody_who_was_linked_to_another_company_meanwhile_stays_there() -> None:
    world = World(hubspot())
    world.crm.put("1", **ADA, firm="Acorn Lda")
    world.cycle()
    [record] = world.there()
    world.case.system.fake.associate(record.id, world.case.company("Oak SA"))
    world.case.company("Acorn Lda")

    for _ in range(3):
        world.cycle(DAY)

    assert world.companies() == ["Oak SA"]
    world.rig.close()

"""Every fault of an HTTP service, put between the connector and the system, in reading and in writing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import ClassVar, TypeVar

import pytest

from hub.connectors.contract import Connector, Promise
from hub.errors import AccountError, HubError, TransientError
from hub.model import Done, Missing, NotSent, Op, Refused, Unknown, Write
from hub.testing import faults as f
from hub.testing.apart import over
from hub.testing.clock import Clock
from hub.testing.faults import Fault, Faults
from hub.testing.system import System
from hub.testing.words import (
    attempt,
    beside_the_point,
    calls,
    done,
    failure,
    needs,
    now,
    one,
    raised,
    records,
    recovered,
    tells,
    whole_or_told,
)
from hub.testing.writing import creating

RETRIED = {
    "429": f.too_many(None),
    "429, Retry-After": f.too_many(3),
    "429, Retry-After a date": f.too_many("Wed, 21 Oct 2015 07:28:00 GMT"),
    "429, Retry-After nonsense": f.too_many("soon"),
    "500": f.answered(500),
    "502": f.answered(502, f.LOGIN_PAGE, content_type="text/html"),
    "503": f.answered(503),
    "503, Retry-After": f.answered(503, retry_after="3"),
    "504": f.answered(504),
    "no connection": f.refused_connection,
    "timeout": f.timeout_before,
    "reset": f.reset_before,
    "reply lost": f.lost_reply,
    "cut off": f.cut_off,
    "truncated": f.truncated,
}
NO_ANSWER = {
    "HTML": f.html,
    "wrong content type": f.wrong_type,
    "broken body": f.broken_body,
    "empty body": f.empty_body,
    "another shape": f.other_shape,
    "endless": f.endless,
}
BEFORE = {
    "429": f.too_many(None),
    "no connection": f.refused_connection,
}
IN_DOUBT = {
    "timeout before": f.timeout_before,
    "timeout after": f.lost_reply,
    "reset before": f.reset_before,
    "reset after": f.reset_after,
    "500 before": f.answered(500),
    "500 after": f.failed_after(500),
    "503 after": f.failed_after(503),
    "504 after": f.failed_after(504),
    "HTML after": f.html,
    "truncated after": f.truncated,
    "cut off after": f.cut_off,
}
TYPICAL = {
    "429, Retry-After",
    "503",
    "no connection",
    "reply lost",
    "truncated",
    "HTML",
    "empty body",
    "another shape",
    "timeout before",
    "timeout after",
    "500 before",
    "504 after",
    "HTML after",
    "truncated after",
}
"""One of every kind: an answer that says wait, one that says broken, none, half of one, and something else."""
ENDLESS_WAIT = 600.0  # seconds in all that one call may wait for a service
Check = TypeVar("Check", bound=Callable[..., object])


def each(faults: Mapping[str, Fault], *also: str) -> Callable[[Check], Check]:
    """Every fault for the connector that is `thorough`; for all others the typical ones, and `also`."""

    def mark(check: Check) -> Check:
        check.faults = (faults, {*TYPICAL, *also})  # type: ignore[attr-defined]
        return check

    return mark


class Faulty:
    """A theme whose checks are made once for each of their faults.

    thorough  with all of them. One connector that is so, for each way of speaking HTTP, is enough: what a 502 is
              and what a 503 is the connector does not tell apart, its HTTP client does.
    """

    thorough: ClassVar[bool] = False

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        faults, typical = getattr(metafunc.function, "faults", ({}, set()))
        asked = {name: fault for name, fault in faults.items() if self.thorough or name in typical}
        if asked:
            metafunc.parametrize("fault", asked.values(), ids=asked.keys())


class FaultsInReading(Faulty):
    @each(RETRIED | NO_ANSWER, "endless")
    def test_a_fault_that_stays_ends_a_listing_with_an_error(self, system: System, fault: Fault) -> None:
        """Never with fewer records, as if these were all."""
        system.seed(3)
        faults, connector = broken(system, fault)

        error = failure(lambda: list(connector.pull(None)), TransientError, AccountError)

        assert not getattr(error, "maybe_done", False)
        assert tells(system.secrets, error) == []
        assert len(faults.sent) <= 40

    @each(RETRIED | NO_ANSWER)
    def test_a_fault_in_the_middle_is_never_taken_for_the_end(self, system: System, fault: Fault) -> None:
        system.seed(system.many)
        requests = counted(system)
        if requests < 2:
            beside_the_point("its listings take one request")
        _, connector = broken(system, fault, after=requests - 1)

        failure(lambda: list(connector.pull(None)), TransientError, AccountError)

    @each(RETRIED)
    def test_a_fault_that_passes_loses_and_doubles_nothing(self, system: System, fault: Fault) -> None:
        ids = set(system.seed(system.many))
        requests = counted(system)
        for position in sorted({0, requests // 2, requests - 1}):
            _, connector = broken(system, fault, after=position, times=1)

            there = whole_or_told(connector.pull(None))

            assert there is None or ids <= set(there)

    @each({"503": f.answered(503), "no connection": f.refused_connection, "429": f.too_many(1)}, "429")
    def test_a_short_fault_is_waited_for(self, system: System, fault: Fault) -> None:
        ids = set(system.seed(3))
        _, connector = broken(system, fault, after=counted(system) // 2, times=1)

        assert ids <= set(records(connector.pull(None)))

    def test_a_pause_that_the_service_asks_for_is_kept(self, system: System) -> None:
        system.seed(3)
        clock = system.clock or Clock()
        faults = Faults(over(system).inner, clock)
        faults.inject(f.too_many(7), times=1)
        connector = system.within(system.context(faults, clock))

        list(connector.pull(None))

        first, second = faults.sent[0].at, faults.sent[1].at
        assert (second - first).total_seconds() >= 7

    def test_an_exhausted_quota_ends_the_run_and_says_when_to_come_back(self, system: System) -> None:
        clock = system.clock or Clock()
        faults = Faults(over(system).inner, clock)
        faults.inject(f.too_many(86_400), times=None)
        connector = system.within(system.context(faults, clock))

        error = failure(lambda: list(connector.pull(None)), TransientError)

        assert isinstance(error, TransientError)
        assert error.retry_after
        assert 60 <= error.retry_after <= 86_400
        assert len(faults.sent) <= 3
        assert sum(clock.slept) <= ENDLESS_WAIT

    def test_an_answer_that_drips_in_is_not_waited_for(self, system: System) -> None:
        clock = system.clock or Clock()
        _, connector = broken(system, f.slow_drip(clock), clock=clock)

        failure(lambda: list(connector.pull(None)), TransientError)

    def test_a_page_that_comes_twice_ends_no_listing_early(self, system: System) -> None:
        """A cache that repeats an answer: all is read all the same, or an error says that it was not."""
        ids = set(system.seed(system.many))
        _, connector = broken(system, f.Repeated(), when=system.is_page, times=2)

        there = whole_or_told(connector.pull(None))

        assert there is None or ids <= set(there)

    def test_a_page_that_comes_for_ever_is_not_read_for_ever(self, system: System) -> None:
        system.seed(system.many)
        requests = counted(system)
        faults, connector = broken(system, f.Repeated(), when=system.is_page)
        faults.inject(f.calling(lambda: give_up(faults, requests)), times=None)
        faults.rules.reverse()

        whole_or_told(connector.pull(None))

        assert len(faults.sent) <= 20 * requests + 40

    @each(RETRIED | NO_ANSWER)
    def test_a_fault_in_reading_by_id_makes_no_record_vanish(self, system: System, fault: Fault) -> None:
        needs(system.connector, "read")
        record_id = system.seed(1)[0]
        _, connector = broken(system, fault)

        error = failure(lambda: connector.read([record_id]), TransientError, AccountError)

        assert tells(system.secrets, error) == []

    @each(RETRIED | NO_ANSWER)
    def test_a_fault_in_finding_a_key_is_not_taken_for_its_absence(self, system: System, fault: Fault) -> None:
        if system.connector.can.promise not in {Promise.READBACK, Promise.EVENTUAL}:
            beside_the_point("nothing is decided by finding a key: the promise is K or W")
        done(system.connector.write([creating(system, "hub:ff")]))
        system.settle()
        _, connector = broken(system, fault)

        failure(lambda: connector.find("hub:ff"), TransientError, AccountError)

    @each(RETRIED | NO_ANSWER)
    def test_a_fault_in_a_check_is_told(self, system: System, fault: Fault) -> None:
        _, connector = broken(system, fault)

        error = failure(connector.check, HubError)

        assert tells(system.secrets, error) == []


class FaultsInWriting(Faulty):
    @each(BEFORE, *BEFORE)
    def test_a_create_that_surely_was_not_made_may_be_made_again(self, system: System, fault: Fault) -> None:
        assert_one_create(system, fault, (NotSent,))

    @each(IN_DOUBT)
    def test_a_create_in_doubt_is_made_once_in_the_end(self, system: System, fault: Fault) -> None:
        assert_one_create(system, fault, (Unknown,))

    @each(IN_DOUBT)
    def test_creates_of_a_batch_in_doubt_are_made_once_each(self, system: System, fault: Fault) -> None:
        needs(system.connector, "create")
        if system.connector.can.batch < 3:
            beside_the_point("it takes no three writes a call")
        before = set(records(system.connector.pull(None)))
        writes = [creating(system, f"hub:batch{number}") for number in range(3)]
        _, connector = broken(system, fault, when=system.is_write, times=1)

        try:
            outcomes = connector.write(writes)
        except TransientError as error:
            assert error.maybe_done
            outcomes = [Unknown(str(error))] * 3

        made = [recovered(system, system.connector, *each) for each in zip(writes, outcomes, strict=True)]
        system.settle()
        there = set(records(system.connector.pull(None))) - before
        assert {record.id for record in made if record} <= there
        assert len(there) <= 3
        assert len(there) == 3 or None in made

    @each(BEFORE | IN_DOUBT, *BEFORE)
    def test_an_update_after_a_fault_ends_as_wanted(self, system: System, fault: Fault) -> None:
        needs(system.connector, "update")
        record_id = one(system).id
        fields = system.edit_fields()
        write = Write(Op.UPDATE, "hub:fu", record_id, fields)
        _, connector = broken(system, fault, when=system.is_write, times=1)

        outcome = attempt(connector, write)
        done(system.connector.write([write]))

        assert isinstance(outcome, Done | NotSent | Unknown), outcome
        stored = now(system, record_id).fields
        assert {name: stored.get(name) for name in fields} == fields

    @each(BEFORE | IN_DOUBT, *BEFORE)
    def test_a_deletion_after_a_fault_ends_as_wanted(self, system: System, fault: Fault) -> None:
        needs(system.connector, "delete")
        gone, kept = system.seed(2)
        write = Write(Op.DELETE, "hub:fd", gone, {})
        _, connector = broken(system, fault, when=system.is_write, times=1)

        outcome = attempt(connector, write)
        again = attempt(system.connector, write)

        assert isinstance(outcome, Done | NotSent | Unknown | Missing), outcome
        assert again in (Done(None), Missing())
        there = records(system.connector.pull(None))
        assert (gone in there, kept in there) == (False, True)

    @each({"timeout": f.timeout_before, "500": f.answered(500), "HTML": f.html}, "timeout", "500")
    def test_a_write_that_never_gets_through_is_never_called_done(self, system: System, fault: Fault) -> None:
        needs(system.connector, "update")
        record_id = one(system).id
        _, connector = broken(system, fault)

        outcome = attempt(connector, Write(Op.UPDATE, "hub:fn", record_id, system.edit_fields()))

        assert isinstance(outcome, NotSent | Unknown), outcome
        assert tells(system.secrets, outcome) == []

    def test_a_key_revoked_before_a_write_pauses_the_connection(self, system: System) -> None:
        write = any_write(system)
        _, connector = broken(system, f.unauthorised)

        error = failure(lambda: connector.write([write]), AccountError)

        assert tells(system.secrets, error) == []


class Rights:
    def test_a_key_that_may_not_write_is_told_and_changes_nothing(self, system: System) -> None:
        write = any_write(system)
        before = {key: each.fields for key, each in records(system.connector.pull(None)).items()}
        connector = system.no_right_to_write()
        assert list(connector.pull(None))

        outcome = attempt(connector, write)

        assert isinstance(outcome, Refused), outcome
        assert len(outcome.reason) > 10
        assert {key: each.fields for key, each in records(system.connector.pull(None)).items()} == before

    def test_a_key_revoked_in_mid_run_pauses_the_connection(self, system: System) -> None:
        """Nothing is concluded from what could not be read any more."""
        system.seed(system.many)
        connector, revoke = system.revocable()
        pages = iter(connector.pull(None))
        next(pages)
        revoke()

        error = failure(lambda: [*pages, *connector.pull(None)], AccountError)

        assert tells(system.secrets, error) == []

    def test_a_system_that_is_down_is_tried_again_later(self, system: System) -> None:
        connector = system.unreachable()

        for call in calls(connector, system.nobody):
            error = raised(call, TransientError)
            assert not (isinstance(error, TransientError) and error.maybe_done)
            assert tells(system.secrets, error) == []

    def test_a_wrong_key_pauses_the_connection(self, system: System, caplog: pytest.LogCaptureFixture) -> None:
        connector = system.wrong_key()

        with caplog.at_level(logging.DEBUG):
            errors = [raised(call, AccountError) for call in calls(connector, system.nobody)]

        assert tells(system.secrets, *errors, caplog.text) == []
        assert [error for error in errors if len(str(error)) <= 10] == []


# --- words ------------------------------------------------------------------------------------------


def broken(
    system: System,
    fault: Fault,
    *,
    when: f.When | None = None,
    after: int = 0,
    times: int | None = None,
    clock: Clock | None = None,
) -> tuple[Faults, Connector]:
    """A second connection to the system, with this fault on its way there."""
    faults = over(system)
    faults.inject(fault, when=when, after=after, times=times)
    return faults, system.within(system.context(faults, clock))


def counted(system: System) -> int:
    """Requests of one listing."""
    faults = over(system)
    list(system.within(system.context(faults)).pull(None))
    return len(faults.sent)


def give_up(faults: Faults, requests: int) -> None:
    assert len(faults.sent) <= 20 * requests + 40, "a page that comes again and again is read for ever"


def any_write(system: System) -> Write:
    """A write of a kind that the connector declares."""
    can = system.connector.can
    needs(system.connector, "update", "create", "delete")
    if can.update:
        return Write(Op.UPDATE, "hub:any", one(system).id, system.edit_fields())
    if can.create:
        return creating(system, "hub:any")
    return Write(Op.DELETE, "hub:any", one(system).id, {})


def assert_one_create(system: System, fault: Fault, honest: tuple[type, ...]) -> None:
    """A create meets the fault; its outcome is honest; after the recovery of its promise there is one record."""
    needs(system.connector, "create")
    before = set(records(system.connector.pull(None)))
    write = creating(system, "hub:once")
    _, connector = broken(system, fault, when=system.is_write, times=1)

    outcome = attempt(connector, write)

    assert isinstance(outcome, (Done, *honest)), outcome
    record = recovered(system, system.connector, write, outcome)
    system.settle()
    there = set(records(system.connector.pull(None))) - before
    assert len(there) <= 1
    assert record is None or there == {record.id}

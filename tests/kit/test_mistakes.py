"""Connectors with one mistake each, and the check of the kit that finds it."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest

from hub.connectors.contract import Can, Connector, Context, Promise, Report
from hub.errors import HubError, TransientError
from hub.model import Cursor, Done, Op, Outcome, Page, Record, Refused, Write
from hub.testing.contract import ConnectorContract
from hub.testing.faults import answered, html, lost_reply, reset_after
from tests.kit.connector import AcornConnector, AcornSettings, read_contact
from tests.kit.test_acorn_connector import AcornSystem
from tests.leaks import WATCH


class CreatesBlindly(AcornConnector):
    """Sends a create again whose answer was lost."""

    def _carry_out(self, write: Write) -> Outcome:
        if write.op is Op.CREATE:
            body = self._api.post("/contacts", json={**write.fields, "key": write.key}, idempotent=True).body
            return self._stored(body["id"])
        try:
            return super()._carry_out(write)
        except TransientError:
            return super()._carry_out(write)


class CallsItNotSent(AcornConnector):
    """Takes every failure for one that left nothing behind."""

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        from hub.model import NotSent, Unknown

        found = super().write(writes)
        return [NotSent(each.reason) if isinstance(each, Unknown) else each for each in found]


class EndsAtAFault(AcornConnector):
    """Takes what it has for the whole list."""

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        try:
            yield from super().pull(since)
        except TransientError:
            return


class ReadsNothing(AcornConnector):
    """Takes a failure in reading for an answer."""

    def read(self, ids: Sequence[str]) -> dict[str, Record]:
        try:
            return super().read(ids)
        except HubError:
            return {}

    def find(self, key: str) -> Record | None:
        try:
            return super().find(key)
        except HubError:
            return None


class BelievesItself(AcornConnector):
    """Answers with what it sent."""

    def _stored(self, record_id: str) -> Outcome:
        return Done(Record(record_id, self.sent))

    def _carry_out(self, write: Write) -> Outcome:
        self.sent = {**write.fields}
        return super()._carry_out(write)


class FillsIn(AcornConnector):
    """Says `None` of a field that the service does not tell."""

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        for page in super().pull(since):
            told = (replace(item, fields={"stage": None, **item.fields}) for item in page.items)  # type: ignore[type-var]
            yield replace(page, items=tuple(told))


class PutsUpWithAll(AcornConnector):
    """Decodes whatever comes, and puts a mark in the place of what it cannot read."""

    def __init__(self, settings: AcornSettings, context: Context) -> None:
        assert context.transport is not None
        super().__init__(settings, replace(context, transport=Lenient(context.transport)))


@dataclass
class Lenient(httpx.BaseTransport):
    inner: httpx.BaseTransport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self.inner.handle_request(request)
        text = answer.read().decode("utf-8", "replace")
        headers = {"content-type": answer.headers.get("content-type", "")}
        return httpx.Response(answer.status_code, headers=headers, content=text.encode(), request=request)


class Anything(AcornSettings):
    """page_size: whatever it is"""

    page_size: Any = 100


class TakesAnything(AcornConnector):
    """Does not look at a setting."""

    def __init__(self, settings: AcornSettings, context: Context) -> None:
        super().__init__(Anything.model_validate(settings.model_dump()), context)


class Quotes(AcornConnector):
    """Repeats the value that was refused."""

    def _written(self, write: Write) -> Outcome:
        found = super()._written(write)
        return Refused(f"Acorn did not take {dict(write.fields)}") if isinstance(found, Refused) else found


class Chatters(AcornConnector):
    """Writes its key into the log."""

    def check(self) -> Report:
        logging.getLogger("acorn").debug("asking with %s", self.settings.secret.get_secret_value())
        return super().check()


class NeverCloses(AcornConnector):
    """Opens what nobody closes."""

    def __init__(self, settings: AcornSettings, context: Context) -> None:
        super().__init__(settings, replace(context, closing=ExitStack()))


class TriesItOut(AcornConnector):
    """Makes a contact to see whether it may."""

    def check(self) -> Report:
        self._api.post("/contacts", json={"name": "Trial"})
        return super().check()


class AsksAtOnce(AcornConnector):
    """Reaches the service before it is asked to."""

    def __init__(self, settings: AcornSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._api.get("/contacts")


class MixesUp(AcornConnector):
    """Answers in an order of its own."""

    @property
    def can(self) -> Can:
        return replace(super().can, batch=10)

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        return sorted(super().write(writes), key=repr)


class Boasts(AcornConnector):
    """Declares what it cannot do."""

    @property
    def can(self) -> Can:
        return replace(super().can, stale=True)


class Shares(AcornConnector):
    """Keeps one memory for all connections."""

    seen: set[str] = set()  # noqa: RUF012 - the mistake

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        for page in super().pull(since):
            fresh = tuple(each for each in page.items if each.id not in self.seen)
            self.seen.update(str(each.id) for each in fresh)
            yield replace(page, items=fresh)


class Hoards(AcornConnector):
    """Holds everything before it hands over anything."""

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        everything = [replace(page, items=tuple(page.items) * 1) for page in super().pull(since)]
        self.copies = [bytearray(6_000) for page in everything for _ in page.items]
        yield from everything


class Forgets(AcornConnector):
    """Finds no contact again, and says that it does."""

    def find(self, key: str) -> Record | None:
        items = self._ask("/contacts", "items", limit=1)["items"]
        return read_contact(items[0]) if items else None


@dataclass(frozen=True)
class Mistake:
    kind: type[Connector]
    check: str
    values: dict[str, Any] = field(default_factory=dict)


FOUND = [
    Mistake(CreatesBlindly, "test_a_create_in_doubt_is_made_once_in_the_end", {"fault": lost_reply}),
    Mistake(CallsItNotSent, "test_a_create_in_doubt_is_made_once_in_the_end", {"fault": reset_after}),
    Mistake(EndsAtAFault, "test_a_fault_in_the_middle_is_never_taken_for_the_end", {"fault": answered(503)}),
    Mistake(EndsAtAFault, "test_a_fault_that_stays_ends_a_listing_with_an_error", {"fault": html}),
    Mistake(ReadsNothing, "test_a_fault_in_reading_by_id_makes_no_record_vanish", {"fault": html}),
    Mistake(ReadsNothing, "test_a_fault_in_finding_a_key_is_not_taken_for_its_absence", {"fault": answered(500)}),
    Mistake(BelievesItself, "test_a_service_that_accepts_and_ignores_a_write_is_seen_in_the_answer"),
    Mistake(FillsIn, "test_a_field_gone_from_the_answers_says_nothing"),
    Mistake(Quotes, "test_what_the_system_refuses_is_told_with_a_reason"),
    Mistake(PutsUpWithAll, "test_texts_in_another_encoding_than_declared_are_told_and_not_garbled"),
    Mistake(TakesAnything, "test_a_setting_with_an_impossible_value_is_refused_by_its_name"),
    Mistake(Chatters, "test_logs_hold_no_secret"),
    Mistake(NeverCloses, "test_closing_closes_what_was_opened"),
    Mistake(TriesItOut, "test_checking_and_reading_send_no_write"),
    Mistake(TriesItOut, "test_a_check_writes_nothing_and_tells_no_secret"),
    Mistake(AsksAtOnce, "test_making_a_connector_asks_nothing"),
    Mistake(MixesUp, "test_outcomes_stand_in_the_order_of_the_writes"),
    Mistake(Boasts, "test_a_write_on_an_outdated_version_is_stale"),
    Mistake(Shares, "test_two_connections_at_once_share_nothing"),
    Mistake(Hoards, "test_ten_thousand_records_are_listed_in_little_memory"),
    Mistake(Forgets, "test_a_key_is_found_whole_and_as_it_is_spelt"),
]


def asked(kind: type[Connector], check: str, given: dict[str, Any]) -> None:
    """One check of the suite on a connector of this kind."""

    class Mistaken(AcornSystem):
        pass

    Mistaken.kind = kind
    system = Mistaken()
    method = getattr(ConnectorContract(), check)
    known = {"system": system, "connector": system.connector, **given}
    method(**{name: known[name] for name in inspect.signature(method).parameters})


@pytest.mark.parametrize("mistake", FOUND, ids=lambda mistake: f"{mistake.kind.__name__}: {mistake.check[5:45]}")
def test_a_mistake_is_found(mistake: Mistake, caplog: pytest.LogCaptureFixture) -> None:
    given = {**mistake.values, "caplog": caplog}
    asked(AcornConnector, mistake.check, given)  # that is right passes
    caplog.clear()

    with pytest.raises((AssertionError, pytest.fail.Exception, HubError)):
        asked(mistake.kind, mistake.check, given)
    WATCH.take()  # some of the mistakes are leaks, made on purpose


def test_a_promise_that_is_none_is_found() -> None:
    class WriteOnly(AcornConnector):
        @property
        def can(self) -> Can:
            return replace(super().can, promise=Promise.WRITE_ONLY)

    with pytest.raises((AssertionError, pytest.fail.Exception)):
        asked(WriteOnly, "test_what_it_does_not_declare_it_refuses", {})

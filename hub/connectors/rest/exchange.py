"""One call of a service file, made and judged: what it means is said by the file, by HTTP where it is silent."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import orjson

from hub.connectors.contract import Context, Quota
from hub.connectors.http import JSON, TRANSIENT_STATUSES, Api, HttpStatusError, RateLimit, Response
from hub.connectors.limits import retry_after
from hub.connectors.rest.auth import auth_of, headers_of
from hub.connectors.rest.calls import Poll, Request
from hub.connectors.rest.depot import Depot
from hub.connectors.rest.files import base_of
from hub.connectors.rest.reserve import Reserve
from hub.connectors.rest.spec import ErrorRule, Rate, ServiceSpec
from hub.connectors.rest.words import Values, Where, fill
from hub.connectors.rest.write_calls import Bundle
from hub.errors import AccountError, RecordError, TransientError

log = logging.getLogger(__name__)

_ADDRESS = re.compile(r"\S+@\S+|\+?\d[\d ().-]{6,}\d")
NO_REASON = "it gave no reason"
LONGEST_PAUSE = 3600.0  # seconds; a service that asks for more is asked again after an hour
SHOWN = 200  # characters of a service's own words in a message


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer. `at`: the service's clock, where it tells it; `job`: the name of the work that has ended."""

    body: Any
    headers: Mapping[str, str]
    at: datetime | None
    job: str | None = None


@dataclass(frozen=True, slots=True)
class Spoken:
    """A call that goes with others. `path` stands below the address of the service, percent-encoded."""

    method: str
    path: str
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    body: bytes | None


class Said(Exception):
    """The service said no, in a way that the file or HTTP explains.

    means   one of the meanings of a rule; `refused` when no rule fits
    words   for people, without addresses of anybody
    """

    def __init__(self, means: str, words: str, body: Any = None, rule: ErrorRule | None = None) -> None:
        super().__init__(words)
        self.means, self.words, self.body, self.rule = means, words, body, rule


Verdict: TypeAlias = Said | TransientError | AccountError | RecordError
"""What went wrong with one call."""


class Exchange:
    """The calls of one connection.

    values  what fills the gaps that name settings
    """

    def __init__(
        self, spec: ServiceSpec, values: Values, context: Context, *, share: float = 1.0, **files: Path | None
    ) -> None:
        self._spec, self._values, self._context, self.name = spec, dict(values), context, context.name
        self._plain = frozenset(values)
        self._ahead = timedelta()
        self._secrets = [str(values[name]) for name, each in spec.settings.items() if each.secret and values[name]]
        self._own = tuple({status for rule in spec.errors for status in rule.status if status >= 400})
        self._inside = [rule for rule in spec.errors if not rule.status or min(rule.status) < 400]
        base = base_of(spec, values, context.name)
        self._base = httpx.URL(base)
        self._api = Api(
            base,
            context,
            headers={**headers_of(spec.auth, values), **self._headers(spec.headers, {})},
            auth=auth_of(spec.auth, values, context, base, files.get("token_file")),
            accept=(*spec.accept, "multipart/mixed") if spec.bundle and not spec.bundle.parts else spec.accept,
            rate=[_limit(rate, values, share) for rate in spec.rate],
            timeout_seconds=spec.timeout,
            deadline_seconds=spec.timeout * 4,
            ca_file=files.get("ca_file"),
        )
        self._reserve = Reserve(spec.quota, values, context.name, context.clock)
        hosts = fill(spec.files_at, values) or ()
        self._depot = Depot([hosts] if isinstance(hosts, str) else hosts, self._base, context, spec.timeout)

    @property
    def settings(self) -> Values:
        return self._values

    @property
    def quota(self) -> Quota | None:
        return self._reserve.quota

    @property
    def bundle_size(self) -> int:
        """Calls that one request of the kind `bundle` holds."""
        return 1 if self._spec.bundle is None else self._spec.bundle.most(self._values)

    @property
    def bundle(self) -> Bundle:
        assert self._spec.bundle is not None, "checked with the file"
        return self._spec.bundle

    def now(self) -> datetime:
        """By the service's clock, as far as its answers told it. They tell whole seconds."""
        return self._context.clock().astimezone(UTC) + self._ahead - timedelta(seconds=1)

    def clock(self) -> datetime:
        """Our own, whatever the service's says."""
        return self._context.clock()

    def wait(self, seconds: float) -> None:
        self._context.sleep(seconds)

    def ask(
        self,
        request: Request,
        values: Values,
        *,
        idempotent: bool | None = None,
        address: str | None = None,
        content: tuple[str, bytes] | None = None,
    ) -> Answer:
        """The answer to one call, after whatever it starts is over.

        address  asked instead of the path and query: an address that the service itself gave
        content  (content type, body), where the body is not described
        Said when the service says no; TransientError, AccountError as `Api` raises them.
        """
        repeatable = request.method in {"GET", "PUT", "DELETE"} if idempotent is None else idempotent
        answer = self._sent(request, values, repeatable, address, content)
        if request.poll is not None:
            return self.awaited(request.poll, _job(request.poll, answer), values)
        return answer

    def ask_bundle(
        self, values: Values, many: int, *, repeatable: bool, content: tuple[str, bytes] | None = None
    ) -> Answer:
        """The answer to so many calls in one request of the kind `bundle`. Errors speak for all of them."""
        bundle = self.bundle
        request = bundle.model_copy(update={"cost": many}) if bundle.counted else bundle
        return self._sent(request, values, repeatable, None, content)

    def spoken(self, request: Request, values: Values) -> Spoken:
        """One call as it would be sent. RecordError when a value cannot be written."""
        known = {**self._values, **values}
        headers = {"Accept": JSON, **self._headers({**self._spec.headers, **request.headers}, values)}
        body = fill(request.body, known)
        try:
            content = None if body is None else orjson.dumps(body)
        except TypeError as error:
            raise RecordError("a value cannot be written as JSON (invalid Unicode, or a number too large)") from error
        path = request.path.path(known, self._plain)
        return Spoken(request.method, path, self._query(request, known), headers, content)

    def target(self, call: Spoken) -> str:
        """Path and query from the root of the host, percent-encoded."""
        url = httpx.URL(str(self._base).rstrip("/") + call.path)
        return (url.copy_merge_params(call.query) if call.query else url).raw_path.decode("ascii")

    def below(self, call: Spoken) -> str:
        """The same from the address of the service."""
        return self.target(call).removeprefix(self._base.raw_path.decode("ascii").rstrip("/"))

    def judged(
        self, request: Request, status: int, headers: Mapping[str, str], body: Any, at: datetime | None
    ) -> Answer | Verdict:
        """What one of several calls was answered, as if it had been alone."""
        if status >= 400:
            words = f"{self._context.name}: {self._base.host} answered {status} to {request.method}."
            return self._judged(HttpStatusError(words, status, headers, body), request)
        response = Response(status, headers, body)
        spoken = next((rule for rule in self._inside if _speaks_of(rule, response)), None)
        return Answer(body, headers, at) if spoken is None else self._by(spoken, body, headers)

    def file(self, request: Request, values: Values, address: str) -> Answer:
        """What the service put at an address that it gave: on its own host, or on one that the file names."""
        if not self._depot.holds(address):
            return self.ask(request, values, idempotent=True, address=address)
        return Answer(self._depot.get(address), {}, None)

    # --- sending ----------------------------------------------------------------------------------

    def _sent(
        self,
        request: Request,
        values: Values,
        idempotent: bool,
        address: str | None,
        content: tuple[str, bytes] | None = None,
    ) -> Answer:
        self._reserve.guard()
        known = {**self._values, **values}
        query = None if address is not None else self._query(request, known)
        form = fill(request.form, known)
        kind, raw = content or (None, None)
        headers = {} if kind is None else {"content-type": kind}
        try:
            response = self._api.request(
                request.method,
                request.path.path(known, self._plain) if address is None else str(self._base.join(address)),
                idempotent=idempotent,
                params=query or None,  # an empty one would take the place of what the call has of its own
                json=fill(request.body, known),
                data=None if form is None else {name: _plain(value) for name, value in form.items()},
                content=raw,
                headers={**headers, **self._headers(request.headers, values)},
                own=self._own,
                cost=request.cost,
            )
        except HttpStatusError as error:
            raise self._judged(error, request) from error
        self._heed(response.headers)
        at = _server_time(response)
        if at is not None:
            self._ahead = at - self._context.clock().astimezone(UTC)
        for rule in self._inside:
            if _speaks_of(rule, response):
                raise self._by(rule, response.body, response.headers)
        return Answer(response.body, response.headers, at)

    def _query(self, request: Request, known: Values) -> dict[str, Any]:
        found = fill(request.query, known) or {}
        return {
            name: value if name in request.repeat and isinstance(value, list) else _plain(value)
            for name, value in found.items()
        }

    def _headers(self, headers: Mapping[str, Any], values: Values) -> dict[str, str]:
        filled = {name: fill(text, {**self._values, **values}) for name, text in headers.items()}
        return {name: str(value) for name, value in filled.items() if value is not None}

    def begin(self, request: Request, values: Values, *, idempotent: bool = True) -> Answer:
        """The answer to a call that starts some work, which is not waited for. `job` is the name of the work."""
        assert request.poll is not None, "checked with the file"
        answer = self._sent(request, values, idempotent, None)
        return replace(answer, job=_job(request.poll, answer))

    def ended(self, poll: Poll, job: str | None, values: Values) -> Answer | None:
        """The last answer, when the work is over; None as long as it is not. Said when it failed."""
        found = self._sent(Request(call=poll.call), {**values, "job": job}, True, None)
        if poll.failed is not None and poll.failed.holds(found.body):
            raise Said("failed", "The service says that this work failed.", found.body)
        return replace(found, job=job) if poll.done.holds(found.body) else None

    def awaited(self, poll: Poll, job: str | None, values: Values) -> Answer:
        """Asks until the work is over. TransientError, with `maybe_done`, when it takes too long or cannot be asked."""
        left = poll.at_most
        try:
            while (found := self.ended(poll, job, values)) is None:
                if left <= 0:
                    raise TransientError(f"the service has not ended this work after {poll.at_most:g} seconds")
                self._context.sleep(poll.every)
                left -= poll.every
        except (TransientError, AccountError) as error:
            stopped = self._stopped(poll, job, values)
            raise TransientError(
                f"{self._context.name}: work was begun, and its end was not seen: {error}; it is not known what was "
                f"carried out{', and nothing more will be' if stopped else ''}.",
                maybe_done=True,
            ) from error
        return found

    def _stopped(self, poll: Poll, job: str | None, values: Values) -> bool:
        """Was work ended that nobody waits for any more? Else it might change something behind our back."""
        if poll.stop is None:
            return False
        try:
            self._sent(poll.stop, {**values, "job": job}, True, None)
        except (Said, TransientError, AccountError) as error:
            log.warning("%s: work that takes too long could not be stopped there: %s", self._context.name, error)
            return False
        return True

    def _heed(self, headers: Mapping[str, str]) -> None:
        """Waits before the next call when the service says that none is left."""
        self._reserve.heed(headers)
        waits = [_told_to_wait(rate, headers, self._context.clock().timestamp()) for rate in self._spec.rate]
        if seconds := max(waits, default=0.0):
            self._api.pause(min(seconds, LONGEST_PAUSE))

    def said_in(self, entry: Any, reason: Where | None) -> Said:
        """What the service says of one of several writes."""
        for rule in self._spec.errors:
            if rule.test is not None and rule.test.holds(entry) and rule.means != "account":
                return Said(rule.means, self._clean(_words(rule, entry)), entry, rule)
        words = said(reason.of(entry) if reason else None) or _own_words(entry) or NO_REASON
        return Said("refused", self._clean(words), entry)

    def _clean(self, words: str) -> str:
        """A service's words without our keys, should it repeat them."""
        for secret in self._secrets:
            words = words.replace(secret, "…")
        return words

    # --- judging ----------------------------------------------------------------------------------

    def _judged(self, error: HttpStatusError, request: Request) -> Verdict:
        for rule in self._spec.errors:
            if (not rule.status or error.status in rule.status) and (rule.test is None or rule.test.holds(error.body)):
                return self._by(rule, error.body, error.headers)
        return self._as_http(error, request)

    def _by(self, rule: ErrorRule, body: Any, headers: Mapping[str, str]) -> Verdict:
        words = self._clean(_words(rule, body))
        if rule.means == "account":
            return AccountError(
                f"{self._context.name}: {self._spec.service} says: {words} Nothing was done. Next: see to the account "
                "there, then run `hub check`."
            )
        if rule.means == "wait":
            wait = retry_after(headers, self._context.clock())
            if wait is not None:
                self._api.pause(wait)
            return TransientError(f"{self._context.name}: {self._spec.service} says: {words}", retry_after=wait)
        return Said(rule.means, words, body, rule)

    def _as_http(self, error: HttpStatusError, request: Request) -> Verdict:
        status = error.status
        if status in {401, 403, 407}:
            return AccountError(
                f"{self._context.name}: the service answered {status}; nothing was done. Next: check the secret and "
                "the rights of its account, then run `hub check`."
            )
        if status >= 500 or status in TRANSIENT_STATUSES:
            wait = retry_after(error.headers, self._context.clock())
            done = request.method not in {"GET"} and status != 429
            if status in {429, 503} and wait is not None:
                self._api.pause(wait)
            return TransientError(f"{error} Try again later.", retry_after=wait, maybe_done=done)
        means = {404: "missing", 410: "missing", 409: "exists", 412: "stale", 416: "empty"}.get(status, "refused")
        return Said(means, self._clean(_own_words(error.body) or f"it answered {status}"), error.body)


def _job(poll: Poll, answer: Answer) -> str | None:
    name = poll.job.of(answer.body)
    return None if name is None else str(name)


def _limit(rate: Rate, values: Values, share: float) -> RateLimit:
    return RateLimit(max(1, int(int(fill(rate.requests, values)) * share)), rate.per, rate.name)


def _told_to_wait(rate: Rate, headers: Mapping[str, str], now: float) -> float:
    """Seconds until there are more requests, where the headers say that none is left; else 0."""
    if rate.remaining is None or rate.reset is None:
        return 0.0
    left, reset = headers.get(rate.remaining), headers.get(rate.reset)
    seconds = None if reset is None or left is None or _number(left) != 0 else _number(reset)
    if seconds is None:
        return 0.0
    if rate.reset_form == "milliseconds":
        seconds /= 1000
    elif rate.reset_form == "epoch":
        seconds -= now
    return max(seconds, 0.0)


def _speaks_of(rule: ErrorRule, response: Response) -> bool:
    """Of a good answer: by what it says, or by a status that is not that of every good answer (204, 304)."""
    if rule.test is None:
        return response.status != 200 and response.status in rule.status
    named = not rule.status or 200 in rule.status or response.status in rule.status
    return named and rule.test.holds(response.body)


def _words(rule: ErrorRule, body: Any) -> str:
    return rule.say or said(rule.reason.of(body) if rule.reason else None) or _own_words(body) or NO_REASON


def said(value: Any) -> str | None:
    """A service's words, short, and without addresses and numbers of anybody."""
    if value is None or value == "":
        return None
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return _ADDRESS.sub("…", text)[:SHOWN]


def _own_words(body: Any) -> str | None:
    if not isinstance(body, Mapping):
        return None
    for name in ("detail", "message", "error_description", "description", "error", "title"):
        value = body.get(name)
        if isinstance(value, Mapping):
            value = value.get("message")
        if isinstance(value, str) and value:
            return said(value)
    return None


def _plain(value: Any) -> Any:
    """As a form or a query carries it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return orjson.dumps(value).decode()
    return value


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _server_time(response: Response) -> datetime | None:
    try:
        at = parsedate_to_datetime(response.headers.get("date", ""))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)

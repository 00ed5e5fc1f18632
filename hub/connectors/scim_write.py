"""Writes to a SCIM service: prepared against the users as they are now, sent in bulk where that is offered.

`If-Match` goes with every change where the service keeps versions, so that what changes after the users were read is
refused by the service itself. Without PATCH the whole user is put, with all that the hub does not know of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from hub.connectors import scim_user as users
from hub.connectors.http import HttpStatusError
from hub.connectors.scim_http import Scim, kind_of, told
from hub.errors import AccountError, RecordError, TransientError
from hub.model import Done, Missing, NotSent, Op, Outcome, Record, Refused, Stale, Unknown, Write

BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})


class Service(Protocol):
    """What a write needs of the connector."""

    @property
    def scim(self) -> Scim: ...

    def read(self, ids: Sequence[str]) -> dict[str, Record]: ...

    def find(self, key: str) -> Record | None: ...


@dataclass(frozen=True, slots=True)
class Rules:
    """Of the settings: `bulk` may be used, `patch` too, what a new user is called, whether it carries our key."""

    bulk: bool
    patch: bool
    user_name: str
    keyed: bool


@dataclass(frozen=True, slots=True)
class Job:
    """One request; `index` is the place of its write among those asked for."""

    index: int
    write: Write
    method: str
    path: str
    body: Any
    version: str | None

    def operation(self) -> dict[str, Any]:
        said: dict[str, Any] = {"method": self.method, "path": self.path, "bulkId": f"w{self.index}"}
        if self.version is not None:
            said["version"] = self.version
        return said if self.body is None else {**said, "data": self.body}


@dataclass(slots=True)
class Writing:
    """One batch of writes on its way. `written`: index of a write → id of its user."""

    service: Service
    rules: Rules
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    written: dict[int, str] = field(default_factory=dict)

    def carry_out(
        self, writes: Sequence[Write], there: Mapping[str, Mapping[str, Any]], records: Mapping[str, Record]
    ) -> list[Outcome]:
        """One outcome each, in order. `there` and `records`: the users of the writes as they are now."""
        jobs: list[Job] = []
        for index, each in enumerate(writes):
            ready = self._prepare(index, each, there.get(str(each.id)), records.get(str(each.id)))
            if isinstance(ready, Job):
                jobs.append(ready)
            else:
                self.outcomes[index] = ready
        if len(jobs) > 1 and self.rules.bulk and self.service.scim.offer.bulk:
            for some in self._bulks(jobs):
                self._send_bulk(some)
        else:
            for job in jobs:
                self._send(job)
        self._read_back()
        return [self.outcomes[index] for index in range(len(writes))]

    # --- what a write comes to --------------------------------------------------------------------

    def _prepare(
        self, index: int, write: Write, there: Mapping[str, Any] | None, record: Record | None
    ) -> Job | Outcome:
        try:
            if write.op is Op.CREATE:
                key = write.key if self.rules.keyed else None
                body = users.new_user(write.fields, key, self.rules.user_name)
                return Job(index, write, "POST", "/Users", body, None)
            if there is None or record is None:
                return Missing()
            if write.version not in (None, record.version):
                return Stale()
            return self._change(index, write, there, record)
        except RecordError as error:
            return Refused(str(error))

    def _change(self, index: int, write: Write, there: Mapping[str, Any], record: Record) -> Job | Outcome:
        offer = self.service.scim.offer
        version = (there.get("meta") or {}).get("version") if offer.etag else None
        path = f"/Users/{users.in_path(record.id)}"
        if write.op is Op.DELETE:
            return Job(index, write, "DELETE", path, None, version)
        archiving = write.op is Op.ARCHIVE
        if not (offer.patch and self.rules.patch):
            body = {**users.whole({} if archiving else write.fields, there)}
            return Job(index, write, "PUT", path, {**body, "active": False} if archiving else body, version)
        operations = [{"op": "replace", "path": "active", "value": False}]
        if not archiving:
            operations = users.patch(write.fields, there)
        if not operations:
            return Done(record)
        return Job(index, write, "PATCH", path, {"schemas": [PATCH], "Operations": operations}, version)

    # --- one by one -------------------------------------------------------------------------------

    def _send(self, job: Job) -> None:
        try:
            answer = self.service.scim.send(job.method, job.path, job.body, job.version)
        except HttpStatusError as error:
            self.outcomes[job.index] = self._refusal(job, error.status, error.body)
        except RecordError as error:
            self.outcomes[job.index] = Refused(str(error))
        except TransientError as error:
            lost = error.maybe_done
            self.outcomes[job.index] = Unknown(str(error)) if lost else NotSent(str(error), error.retry_after)
        except AccountError as error:
            if not self.written and not any(isinstance(each, Done) for each in self.outcomes.values()):
                raise
            self.outcomes[job.index] = NotSent(str(error))
        else:
            self._take(job, answer.body)

    def _take(self, job: Job, body: Any) -> None:
        """Carried out. What is stored is read again: some services answer with what they were sent."""
        said = users.tidy(body) if isinstance(body, Mapping) else {}
        number = job.write.id if job.write.id is not None else said.get("id")
        if job.write.op is Op.DELETE:
            self.outcomes[job.index] = Done(None)
        elif number:
            self.written[job.index] = str(number)
        else:
            self.outcomes[job.index] = Unknown("The service made a user and did not say which.")

    def _refusal(self, job: Job, status: int, body: Any) -> Outcome:
        if status == 404:
            return Missing() if job.write.op is not Op.CREATE else Refused("The service has no place for users.")
        if status == 412:
            return Stale()
        if status == 409 and job.write.op is Op.CREATE and self.rules.keyed:
            found = self.service.find(job.write.key)
            if found is not None:
                return Done(found, existed=True)
        if status in BUSY:
            return NotSent(f"The service answered {status} for this user.")
        if status == 409 and kind_of(body) in {"", "uniqueness"} and job.write.op is Op.CREATE:
            return Refused(f"The service has another user of this name or address. {told(body)}")
        return Refused(f"The service refused it ({status}). {told(body)}")

    # --- in bulk ----------------------------------------------------------------------------------

    def _bulks(self, jobs: Sequence[Job]) -> Iterator[list[Job]]:
        """As many in one request as the service takes, by number and by length."""
        offer = self.service.scim.offer
        some: list[Job] = []
        size = 200  # of the request around the operations
        for job in jobs:
            length = len(orjson.dumps(job.operation())) + 1
            if some and (len(some) >= offer.operations or size + length > offer.payload):
                yield some
                some, size = [], 200
            some.append(job)
            size += length
        if some:
            yield some

    def _send_bulk(self, jobs: Sequence[Job]) -> None:
        body = {"schemas": [BULK], "Operations": [job.operation() for job in jobs]}
        try:
            answer = self.service.scim.send("POST", "/Bulk", body).body
            operations = {str(k).lower(): v for k, v in answer.items()}["operations"]
            said = match(jobs, operations)
        except HttpStatusError:  # none of it was done: each is told its own reason
            for job in jobs:
                self._send(job)
        except (TransientError, AccountError, RecordError) as error:
            if isinstance(error, AccountError) and not self.written:
                raise
            lost = isinstance(error, TransientError) and error.maybe_done
            for job in jobs:
                self.outcomes[job.index] = Unknown(str(error)) if lost else NotSent(str(error))
        except (KeyError, AttributeError, TypeError, ValueError):
            for job in jobs:
                self.outcomes[job.index] = Unknown("The service's answer to a bulk request cannot be read.")
        else:
            for job in jobs:
                self._take_operation(job, said.get(job.index))

    def _take_operation(self, job: Job, said: Mapping[str, Any] | None) -> None:
        if said is None:
            self.outcomes[job.index] = NotSent("The service left this one out of a bulk request.")
            return
        status = said.get("status")
        code = int(status["code"] if isinstance(status, Mapping) else str(status))
        if code >= 400:
            self.outcomes[job.index] = self._refusal(job, code, said.get("response"))
        elif job.write.op is Op.CREATE and said.get("location"):
            self.written[job.index] = last_part(str(said["location"]))
        else:
            self._take(job, None)

    def _read_back(self) -> None:
        if not self.written:
            return
        found: Mapping[str, Record] = {}
        reason = "Written, and gone when it was read again."
        try:
            found = self.service.read(list(self.written.values()))
        except (TransientError, AccountError) as error:
            reason = f"Written, but it could not be read again: {error}"
        for index, number in self.written.items():
            record = found.get(number)
            self.outcomes[index] = Done(record) if record else Unknown(reason)


def match(jobs: Sequence[Job], operations: Sequence[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    """Index of a write → what the service says of it: by `bulkId`, else by the user, else by its place."""
    by_id = {f"w{job.index}": job.index for job in jobs}
    by_user = {last_part(job.path): job.index for job in jobs if job.write.op is not Op.CREATE}
    found: dict[int, Mapping[str, Any]] = {}
    for number, each in enumerate(operations):
        index = by_id.get(str(each.get("bulkId")))
        if index is None:
            index = by_user.get(last_part(str(each.get("location") or "")))
        if index is None and len(operations) == len(jobs):
            index = jobs[number].index
        if index is not None:
            found[index] = each
    return found


def last_part(location: str) -> str:
    return location.rstrip("/").rsplit("/", 1)[-1]

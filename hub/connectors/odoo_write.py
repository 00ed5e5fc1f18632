"""Writes to Odoo: prepared against the partners as they are now, then one call for each kind and set of columns.

Values go through `load`, Odoo's own import: it takes a row for each partner, each with values of its own, in one
transaction, and says which row it refuses. The others are sent again without it.

A create by `load` names an external id and is told not to touch what is there: the same create again makes nothing
and changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from hub.connectors import odoo_partner as partner
from hub.connectors.odoo_consent import Consents
from hub.connectors.odoo_partner import CONSENTS, PARTNER, Places, Raw, Shape
from hub.connectors.odoo_rpc import GoneError, RightsError, Rpc, without_values
from hub.errors import AccountError, RecordError, TransientError
from hub.model import Done, Missing, NotSent, Op, Outcome, Record, Refused, Stale, Unknown, Write

# Columns that may be sent empty for a row that does not name them: Odoo puts nothing there by itself.
BLANK = frozenset(
    """function phone mobile website zip city vat ref email street street2 company_name comment
    country_id/.id state_id/.id""".split()
)
KEEP = {"mode": "update", "noupdate": True}  # context of a create: what has the external id already stays as it is


class Odoo(Protocol):
    """What a write needs of the connector."""

    @property
    def rpc(self) -> Rpc: ...

    @property
    def consents(self) -> Consents: ...

    def shape(self) -> Shape: ...

    def places(self) -> Places: ...

    def read(self, ids: Sequence[str]) -> dict[str, Record]: ...

    def raws(self, domain: Sequence[Any]) -> list[dict[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class Rules:
    """Of the settings: `shared` as in `odoo_partner.values`, `compare` the version before a write."""

    module: str
    shared: bool
    compare: bool


@dataclass(frozen=True, slots=True)
class Job:
    """A write that is ready to be sent; `index` is its place among the writes asked for."""

    index: int
    write: Write
    row: Mapping[str, str]


@dataclass(slots=True)
class Writing:
    """One batch of writes on its way. `written`: index of a write → number of its partner."""

    odoo: Odoo
    rules: Rules
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    written: dict[int, int] = field(default_factory=dict)
    existed: set[int] = field(default_factory=set)

    def carry_out(
        self, writes: Sequence[Write], there: Mapping[str, Raw], records: Mapping[str, Record]
    ) -> list[Outcome]:
        """One outcome each, in order. `there` and `records`: the partners of the writes as they are now."""
        jobs: list[Job] = []
        for index, each in enumerate(writes):
            ready = self._prepare(index, each, there.get(str(each.id)), records.get(str(each.id)))
            if isinstance(ready, Job):
                jobs.append(ready)
            else:
                self.outcomes[index] = ready
        creates = [job for job in jobs if job.write.op is Op.CREATE]
        if creates:
            self._send(creates, self._top())
        self._send_all([job for job in jobs if job.write.op is Op.UPDATE], self._update)
        self._send_all([job for job in jobs if job.write.op is Op.ARCHIVE], self._archive)
        self._send_all([job for job in jobs if job.write.op is Op.DELETE], self._delete)
        self._finish(writes)
        return [self.outcomes[index] for index in range(len(writes))]

    # --- what a write comes to --------------------------------------------------------------------

    def _prepare(self, index: int, write: Write, raw: Raw | None, record: Record | None) -> Job | Outcome:
        if write.op is not Op.CREATE:
            if raw is None or record is None:
                return Missing()
            if self.rules.compare and write.version not in (None, record.version):
                return Stale()
        try:
            shape, places = self.odoo.shape(), self.odoo.places()
            row = partner.values(write.fields, raw, shape, places, shared=self.rules.shared)
        except RecordError as error:
            return Refused(str(error))
        if write.op is Op.CREATE:
            return Job(index, write, {**row, **self._key_column(shape, write.key)})
        return Job(index, write, {**row, ".id": str(write.id)})

    def _key_column(self, shape: Shape, key: str) -> dict[str, str]:
        return {shape.key: key} if shape.key else {"id": f"{self.rules.module}.{external_name(key)}"}

    def _top(self) -> int:
        """The highest number so far: what a create answers with below it was there before."""
        found = self.odoo.rpc.search_read(PARTNER, [], ["id"], limit=1, order="id desc")
        return int(found[0]["id"]) if found else 0

    # --- sending ----------------------------------------------------------------------------------

    def _send(self, creates: Sequence[Job], top: int) -> None:
        """Creates; with a key of their own, those that are there already are found first."""
        key = self.odoo.shape().key
        if key:
            keys = [job.write.key for job in creates]
            found = {raw[key]: int(raw["id"]) for raw in self.odoo.raws([[key, "in", keys]])}
            for job in creates:
                if job.write.key in found:
                    self.written[job.index] = found[job.write.key]
            creates = [job for job in creates if job.index not in self.written]
        self._send_all(creates, self._create)
        self.existed = {job.index for job in creates if self.written.get(job.index, top + 1) <= top}
        self.existed |= self.written.keys() - {job.index for job in creates}

    def _send_all(self, jobs: Sequence[Job], call: Callable[[Sequence[Job]], None]) -> None:
        if not jobs:
            return
        try:
            call(jobs)
        except GoneError as error:
            self._halve(jobs, call, Missing() if jobs[0].write.op is not Op.CREATE else Refused(str(error)))
        except RightsError as error:
            self._halve(jobs, call, self._without_right(jobs[0], error))
        except RecordError as error:
            more = " Next: archive it instead (`deletes: archive`)." if jobs[0].write.op is Op.DELETE else ""
            self._halve(jobs, call, Refused(f"{error}{more}"))
        except (TransientError, AccountError) as error:  # what was sent before is done: no error for all
            lost = isinstance(error, TransientError) and error.maybe_done
            for job in jobs:
                self.outcomes[job.index] = Unknown(str(error)) if lost else NotSent(str(error))

    def _halve(self, jobs: Sequence[Job], call: Callable[[Sequence[Job]], None], outcome: Outcome) -> None:
        if len(jobs) == 1:
            self.outcomes[jobs[0].index] = outcome
            return
        middle = len(jobs) // 2
        self._send_all(jobs[:middle], call)
        self._send_all(jobs[middle:], call)

    def _without_right(self, job: Job, error: RightsError) -> Outcome:
        operation = {Op.CREATE: "create", Op.DELETE: "unlink"}.get(job.write.op, "write")
        if self.odoo.rpc.may(PARTNER, operation):
            return Refused(f"{error} A rule of Odoo keeps this record from it.")
        reason = f"{error} Next: give the user the right to {operation} contacts, or set `push: false`."
        if not self.written:
            raise AccountError(reason) from error
        return NotSent(reason)

    def _create(self, jobs: Sequence[Job]) -> None:
        for columns, some in grouped(jobs).items():
            self._load(columns, some, KEEP)

    def _update(self, jobs: Sequence[Job]) -> None:
        plain = [job for job in jobs if len(job.row) > 1]
        self.written.update((job.index, int(job.row[".id"])) for job in jobs if len(job.row) == 1)
        for columns, some in grouped(plain).items():
            self._load(columns, some, {})

    def _load(self, columns: Sequence[str], jobs: Sequence[Job], context: Mapping[str, Any]) -> None:
        """One import. Rows that Odoo names as bad are refused, and the rest is sent again."""
        while jobs:
            data = [[job.row.get(name, "") for name in columns] for job in jobs]
            said = self.odoo.rpc.write(PARTNER, "load", fields=list(columns), data=data, context=dict(context))
            ids, messages = read_import(said, len(jobs))
            if ids is None:
                raise self.odoo.rpc.no_odoo(maybe_done=True)
            if ids:
                self.written.update(zip((job.index for job in jobs), ids, strict=True))
                return
            bad = {number: reason for number, reason in refused_rows(messages).items() if number < len(jobs)}
            for number, reason in bad.items():
                self.outcomes[jobs[number].index] = Refused(f"Odoo refused it: {reason}")
            if not bad:
                raise RecordError("Odoo refused it without saying which record.")
            jobs = [job for number, job in enumerate(jobs) if number not in bad]

    def _archive(self, jobs: Sequence[Job]) -> None:
        self.odoo.rpc.write(PARTNER, "write", _ids(jobs), vals={"active": False})
        self.written.update(zip((job.index for job in jobs), _ids(jobs), strict=True))

    def _delete(self, jobs: Sequence[Job]) -> None:
        self.odoo.rpc.write(PARTNER, "unlink", _ids(jobs))
        self.outcomes.update({job.index: Done(None) for job in jobs})

    # --- what they say and how they are now -------------------------------------------------------

    def _finish(self, writes: Sequence[Write]) -> None:
        if not self.written:
            return
        found: Mapping[str, Record] = {}
        reason = "Written, and gone when it was read again."
        try:
            self._consent(writes)
            found = self.odoo.read([str(each) for each in self.written.values()])
        except (TransientError, AccountError) as error:
            reason = f"Written, but what belongs to it is not known: {error}"
        except RecordError as error:
            reason = f"Written, but not its consent: {error}"
        for index, number in self.written.items():
            record = found.get(str(number))
            self.outcomes[index] = Done(record, existed=index in self.existed) if record else Unknown(reason)

    def _consent(self, writes: Sequence[Write]) -> None:
        asked = {
            index: {name: writes[index].fields[name] for name in CONSENTS if writes[index].fields.get(name)}
            for index in self.written
            if index not in self.existed and any(writes[index].fields.get(name) for name in CONSENTS)
        }
        if not asked:
            return
        raws = self.odoo.raws([["id", "in", [self.written[index] for index in asked]]])
        emails = {raw["id"]: raw.get("email_normalized") for raw in raws}
        said = {emails.get(self.written[index]): fields for index, fields in asked.items()}
        self.odoo.consents.write({email: fields for email, fields in said.items() if email})


# --- pure -------------------------------------------------------------------------------------------


def external_name(key: str) -> str:
    """The hub's key as the name of an external id, which takes no blank and no dot; no two keys are alike."""
    return "".join(char if char.isascii() and (char.isalnum() or char == "-") else f"_{ord(char):x}_" for char in key)


def grouped(jobs: Sequence[Job]) -> dict[tuple[str, ...], list[Job]]:
    """Jobs by the columns they are sent with: a row is never given a column it does not name, but for `BLANK` ones
    of a create."""
    groups: dict[frozenset[str], list[Job]] = defaultdict(list)
    for job in jobs:
        fixed = job.row.keys() - BLANK if job.write.op is Op.CREATE else job.row.keys()
        groups[frozenset(fixed)].append(job)
    return {tuple(sorted({name for job in some for name in job.row})): some for some in groups.values()}


def read_import(said: Any, count: int) -> tuple[Sequence[int] | None, Sequence[Mapping[str, Any]]]:
    """(numbers of the partners, messages) of an import of so many rows; no numbers when it was refused, None for
    what is no answer to an import."""
    if not isinstance(said, Mapping) or not isinstance(said.get("messages"), list):
        return None, ()
    ids, messages = said.get("ids"), [each for each in said["messages"] if isinstance(each, Mapping)]
    if isinstance(ids, list) and len(ids) == count and all(isinstance(each, int) for each in ids):
        return ids, messages
    return ([] if ids is False else None), messages


def refused_rows(messages: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Number of a row → why Odoo does not take it, without its values."""
    found: dict[int, str] = {}
    for each in messages:
        if each.get("type") == "error" and "record" in each:
            named = f" (field {each['field']})" if isinstance(each.get("field"), str) else ""
            found.setdefault(int(each["record"]), without_values(str(each.get("message", ""))) + named)
    return found


def _ids(jobs: Sequence[Job]) -> list[int]:
    return [int(str(job.write.id)) for job in jobs]

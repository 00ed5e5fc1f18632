"""Writes to Tryton: prepared against the parties as they are now, sent in one transaction for each kind.

When Tryton refuses a transaction, its halves are sent, and theirs, so that only the bad ones are left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.connectors import tryton_party as party
from hub.connectors.tryton_party import PARTY, Places, Raw
from hub.connectors.tryton_rpc import MovedError, Rpc
from hub.errors import AccountError, RecordError, TransientError
from hub.model import Done, Missing, NotSent, Op, Outcome, Record, Refused, Stale, Unknown, Write


@dataclass(frozen=True, slots=True)
class Job:
    """A write that is ready to be sent; `index` is its place among the writes asked for."""

    index: int
    write: Write
    values: Mapping[str, Any]
    stamps: Mapping[str, str]


@dataclass(slots=True)
class Writing:
    """One batch of writes on its way. `written`: index of a write → id of its party."""

    rpc: Rpc
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    written: dict[int, int] = field(default_factory=dict)
    carried_out: bool = False

    def carry_out(
        self,
        writes: Sequence[Write],
        there: Mapping[str, Raw],
        keyed: Mapping[str, Raw],
        read: Callable[[Sequence[str]], Mapping[str, Record]],
    ) -> list[Outcome]:
        """One outcome each, in order.

        there  parties of the writes by id, as they are now
        keyed  parties that carry the hub's key of a create already
        """
        places, types = lookups(self.rpc, writes)
        jobs: list[Job] = []
        for index, each in enumerate(writes):
            raw = keyed.get(each.key) if each.op is Op.CREATE else there.get(str(each.id))
            ready = prepare(index, each, raw, places, types)
            if isinstance(ready, Job):
                jobs.append(ready)
            else:
                self.outcomes[index] = ready
        self._send([job for job in jobs if job.write.op is Op.CREATE], self._create)
        self._send([job for job in jobs if job.write.op in {Op.UPDATE, Op.ARCHIVE}], self._update)
        self._send([job for job in jobs if job.write.op is Op.DELETE], self._delete)
        self._read_back(read)
        return [self.outcomes[index] for index in range(len(writes))]

    def _send(self, jobs: Sequence[Job], call: Callable[[Sequence[Job]], None]) -> None:
        if not jobs:
            return
        try:
            call(jobs)
        except (MovedError, RecordError) as error:
            if len(jobs) > 1:
                middle = len(jobs) // 2
                self._send(jobs[:middle], call)
                self._send(jobs[middle:], call)
            else:
                self.outcomes[jobs[0].index] = Stale() if isinstance(error, MovedError) else Refused(str(error))
        except (TransientError, AccountError) as error:
            if isinstance(error, AccountError) and not self.carried_out:
                raise  # it speaks for all of them; once something is done it cannot
            lost = isinstance(error, TransientError) and error.maybe_done
            for job in jobs:
                self.outcomes[job.index] = Unknown(str(error)) if lost else NotSent(str(error))

    def _create(self, jobs: Sequence[Job]) -> None:
        ids = self.rpc.write(PARTY, "create", [dict(job.values) for job in jobs])
        self.carried_out = True
        self.written.update(zip((job.index for job in jobs), ids, strict=True))

    def _update(self, jobs: Sequence[Job]) -> None:
        ids = _ids(jobs)
        pairs = [part for job, number in zip(jobs, ids, strict=True) for part in ([number], dict(job.values))]
        self.rpc.write(PARTY, "write", *pairs, timestamps=_stamps(jobs))
        self.carried_out = True
        self.written.update(zip((job.index for job in jobs), ids, strict=True))

    def _delete(self, jobs: Sequence[Job]) -> None:
        self.rpc.write(PARTY, "delete", _ids(jobs), timestamps=_stamps(jobs))
        self.carried_out = True
        self.outcomes.update({job.index: Done(None) for job in jobs})

    def _read_back(self, read: Callable[[Sequence[str]], Mapping[str, Record]]) -> None:
        if not self.written:
            return
        found: Mapping[str, Record] = {}
        reason = "Written, and gone when it was read again."
        try:
            found = read([str(each) for each in self.written.values()])
        except (TransientError, AccountError) as error:
            reason = f"Written, but it could not be read again: {error}"
        for index, number in self.written.items():
            record = found.get(str(number))
            self.outcomes[index] = Done(record) if record else Unknown(reason)


def prepare(index: int, write: Write, raw: Raw | None, places: Places, types: Sequence[str]) -> Job | Outcome:
    """What one write comes to against its party as it is now; for a create, the party with its key."""
    if "\\u0000" in json.dumps(list(write.fields.values()), default=str):
        return Refused("A text of this write holds a NUL character, which nobody can have typed.")
    if write.op is Op.CREATE:
        return _prepare_create(index, write, raw, places, types)
    if raw is None or raw["replaced_by"] is not None:
        return Missing()
    if write.version is not None and write.version != party.version_of(raw):
        return Stale()
    stamps = party.timestamps(raw)
    if write.op is Op.DELETE:
        return Job(index, write, {}, stamps)
    fields = {"active": False} if write.op is Op.ARCHIVE else write.fields
    try:
        values = party.values(fields, raw, places, types)
    except RecordError as error:
        return Refused(str(error))
    return Job(index, write, values, stamps) if values else Done(party.read_party(raw))


def _prepare_create(index: int, write: Write, raw: Raw | None, places: Places, types: Sequence[str]) -> Job | Outcome:
    if raw is not None:
        return Done(party.read_party(raw), existed=True)
    try:
        values = party.values(write.fields, None, places, types)
    except RecordError as error:
        return Refused(str(error))
    values["identifiers"] = [*values.get("identifiers", []), party.key_command(write.key)]
    return Job(index, write, values, {})


def _ids(jobs: Sequence[Job]) -> list[int]:
    return [int(str(job.write.id)) for job in jobs]


def _stamps(jobs: Sequence[Job]) -> dict[str, str]:
    return {name: stamp for job in jobs for name, stamp in job.stamps.items()}


# --- ids of what the writes name --------------------------------------------------------------------


def lookups(rpc: Rpc, writes: Sequence[Write]) -> tuple[Places, list[str]]:
    """Countries, subdivisions, languages and types of identifiers; asked for only if a write needs them."""
    named = {name for each in writes for name in each.fields}
    countries = _by_code(rpc, "country.country") if "addresses" in named else {}
    subdivisions = _subdivisions(rpc, _regions(writes, countries))
    languages = _by_code(rpc, "ir.lang") if "lang" in named else {}
    types = rpc.read("party.identifier", "get_types") if "tax_id" in named else []
    return Places(countries, subdivisions, languages), [kind for kind, _ in types if kind]


def _by_code(rpc: Rpc, model: str) -> dict[str, int]:
    return {each["code"]: each["id"] for each in rpc.search_read(model, [], ["code"]) if each["code"]}


def _subdivisions(rpc: Rpc, countries: Mapping[str, int]) -> dict[tuple[int, str], int]:
    """By name and by code; only of the types that Tryton lets addresses of that country have."""
    if not countries:
        return {}
    configured = rpc.search_read(
        "party.address.subdivision_type",
        [["country_code", "in", list(countries)]],
        ["country_code", "types"],
    )
    allowed = {countries[each["country_code"]]: each["types"] for each in configured}
    domain = [["country", "in", list(countries.values())]]
    found = rpc.search_read("country.subdivision", domain, ["country", "name", "code", "type"])
    fitting = [each for each in found if each["type"] in allowed.get(each["country"], [each["type"]])]
    return {
        (each["country"], each[name].casefold()): each["id"]
        for name in ("code", "name")
        for each in fitting
        if each[name]
    }


def _regions(writes: Sequence[Write], countries: Mapping[str, int]) -> dict[str, int]:
    """Countries whose subdivisions some address of the writes names."""
    addresses = [each for write in writes for each in write.fields.get("addresses") or ()]
    codes = {each.get("country") for each in addresses if each.get("subdivision")}
    return {code: number for code, number in countries.items() if code in codes}

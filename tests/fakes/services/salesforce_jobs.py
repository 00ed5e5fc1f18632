"""Salesforce's jobs (Bulk API 2.0): queries, and tables of writes.

Kept from the vendor's rules
Jobs      `query` or `queryAll`, no ORDER BY here; UploadComplete, InProgress, then JobComplete, Failed or Aborted
Results   CSV, only of a job that is complete (else 400); `maxRecords` rows and a `Sforce-Locator` with which the next
          part is asked for; the text `null` is the end. Kept for seven days
Ingest    Open until the table is there and the job is told UploadComplete: only then is anything carried out. Rows that
          were carried out, and those that were not, are had as tables, in no order, with sf__Id and sf__Created, or
          sf__Error. An empty cell leaves a field as it is, `#N/A` empties it
Values    true and false as words, nothing for null, names of related objects with a dot, times in UTC with Z
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hub.testing.service import Answer, Call, Refusal, Service, route

KEPT = timedelta(days=7)


@dataclass
class Job:
    """What was asked for, and the rows as they were when it ran; `asked` counts questions for its state."""

    names: list[str]
    rows: list[list[str]]
    made: datetime
    asked: int = 0


class QueryJobs(Service):
    """rounds: questions for its state until a job is complete; `fails`: it ends without result."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.jobs: dict[str, Job] = {}
        self.rounds, self.fails = 2, False
        self.during_jobs: Callable[[], None] = lambda: None

    def rows_of(self, query: str, *, everything: bool) -> tuple[list[str], Iterable[dict[str, Any]]]:
        """(names, rows as a query shows them); Refusal for a wrong query."""
        raise NotImplementedError

    @route("POST", "/jobs/query", write=False)
    def start_query(self, call: Call) -> Answer:
        body = call.body(required=("operation", "query"), allowed=("contentType", "columnDelimiter", "lineEnding"))
        if body["operation"] not in {"query", "queryAll"} or "ORDER BY" in body["query"]:
            raise wrong("INVALIDJOB", "the operation or query is not supported")
        names, rows = self.rows_of(body["query"], everything=body["operation"] == "queryAll")
        name = f"7505g0000{len(self.jobs):06d}AAA"
        self.jobs[name] = Job(names, [[text_of(row, each) for each in names] for row in rows], self.clock())
        return Answer(200, {"id": name, "operation": body["operation"], "state": "UploadComplete"})

    @route("GET", "/jobs/query/{name}")
    def state_of_query(self, call: Call, name: str) -> Answer:
        call.only()
        job = self._job(name)
        job.asked += 1
        self.during_jobs()
        ended = "Failed" if self.fails else "JobComplete"
        return Answer(200, {"id": name, "state": "InProgress" if job.asked < self.rounds else ended})

    @route("GET", "/jobs/query/{name}/results")
    def results_of_query(self, call: Call, name: str) -> Answer:
        call.only("maxRecords", "locator")
        job = self._job(name)
        if job.asked < self.rounds or self.fails:
            raise wrong("INVALIDJOBSTATE", "the job is not complete")
        start, size = call.number("locator", 0), call.number("maxRecords", 50_000, least=1)
        following = str(start + size) if start + size < len(job.rows) else "null"
        body = written(job.names, job.rows[start : start + size])
        return Answer(200, body, {"content-type": "text/csv", "sforce-locator": following})

    def _job(self, name: str) -> Job:
        if name not in self.jobs or self.jobs[name].made + KEPT <= self.clock():
            raise Refusal(404, [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}])
        return self.jobs[name]


@dataclass
class Ingest:
    operation: str
    state: str = "Open"
    table: bytes = b""
    asked: int = 0
    good: list[dict[str, str]] = field(default_factory=list)
    bad: list[dict[str, str]] = field(default_factory=list)


class IngestJobs(Service):
    """loses: keys of rows that are in neither result."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ingests: dict[str, Ingest] = {}
        self.ingest_rounds, self.ingest_fails = 2, False
        self.loses: set[str] = set()

    def take_row(self, operation: str, row: dict[str, Any]) -> tuple[str, bool]:
        """(id, was it made); RowError."""
        raise NotImplementedError

    @route("POST", "/jobs/ingest")
    def start_ingest(self, call: Call) -> Answer:
        allowed = ("externalIdFieldName", "contentType", "lineEnding", "columnDelimiter")
        body = call.body(required=("object", "operation"), allowed=allowed)
        key = body.get("externalIdFieldName")
        if body["object"] != "Contact" or (body["operation"], key) not in {("update", None), ("upsert", "HubId__c")}:
            raise wrong("INVALIDJOB", "the object or operation is not supported")
        name = f"7505g0001{len(self.ingests):06d}AAA"
        self.ingests[name] = Ingest(body["operation"])
        return Answer(200, {"id": name, "state": "Open", "contentUrl": f"jobs/ingest/{name}/batches"})

    @route("PUT", "/jobs/ingest/{name}/batches")
    def upload(self, call: Call, name: str) -> Answer:
        job = self._ingest(name, "Open")
        if not call.headers.get("content-type", "").startswith("text/csv") or job.table:
            raise wrong("INVALIDBATCH", "one table, as text/csv")
        job.table = call.content
        return Answer(201)

    @route("PATCH", "/jobs/ingest/{name}")
    def close_ingest(self, call: Call, name: str) -> Answer:
        state = call.body(required=("state",))["state"]
        if state == "Aborted":
            self._ingest(name, "UploadComplete").state = state
            return Answer(200, {"id": name, "state": state})
        if state != "UploadComplete":
            raise wrong("INVALIDJOBSTATE", "the state is not supported")
        job = self._ingest(name, "Open")
        if not job.table:
            raise wrong("INVALIDJOB", "no data")
        job.state = "UploadComplete"
        for row in csv.DictReader(io.StringIO(job.table.decode(), newline="")):
            self._carried_out(job, row)
        return Answer(200, {"id": name, "state": job.state})

    def _carried_out(self, job: Ingest, row: dict[str, str]) -> None:
        if {row.get("Id"), row.get("HubId__c")} & self.loses:
            return
        sent = {name: cell_of(value) for name, value in row.items() if value != ""}
        try:
            made_id, created = self.take_row(job.operation, sent)
        except Exception as error:  # of the fake's own kind: it has a code
            code = getattr(error, "code", None)
            assert code is not None, error
            job.bad.insert(0, {"sf__Id": "", "sf__Error": f"{code}:{error}:--", **row})
            return
        job.good.insert(0, {"sf__Id": made_id, "sf__Created": "true" if created else "false", **row})

    @route("GET", "/jobs/ingest/{name}")
    def state_of_ingest(self, call: Call, name: str) -> Answer:
        job = self._ingest(name, "UploadComplete")
        job.asked += 1
        ended = "Failed" if self.ingest_fails else "JobComplete"
        return Answer(200, {"id": name, "state": "InProgress" if job.asked < self.ingest_rounds else ended})

    @route("GET", "/jobs/ingest/{name}/successfulResults")
    def good_rows(self, call: Call, name: str) -> Answer:
        job = self._ingest(name, "UploadComplete")
        return self._results(job, ["sf__Id", "sf__Created"], job.good)

    @route("GET", "/jobs/ingest/{name}/failedResults")
    def bad_rows(self, call: Call, name: str) -> Answer:
        job = self._ingest(name, "UploadComplete")
        return self._results(job, ["sf__Id", "sf__Error"], job.bad)

    def _results(self, job: Ingest, own: list[str], rows: list[dict[str, str]]) -> Answer:
        if job.asked < self.ingest_rounds:
            raise wrong("INVALIDJOBSTATE", "the job is not complete")
        names = own + next(csv.reader(io.StringIO(job.table.decode(), newline="")))
        return Answer(
            200, written(names, [[row[name] for name in names] for row in rows]), {"content-type": "text/csv"}
        )

    def _ingest(self, name: str, state: str) -> Ingest:
        job = self.ingests.get(name)
        if job is None:
            raise Refusal(404, [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}])
        if job.state != state:
            raise wrong("INVALIDJOBSTATE", f"the job is {job.state}")
        return job


def cell_of(value: str) -> Any:
    return {"#N/A": None, "true": True, "false": False}.get(value, value)


def wrong(code: str, message: str) -> Refusal:
    return Refusal(400, [{"errorCode": code, "message": message}])


def text_of(row: dict[str, Any], name: str) -> str:
    head, _, rest = name.partition(".")
    value = (row.get(head) or {}).get(rest) if rest else row[head]
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value).replace(".000+0000", ".000Z")


def written(names: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO()
    table = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    table.writerow(names)
    table.writerows(rows)
    return out.getvalue().encode()

"""Salesforce's query jobs (Bulk API 2.0).

Kept from the vendor's rules
Jobs      `query` or `queryAll`, no ORDER BY here; UploadComplete, InProgress, then JobComplete, Failed or Aborted
Results   CSV, only of a job that is complete (else 400); `maxRecords` rows and a `Sforce-Locator` with which the next
          part is asked for; the text `null` is the end. Kept for seven days
Values    true and false as words, nothing for null, names of related objects with a dot, times in UTC with Z
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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

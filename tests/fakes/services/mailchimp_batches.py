"""Mailchimp's batch operations: calls that it works through in its own time, and their answers in an archive."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson

from hub.testing.service import Answer, Call, Exchange, Service, route
from tests.fakes.services.mailchimp_rules import fields_of, invalid, known, not_found

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
VALID = timedelta(minutes=10)
IN_A_FILE = 200  # answers; a larger batch has several files


@dataclass
class Operations:
    name: str
    calls: list[dict[str, Any]]
    asked: int = 0
    done: list[dict[str, Any]] = field(default_factory=list)
    signed: dict[str, datetime] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        return len(self.done) == len(self.calls)


class Batches(Service):
    """rounds  times that one is asked for before it has ended; done_each: calls carried out each time before

    loses  ids of operations whose answer is not in the archive
    """

    answers_host = "storage.googleapis.com"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.batches: dict[str, Operations] = {}
        self.rounds, self.done_each = 2, 0
        self.stopped: list[str] = []
        self.loses: set[str] = set()
        self.fetches: list[httpx.Request] = []
        self.meanwhile: Any = lambda: None

    @route("POST", "/batches")
    def start_batch(self, call: Call) -> Answer:
        rows = fields_of(call, {"operations"}, {"operations"})["operations"]
        if len(self.batches) >= 500:
            raise invalid("operations", "You have more than 500 pending batches.")
        for row in rows:
            known(row, {"method", "path", "params", "body", "operation_id"})
            if row.get("method") not in METHODS or not str(row.get("path", "")).startswith("/"):
                raise invalid("operations", "A method and a relative path are needed")
            if not isinstance(row.get("body", ""), str) or not isinstance(row.get("params", {}), dict):
                raise invalid("operations", "Schema describes string")
        batch = Operations(f"batch{len(self.batches) + 1:06d}", rows)
        self.batches[batch.name] = batch
        return Answer(200, self._told(batch))

    @route("GET", "/batches/{name}")
    def state_of_batch(self, call: Call, name: str) -> Answer:
        batch = self._batch(name)
        batch.asked += 1
        self.meanwhile()
        left = batch.calls[len(batch.done) :]
        for row in left if batch.asked >= self.rounds else left[: self.done_each]:
            batch.done.append(self._carried_out(row, call))
        return Answer(200, self._told(batch))

    @route("DELETE", "/batches/{name}")
    def stop_batch(self, call: Call, name: str) -> Answer:
        self._batch(name)
        self.stopped.append(name)
        del self.batches[name]
        return Answer(204)

    def fetched(self, request: httpx.Request) -> httpx.Response:
        """On the other host: no key is shown there, and none is taken."""
        self.fetches.append(request)
        assert "authorization" not in request.headers, "a key went to another host"
        name = request.url.path.rpartition("/")[2].removesuffix("-response.tar.gz")
        batch = self.batches.get(name)
        until = batch.signed.get(request.url.params.get("Signature", "")) if batch else None
        if batch is None or until is None or self.clock() > until:
            response = httpx.Response(403, headers={"content-type": "application/xml"}, content=b"<Error/>")
        else:
            response = httpx.Response(200, headers={"content-type": "application/gzip"}, content=self.packed(batch))
        self.exchanges.append(Exchange(request, response.status_code, response.content))
        return response

    def packed(self, batch: Operations) -> bytes:
        """Several files, in an order of their own."""
        rows = [row for row in reversed(batch.done) if row["operation_id"] not in self.loses]
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("./"), None)
            for number, start in enumerate(range(0, len(rows), IN_A_FILE)):
                content = orjson.dumps(rows[start : start + IN_A_FILE])
                entry = tarfile.TarInfo(f"./{batch.name}_{number}.json")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        return gzip.compress(out.getvalue())

    # --- inside -----------------------------------------------------------------------------------

    def _batch(self, name: str) -> Operations:
        if name not in self.batches:
            raise not_found()
        return self.batches[name]

    def _carried_out(self, row: Mapping[str, Any], call: Call) -> dict[str, Any]:
        headers = {**call.headers, "content-type": "application/json"}
        query = {name: [str(value)] for name, value in row.get("params", {}).items()}
        inner = Call(self, row["method"], row["path"], query, headers, row.get("body", "").encode())
        answer = self._answer(inner)
        body = "" if answer.body is None else orjson.dumps(answer.body).decode()
        return {"status_code": answer.status, "operation_id": row.get("operation_id", ""), "response": body}

    def _told(self, batch: Operations) -> dict[str, Any]:
        url = ""
        if batch.finished:
            mark = f"sig/{len(batch.signed)}+="
            batch.signed[mark] = self.clock() + VALID
            query = urlencode({"Expires": "600", "Signature": mark})
            url = f"https://{self.answers_host}/mailchimp-batch/{batch.name}-response.tar.gz?{query}"
        failed = sum(row["status_code"] >= 400 for row in batch.done)
        return {
            "id": batch.name,
            "status": "finished" if batch.finished else "started" if batch.asked else "pending",
            "total_operations": len(batch.calls),
            "finished_operations": len(batch.done),
            "errored_operations": failed,
            "submitted_at": "2026-11-22T12:00:00+00:00",
            "response_body_url": url,
            **({"completed_at": "2026-11-22T12:00:00+00:00"} if batch.finished else {}),
        }

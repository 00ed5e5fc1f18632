"""The writes of a service file: one by one, several in a call, several in one request, or as a job."""

from __future__ import annotations

from pydantic import Field, model_validator

from hub.connectors.rest.calls import (
    Count,
    FileForm,
    FileShape,
    Find,
    Flag,
    GapText,
    Part,
    Place,
    Request,
    ShortTest,
    Span,
    Tree,
)
from hub.connectors.rest.words import Values, fill, names_in


class Result(Part):
    """How a call for several writes says what became of each.

    items    place of the list of results; `errors` of the list of those that failed, where that is another
    by       place of what names the write in a result; missing: results come in the order of the writes
    error_by the same in `errors`, where that is another place
    sent     the same in what was sent for it
    ok       says that it was carried out
    reason   place of the service's words
    record   place of the record in a result; missing: it is read afterwards
    id       place of its id
    """

    items: Place | None = None
    errors: Place | None = None
    by: Place | None = None
    error_by: Place | None = None
    sent: Place | None = None
    ok: ShortTest | None = None
    reason: Place | None = None
    record: Place | None = None
    id: Place | None = None


class Job(Part):
    """Many writes as a table that the service works through in its own time.

    at_least  how many are worth one (a number, or a setting); fewer go by the call itself. Up to `size` in one
    item      columns of a row, as `item` of the call; a column that a row does not have is left as it is
    empty     the word for a value that is taken away
    start     makes the job; `name` is the place of its name, which fills {job}
    upload    takes the table, as CSV with names in the first row
    close     says that it is whole; its `poll` waits for the end. Before, nothing is carried out
    good, bad the rows that were carried out and those that were not, as tables
    result    as in a call for several: `items` is good, `errors` is bad
    """

    at_least: Count
    size: int = Field(default=2000, ge=1, le=2000)
    item: Tree
    empty: str = ""
    start: Request
    name: Place
    upload: Request
    close: Request
    good: Request
    bad: Request
    file: FileShape = FileForm(kind="csv")
    result: Result

    @model_validator(mode="after")
    def _ends(self) -> Job:
        if self.close.poll is None or self.result.by is None or self.result.sent is None:
            raise ValueError("a job needs `poll` in `close`, and `by` and `sent` in `result`: rows come in any order")
        return self

    def worth(self, count: int, settings: Values) -> bool:
        return count >= int(fill(self.at_least, settings))


class Several(Request):
    """The call for several writes of a kind. What it refuses goes in halves, in the end by the call for one.

    item     what stands for each in {items}, up to `size`
    keyed    place in an item of what it is named by, where {items} is an object and no list
    alike    only writes of the same fields go together
    items    place of the results, a list or an object; missing: a good answer says that all were carried out
    by       place in a result of what names the write; `sent` the same in an item
    answer   place in a result of what the call for one would have answered
    """

    item: Tree
    size: int = Field(ge=2, le=2000)
    keyed: Place | None = None
    alike: bool = False
    items: Place | None = None
    by: Place | None = None
    sent: Place | None = None
    answer: Place | None = None

    @model_validator(mode="after")
    def _finds_results(self) -> Several:
        places = (self.items, self.by, self.sent, self.answer)
        if any(place is None for place in places) and any(place is not None for place in places):
            raise ValueError("`several` has all of `items`, `by`, `sent` and `answer`, or none of them")
        return self


class Writing(Request):
    """One kind of write. With `item` it carries up to `size` at once, in {items}.

    several     beside a call for one: the call for several of them
    bundled     calls for one each, several of them in one request of the kind `bundle`
    deferred    calls for one each; very many of them go as `deferred` says
    job         very many as a table that the service works through later
    partial     the answer shows some fields of the record only, as they are stored, those that were sent among them
    record      place of the record in the answer; missing: it is read afterwards
    id          place of the new record's id, where the answer is not the record
    whole       the service replaces the whole record: it is read first, and sent back changed
    look        the service does not say that a record is not there: the hub looks first
    lookup      the call that finds the record after a create whose answer says nothing of it
    appears     how long that may take, where the service makes the record later: it is looked for again and again
    versioned   the service takes no write without {version}: where the hub knows none, it is read first
    by          what the record is read by after a create whose answer says nothing: an address, an own key
    idempotent  the same call twice leaves what one leaves
    restorable  of `delete`: what it takes away can be had back there, from a recycle bin (or a setting that says so)
    binned      of `erase`: the record is deleted by `delete` first, and this takes it out of the bin
    effects     what else happens there, such as a mail that is sent: shown in the documentation
    """

    item: Tree = None
    several: Several | None = None
    bundled: bool = False
    deferred: bool = False
    job: Job | None = None
    partial: bool = False
    size: int = Field(default=1, ge=1, le=2000)
    result: Result = Result()
    record: Place | None = None
    id: Place | None = None
    whole: bool = False
    look: bool = False
    versioned: bool = False
    lookup: Find | None = None
    appears: Span = 0
    by: GapText | None = None
    idempotent: bool = False
    restorable: Flag = False
    binned: bool = False
    effects: str | None = None

    @model_validator(mode="after")
    def _carries_what_it_says(self) -> Writing:
        if self.size > 1 and self.item is None:
            raise ValueError("`size` needs `item`: what stands for each write in {items}")
        if self.job is not None and self.item is None:
            raise ValueError("a write with `job` is a call for several: `item` is missing")
        alone = self.item is not None or self.whole or self.poll is not None
        for name in ("bundled", "deferred", "several", "binned"):
            if getattr(self, name) and alone:
                raise ValueError(f"a write that is `{name}` is a call for one, without `item`, `whole` and `poll`")
        return self

    def leaves_in_bin(self, settings: Values) -> bool:
        return str(fill(self.restorable, settings)).lower() in {"true", "yes"}


class Written(Request):
    """The query that shows many records that were just written, where `read` takes fewer at once.

    It fills {names} with the fields that were sent, {items} with conditions and {size} with how many records it asks
    for. What it does not show exactly as it was sent is read by `read`.

    item   the condition for up to `each` {ids}
    size   records in one call
    items  place of the records in the answer; `optional` and `keyed` as in a listing
    """

    item: Tree
    each: int = Field(ge=1, le=2000)
    size: int = Field(ge=2, le=2000)
    items: Place
    optional: bool = False
    keyed: bool = False

    @model_validator(mode="after")
    def _asks_for_them(self) -> Written:
        if not {"names", "items"} <= self.names or "ids" not in set(names_in(self.item)):
            raise ValueError("`written` asks for the fields {names} of {items}, and each `item` names {ids}")
        return self


class Parts(Part):
    """Where the answers to several calls stand in the one answer, which is JSON. They come in any order.

    items    place of the list; `by` of the number of the call in each, `status` of what it was answered
    headers  place of an object with names and values; `body` of the body, which is JSON where it is a text
    """

    items: Place
    by: Place
    status: Place
    headers: Place | None = None
    body: Place


class Bundle(Request):
    """One request that holds several others: multipart/mixed, as OData's $batch, or JSON, where `item` is named.

    size     how many (a number, or a setting)
    sets     whatever changes something goes into a change set of its own
    item     what stands for each in {items}: {call.number}, {call.method}, {call.target}, {call.headers}, {call.body}
    parts    where the answers stand
    counted  each of the calls counts for the limits of `rate`, as if it were alone
    """

    size: Count
    sets: bool = False
    item: Tree = None
    parts: Parts | None = None
    counted: bool = False

    @model_validator(mode="after")
    def _has_answers(self) -> Bundle:
        if (self.item is None) is not (self.parts is None) or (self.item is not None and self.sets):
            raise ValueError("a `bundle` in JSON needs both `item` and `parts`, and has no `sets`")
        return self

    def most(self, settings: Values) -> int:
        return max(1, int(fill(self.size, settings)))


class Deferred(Part):
    """Calls for one each that the service works through in its own time. What each was answered stands in a file.

    at_least    how many are worth it (a number, or a setting); fewer go one by one. Up to `size` at once
    item        what stands for each in {items}: {call.method}, {call.path}, {call.query}, {call.body}, {call.number};
                {call.target} is path and query, percent-encoded; {call.headers} what goes with it
    start       takes them; its `poll` waits for the end, and its `stop` ends what takes too long
    answers     place, in the last answer of `poll`, of the address of the file: JSON, or a tar of JSON, packed or not
    by          place of the number in an entry of the file
    status      place of what the call was answered; `body` of the body, which is JSON where it is a text
    """

    at_least: Count
    size: int = Field(default=500, ge=1, le=2000)
    item: Tree
    start: Request
    answers: Place
    by: Place
    status: Place
    body: Place

    @model_validator(mode="after")
    def _ends(self) -> Deferred:
        if self.start.poll is None or self.start.poll.stop is None:
            raise ValueError("`deferred` needs `poll` in `start`, with `stop`: nothing may be carried out unseen")
        return self

    def worth(self, count: int, settings: Values) -> bool:
        return count > 1 and count >= int(fill(self.at_least, settings))

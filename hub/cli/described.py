"""A connector type as its documentation shows it: abilities, settings, default mapping. Pure but for making it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import yaml

from hub.config.described import Described
from hub.connectors.contract import Can, Promise
from hub.connectors.explained import explained
from hub.connectors.rest import RestConnector
from hub.mapping.spec import load_mapping
from hub.mapping.table import MappingSpec, RowSpec, WriteMode

BEGIN = "<!-- from here on written by `hub connector docs` -->"
END = "<!-- until here -->"
PROMISES = {
    Promise.KEYED: "K: the same create again is harmless",
    Promise.READBACK: "R: found again by the hub's key before it is repeated",
    Promise.EVENTUAL: "E: found again after {seconds:g} seconds, before it is repeated",
    Promise.WRITE_ONLY: "W: never found again, so an unknown outcome goes to a person",
}
WRITTEN = {
    WriteMode.OVERWRITE: "yes",
    WriteMode.IF_EMPTY: "where it is empty",
    WriteMode.ON_CREATE: "when created",
    WriteMode.NEVER: "no",
}
WRITES = ["creates", "updates", "archives", "deletes", "erases"]
COLUMNS = ["connector", "changes", "deletions", "events", *WRITES, "stale", "batch", "promise"]


# --- the table over all -----------------------------------------------------------------------------


def row(each: Described) -> list[str]:
    """Its cells under `COLUMNS`."""
    can = each.can
    changes = "told" if can.changes else "by comparing"
    deletions = "told" if can.tombstones else "by comparing" if can.complete else "not seen"
    if can.opt_out_leaves:
        deletions = "are opt-outs"
    writes = can.create or can.update or can.archive or can.delete or can.erase
    flags = [can.create, can.update, can.archive, can.delete, can.erase]
    stale = "refused" if can.stale else "not told" if can.update else ""
    batch = str(can.batch) if writes else ""
    promise = can.promise.value if can.create else ""
    events = "✓" if _hooked(each) else ""
    return [each.name, changes, deletions, events, *("✓" if flag else "" for flag in flags), stale, batch, promise]


def overview(all_: Sequence[Described]) -> str:
    """Markdown."""
    lines = [table_row(COLUMNS), "|" + "---|" * len(COLUMNS)]
    lines += [table_row([f"[`{each.name}`]({each.name}.md)", *row(each)[1:]]) for each in all_]
    promises = [f"- {text.replace('{seconds:g}', 'some')}" for text in PROMISES.values()]
    return "\n".join([*lines, "", "What a create promises when its answer is lost:", "", *promises])


# --- the page of one --------------------------------------------------------------------------------


def block(each: Described, not_asked: Sequence[str] = ()) -> str:
    """The generated part of a page, in Markdown."""
    parts = [
        "## Reference",
        *_abilities(each.can, events=_hooked(each)),
        "### Settings",
        _settings(each),
        "### Default mapping",
        _mapping(each),
        *_of_a_service(each),
    ]
    if not_asked:
        parts += ["### Not asked of it by the connector kit", "\n".join(f"- {line}" for line in not_asked)]
    return "\n\n".join(parts)


def _of_a_service(each: Described) -> Iterator[str]:
    """What a service file says for people."""
    if not issubclass(each.kind, RestConnector):
        return
    spec = each.kind.spec
    writes = {"create": spec.create, "update": spec.update, "archive": spec.archive, "delete": spec.delete}
    writes["erase"] = spec.erase
    effects = [f"{name}: {kind.effects}" for name, kind in writes.items() if kind is not None and kind.effects]
    for title, lines in (
        ("Setting up events", () if spec.webhooks is None else spec.webhooks.setup),
        ("What else a write does there", effects),
        ("Known gaps", spec.gaps),
        ("Left open by the vendor's documentation", spec.unconfirmed),
    ):
        if lines:
            yield f"### {title}"
            yield "\n".join(f"- {line}" for line in lines)


def _hooked(each: Described) -> bool:
    return issubclass(each.kind, RestConnector) and each.kind.spec.webhooks is not None


def _abilities(can: Can, *, events: bool = False) -> Iterator[str]:
    lines = [
        ("changes", "only what changed is read" if can.changes else "everything is read and compared"),
        ("deletions", _deletions(can)),
        *([("events", "by webhook, once it is set up: see [events](events.md)")] * events),
        ("read by id", "yes" if can.read else "no"),
        ("writes", ", ".join(_writes(can)) or "nothing: read only"),
        *([("somebody who is erased", _erasing(can))] * (can.delete or can.erase)),
    ]
    if can.create or can.update:
        lines += [
            (
                "a write on an outdated version",
                "is refused" if can.stale else "goes through",
            ),
            ("writes in one call", str(can.batch)),
        ]
    if can.create:
        lines.append(("promise of a create", PROMISES[can.promise].format(seconds=can.settle_seconds)))
    if can.links:
        fields = ", ".join(f"`{name}`" for name in sorted(can.links))
        lines.append(("link to the company", f"made by the name in {fields}; looked for again while it is owed"))
    yield "### Abilities"
    yield "\n".join(["| | |", "|---|---|", *(table_row(line) for line in lines)])


def _deletions(can: Can) -> str:
    if can.opt_out_leaves:
        return "who is no longer listed has opted out: a change of consent, not a deletion"
    if can.tombstones:
        return "told" + (", and seen by complete listings" if can.complete else "")
    return "seen by complete listings" if can.complete else "not seen"


def _erasing(can: Can) -> str:
    if can.erase:
        return "is erased for good, by a call of its own"
    return (
        "is deleted; the deletion can be taken back there, so a person sees to it" if can.restorable else "is deleted"
    )


def _writes(can: Can) -> list[str]:
    abilities = (can.create, can.update, can.archive, can.delete, can.erase)
    return [word for word, able in zip(WRITES, abilities, strict=True) if able]


def _settings(each: Described) -> str:
    lines = [
        table_row([f"`{one.name}`", "needed" if one.default is None else _code(one.default), one.means])
        for one in explained(each.kind.Settings)
    ]
    return "\n".join(["| setting | default | means |", "|---|---|---|", *lines])


def _mapping(each: Described) -> str:
    text = each.kind.mapping_text(each.settings)
    if not text.strip():
        return "Columns go by the names of the canonical fields."
    data = yaml.safe_load(text)
    spec, mapping = MappingSpec.model_validate(data), load_mapping(data, where=each.name, default_region=None)
    scope = mapping.scope()
    lines = [
        table_row([f"`{name}`", _source(one), WRITTEN[_mode(one)] if name in scope else "no"])
        for name, rows in spec.fields.items()
        for one in rows
    ]
    lines += [
        table_row([f"consent to {one.purpose} by {one.channel}", f"`{one.source}`", WRITTEN[one.write]])
        for one in spec.consents
    ]
    if not lines:
        return "Its records hold no fields of a contact."
    said = ["Columns go by the names of the canonical fields; beside them:", ""] if spec.flat else []
    return "\n".join([*said, "| canonical field | from | written |", "|---|---|---|", *lines])


def _mode(one: RowSpec) -> WriteMode:
    return one.write or WriteMode.OVERWRITE


def _source(one: RowSpec) -> str:
    if isinstance(one.source, str):
        return f"`{one.source}`"
    paths = one.source.items() if isinstance(one.source, dict) else ((None, path) for path in one.source)
    return ", ".join(f"{part}: `{path}`" if part else f"`{path}`" for part, path in paths)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def table_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


# --- in a page --------------------------------------------------------------------------------------


def with_block(page: str, generated: str) -> str:
    """The page with this part between the marks; at its end where there are none yet."""
    marked = f"{BEGIN}\n\n{generated.strip()}\n\n{END}\n"
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if begin and end:
        return before + marked + after.lstrip("\n")
    return page.rstrip("\n") + "\n\n" + marked

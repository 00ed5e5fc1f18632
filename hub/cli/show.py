"""What the lists share: values of systems made harmless for a terminal, tables, times, who is asking.

Whatever comes from a system may hold control characters that a terminal obeys, or brackets that rich reads as
markup. `clean` makes the first visible; texts are handed to rich as `Text`, which reads no markup.
"""

from __future__ import annotations

import getpass
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

import orjson
import typer
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from hub.cli.screen import Chosen, screen
from hub.errors import ConfigError
from hub.model import base_field, element
from hub.store.lists import Listed, Part

if TYPE_CHECKING:
    from hub.config import HubConfig
    from hub.store.db import Store, Tx
    from hub.sync.engine import Hub

T = TypeVar("T")
BAR = 12  # characters of the longest bar
MOST_BITS = 12.0  # bits of the longest bar
HARMFUL = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
JOINERS = "\u200c\u200d"  # parts of words in some scripts
TIMES = frozenset({"at", "since", "changed", "created_at", "updated_at", "decided_at", "optout_at"})
_NOT_PLAIN = re.compile(r"[^\x20-\x7e]")
_UNSAFE_JSON = re.compile("[\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")

GoldenId: TypeAlias = Annotated[
    str, typer.Argument(metavar="ID", help="Of a golden record; an id from before a merge too.")
]
Limit: TypeAlias = Annotated[int, typer.Option("--limit", min=1, help="The most rows to show.")]
Skip: TypeAlias = Annotated[int, typer.Option("--skip", min=0, help="Rows to pass over first.")]
By: TypeAlias = Annotated[
    str | None, typer.Option("--by", metavar="PERSON", help="Who decides this; default: your login name.")
]
ConnectionOption: TypeAlias = Annotated[
    str | None, typer.Option("--connection", "-c", metavar="NAME", help="Only of this connection.")
]
All: TypeAlias = Annotated[bool, typer.Option("--all", help="Those that are decided already, too.")]


# --- values -----------------------------------------------------------------------------------------


def clean(value: Any) -> str:
    r"""A text on one line without anything that a terminal obeys: such characters come out as \x1b."""
    text = value if isinstance(value, str) else plain_text(value)
    return _NOT_PLAIN.sub(_visible, text)


def _visible(found: re.Match[str]) -> str:
    letter = found[0]
    if letter in JOINERS or unicodedata.category(letter) not in HARMFUL:
        return letter
    number = ord(letter)
    short = {10: r"\n", 13: r"\r", 9: r"\t"}.get(number)
    return short or (f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}")


def plain_text(value: Any) -> str:
    """A value of a field for people: the parts of an address in one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {plain_text(part)}" for name, part in value.items() if part)
    if isinstance(value, list | tuple):
        return "; ".join(plain_text(part) for part in value)
    return "" if value is None else str(value)


def cell(value: Any, style: str = "") -> Text:
    return Text(clean(value), style=style)


def key_and_value(key: str, value: Any) -> tuple[Text, Text]:
    """(field, value) for people: of one among many, the element with what is known of it."""
    base = base_field(key)
    if base == key or base == "addresses":  # whose element is a number that says nothing
        return cell(base), cell(value) if value is not None else cell("(empty)", "dim")
    more = plain_text(value)
    return cell(base), cell(f"{element(key)} ({more})" if more else element(key))


def when(at: float | None) -> Text:
    """UTC, to the second."""
    return Text("" if at is None else f"{moment(at)}".replace("T", " ").replace("+00:00", "Z"))


def moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def counted(n: int, one: str, many: str | None = None) -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def counts_text(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in counts.items() if n) or "nothing counted"


def bar(bits: float) -> Text:
    """Evidence as a bar: green speaks for one, red against."""
    length = max(1, round(min(abs(bits), MOST_BITS) / MOST_BITS * BAR)) if bits else 0
    return Text("█" * length, style="green" if bits > 0 else "red")


# --- tables and messages ----------------------------------------------------------------------------


def table(*columns: str, right: Sequence[str] = (), title: str | None = None) -> Table:
    found = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left", title_style="bold")
    for name in columns:
        found.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return found


def heading(out: Console, text: Any) -> None:
    out.print()
    out.print(cell(text, "bold"))


def say(out: Console, *lines: str | Text) -> None:
    """Lines as they are: no markup, nothing that a terminal obeys."""
    for line in lines:
        out.print(line if isinstance(line, Text) else cell(line), soft_wrap=True)


def say_more(out: Console, listed: Listed[Any], part: Part) -> None:
    """How many more there are, and how to see them."""
    if listed.more:
        following = part.skip + len(listed.rows)
        say(out, f"… and {listed.more:,} more: --skip {following} shows the next, --limit N more at once.")


def rows(out: Console, listed: Listed[Any], part: Part, empty: str, shown: RenderableType) -> None:
    """A list for people, or the word that it is empty."""
    if not listed.rows:
        say(out, empty)
        return
    out.print(shown)
    say_more(out, listed, part)


# --- for programs -----------------------------------------------------------------------------------


def put_json(value: Any) -> None:
    """One JSON value on stdout; control characters of every kind are escaped."""
    text = orjson.dumps(as_data(value), option=orjson.OPT_INDENT_2).decode()
    sys.stdout.write(_UNSAFE_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


def put_list(listed: Listed[Any]) -> None:
    put_json({"rows": [as_data(row) for row in listed.rows], "more": listed.more})


def as_data(value: Any, name: str = "") -> Any:
    """Rows as JSON values: times as ISO 8601 UTC, bytes left out."""
    if is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: getattr(value, f.name) for f in fields(value)}
        return {key: as_data(part, key) for key, part in parts.items() if not isinstance(part, bytes)}
    if isinstance(value, Mapping):
        return {str(key): as_data(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_data(part) for part in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, Enum):
        return value.value
    if name in TIMES and isinstance(value, float):
        return moment(value)
    return value


# --- the store and the person -----------------------------------------------------------------------


def config_of(ctx: typer.Context) -> HubConfig:
    return ctx.find_object(Chosen).loaded  # type: ignore[union-attr] # set by the command hub


@contextmanager
def opened(ctx: typer.Context) -> Iterator[Store]:
    """The configured store, closed again."""
    from hub.config.keys import ledger_of, open_configured  # not by hub.running: looking needs no connector, no engine
    from hub.store.ledger import is_behind

    config = config_of(ctx)
    store = open_configured(config)
    if is_behind(store, ledger_of(config, store).read()):
        from hub.running import open_store

        store.close()
        store = open_store(config)
    try:
        yield store
    finally:
        store.close()


def look(ctx: typer.Context, query: Callable[[Tx], T]) -> T:
    """What a query finds in the store, which is closed again."""
    with opened(ctx) as store, store.read() as tx:
        return query(tx)


def there(found: T | None, what: str, number: int, listing: str) -> T:
    """What was found. ConfigError when it never was."""
    if found is None:
        raise ConfigError(f"There is no {what} {number}. See `{listing}`.")
    return found


def unknown(golden_id: str) -> ConfigError:
    return ConfigError(f"There is no golden record {clean(golden_id)!r}. Look for it: hub contacts find TEXT")


def wanted_state(everything: bool) -> str | None:
    """The state of the rows of a work list: those that wait for a person, or all."""
    return None if everything else "open"


@contextmanager
def opened_hub(ctx: typer.Context) -> Iterator[Hub]:
    """The engine over the configured connections. Reaches no system."""
    from hub.running import build_hub

    with opened(ctx) as store:
        yield build_hub(config_of(ctx), store)


def person(by: str | None) -> str:
    """Who decides: as named, else the login name. ConfigError when neither is known."""
    if by is not None and by.strip():
        return by.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError) as err:
        raise ConfigError("Your login name is not known, so nothing was changed. Say who you are: --by NAME.") from err


def reader() -> str:
    """Who takes data out. A container may have no name for its user: then the number."""
    try:
        return person(None)
    except ConfigError:
        return f"user {os.getuid()}"


def numbers(found: Iterable[int]) -> str:
    return ", ".join(map(str, found))


def out() -> Console:
    return screen()

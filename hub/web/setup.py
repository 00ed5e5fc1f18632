"""A connection as somebody wants it to be: judged, compared, tried, and saved in `hub.yaml`. For pages and the API.

What it is based on is known by a mark of its values, so a change of another connection in the same file disturbs
nobody, and one of the same connection is never written over unseen.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from hub.access.rights import Actor
from hub.config import HubConfig, load_config
from hub.config.editing import (
    FILE,
    REMOVED,
    Change,
    StaleEdit,
    Written,
    changed,
    difference,
    judge,
    open_file,
    read_only,
    save,
)
from hub.config.models import NAME
from hub.config.references import texts
from hub.connectors.registry import connector_type, connector_types
from hub.document import Place, parse_document, say_place, write_value
from hub.errors import ConfigError, HubError, Overtaken
from hub.optin.opening import lacks
from hub.secrets import references, typed_in
from hub.store import sealed
from hub.store.audit import note
from hub.store.db import Tx
from hub.trying import Trial, try_connection
from hub.web.api.world import World

SAMPLES = 10  # records that a test shows
Values = Mapping[str, Any]


class StaleConnection(Overtaken):
    """Somebody else has changed this connection meanwhile: nothing was written.

    now   its values as they are; None: it is not there any more
    """

    def __init__(self, name: str, now: Values | None) -> None:
        super().__init__(
            f"The connection {name} was changed by somebody else meanwhile, so nothing was written. "
            "Look at the difference, then save again."
        )
        self.now = now


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants.

    values  its keys as they are to stand in hub.yaml; None: it is to be removed
    typed   secrets that were typed in, by the place in the values where each belongs
    seen    `mark_of` the values that the wish is based on; "" for a connection that was not there
    """

    name: str
    values: Values | None
    typed: Mapping[Place, str]
    seen: str


@dataclass(frozen=True, slots=True)
class Draft:
    """The file as it would be.

    config    as it would be; None with mistakes
    mistakes  (path of the key within the connection or "", what is wrong with it)
    opened    sealed names → what was typed in for them
    """

    wish: Wish
    file: Written
    before: Values | None
    difference: str
    config: HubConfig | None
    mistakes: tuple[tuple[str, str], ...]
    opened: Mapping[str, str]

    @property
    def keys(self) -> list[str]:
        """Which keys are changed; those with a secret typed in, too."""
        typed = {say_place(place) for place in self.wish.typed}
        return sorted({*_changed_keys(self.before or {}, self.wish.values or {}), *typed})


def connections_in(folder: Path) -> dict[str, Any]:
    """What hub.yaml says of connections, as it stands. ConfigError when it is no YAML."""
    data = parse_document(open_file(folder, FILE).text.removeprefix("\ufeff"), str(folder / FILE)).data
    found = data.get("connections") if isinstance(data, dict) else None
    return {name: values for name, values in (found or {}).items() if isinstance(values, dict)}


def mark_of(values: Values | None) -> str:
    """The same for the same values, whatever their order; "" for none."""
    if values is None:
        return ""
    return blake2b(json.dumps(_ordered(values)).encode(), digest_size=12).hexdigest()


def _ordered(value: Any) -> Any:
    """Groups as lists that say the same in whatever order they were written."""
    if isinstance(value, Mapping):
        return [[str(key), _ordered(value[key])] for key in sorted(value, key=str)]
    return [_ordered(item) for item in value] if isinstance(value, list) else value


def between(name: str, before: Values | None, now: Values | None) -> str:
    """The difference of two states of one connection, as they stand in the file."""
    return difference(_text(name, before), _text(name, now), FILE)


def _text(name: str, values: Values | None) -> str:
    return "" if values is None else write_value({name: dict(values)}, open_levels=2)


def draft(world: World, wish: Wish) -> Draft:
    """StaleConnection when it is not based on what is there; ConfigError when the file cannot be changed so."""
    config, folder = world.config, world.config.folder
    if not NAME.fullmatch(wish.name):
        raise ConfigError(
            "A connection's name is small letters, digits and _, begins with a letter, and has at most 40. "
            "Nothing was changed."
        )
    now = connections_in(folder)
    before = now.get(wish.name)
    if mark_of(before) != wish.seen:
        raise StaleConnection(wish.name, before)
    names = _sealed_names(world, wish, now)
    values = None if wish.values is None else _with_references(wish.values, names)
    wish = replace(wish, values=values)
    _refuse_by_hand(config, before or {}, values)
    _refuse_keys(config, values or {})
    file = open_file(folder, FILE)
    wanted: Any = REMOVED if values is None else values
    text = changed(file.text, [Change(("connections", wish.name), wanted, open=True)])
    opened = {names[place]: value for place, value in wish.typed.items()}
    made = Draft(wish, replace(file, text=text), before, difference(file.text, text, FILE), None, (), opened)
    try:
        judged = judge(folder, {FILE: text}, only=[wish.name])
    except ConfigError as err:
        return replace(made, mistakes=tuple(_mistakes(str(err), folder, wish.name)))
    if lacking := lacks(judged).get(wish.name):
        return replace(made, mistakes=tuple(_mistakes(lacking, folder, wish.name)))
    return replace(made, config=judged)


def attempt(made: Draft) -> Trial:
    """Reaches the system, reads some records and maps them. Nothing is written anywhere. ConfigError with mistakes."""
    if made.config is None:
        raise ConfigError("There are mistakes, so it was not tried. Correct them first.")
    with typed_in(made.opened):
        return try_connection(made.config, made.wish.name, SAMPLES)


def keep(world: World, made: Draft, actor: Actor) -> bool:
    """Seals, saves, writes down who did it, and takes it in; True: it is in use, or refused with a reason to see.

    All or nothing: where the file cannot be saved nothing is sealed or noted, and the other way round.
    StaleConnection, ConfigError.
    """
    if made.config is None:
        raise ConfigError("There are mistakes, so nothing was saved. Correct them first.")
    if reason := read_only(world.config):
        raise ConfigError(f"Nothing was saved: {reason}.")
    was = open_file(world.config.folder, FILE)
    try:
        _save(world, made, actor)
    except StaleEdit as err:
        raise StaleConnection(made.wish.name, connections_in(world.config.folder).get(made.wish.name)) from err
    except HubError:
        _put_back(world.config.folder, made.file.text, was.text)
        raise
    return world.setup.take()


def _save(world: World, made: Draft, actor: Actor) -> None:
    """The file last, so that whatever is refused before it leaves it alone."""
    now, name = world.clock(), made.wish.name
    if not made.keys and made.wish.values is not None and made.before is not None:
        return
    with world.store.write() as tx:
        for secret, value in made.opened.items():
            sealed.keep(tx, secret, value, actor.name, now)
        note(tx, actor.name, _action(made), f"connection {name}", {"keys": made.keys}, at=now)
        if made.wish.values is None:
            _forget_secrets(tx, world.config.folder, made, actor.name, now)
        save(world.config.folder, [made.file])


def _action(made: Draft) -> str:
    if made.wish.values is None:
        return "connection removed"
    return "connection added" if made.before is None else "connection changed"


def _put_back(folder: Path, ours: str, before: str) -> None:
    """Where the store refused after the file was saved. What others have saved since stays."""
    now = open_file(folder, FILE)
    if now.text == ours != before:
        save(folder, [replace(now, text=before)])


# --- secrets ----------------------------------------------------------------------------------------


def _sealed_names(world: World, wish: Wish, now: Mapping[str, Any]) -> dict[Place, str]:
    """Under which name each typed secret is kept: that of before if nobody else uses it, else one that is free."""
    if not wish.typed:
        return {}
    with world.store.read() as tx:
        there = {secret.name for secret in sealed.secrets(tx)}
    elsewhere = _sealed_in(values for name, values in now.items() if name != wish.name)
    taken = there | elsewhere
    mine = {}
    for place in wish.typed:
        before = _at(now.get(wish.name), place)
        known = before.removeprefix("sealed:") if isinstance(before, str) and before.startswith("sealed:") else ""
        mine[place] = known if known and known not in elsewhere else _free(wish.name, place, taken)
        taken.add(mine[place])
    return mine


def _free(name: str, place: Place, taken: set[str]) -> str:
    wanted = "_".join([name, *(str(part) for part in place)]).upper()
    wanted = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in wanted)[:60]
    number, free = 1, wanted
    while free in taken:
        number += 1
        free = f"{wanted}_{number}"
    return free


def _sealed_in(values: Iterable[Any]) -> set[str]:
    found = (ref for value in values for text in texts(value) for ref in references(text))
    return {ref.removeprefix("sealed:") for ref in found if ref.startswith("sealed:")}


def _forget_secrets(tx: Tx, folder: Path, made: Draft, who: str, now: float) -> None:
    """Those that were typed in for it, unless something else uses them."""
    others = {name: each for name, each in connections_in(folder).items() if name != made.wish.name}
    mine = _sealed_in([made.before]) - _sealed_in(others.values())
    whole = made.config.model_dump(mode="json") if made.config is not None else {}
    there = {secret.name for secret in sealed.secrets(tx)}
    for name in sorted((mine & there) - _sealed_in([whole])):
        sealed.forget(tx, name, who, now)


def _with_references(values: Values, names: Mapping[Place, str]) -> Values:
    made = dict(values)
    for place, name in names.items():
        _put(made, place, f"sealed:{name}")
    return made


def _put(group: dict[str, Any], place: Place, value: Any) -> None:
    *way, last = place
    for part in way:
        inner = group.get(part)  # type: ignore[arg-type]  # keys of settings are texts
        group[str(part)] = dict(inner) if isinstance(inner, dict) else {}
        group = group[str(part)]
    group[str(last)] = value


def _at(values: Any, place: Place) -> Any:
    for part in place:
        values = values.get(part) if isinstance(values, dict) else None
    return values


# --- what is refused --------------------------------------------------------------------------------


def _refuse_by_hand(config: HubConfig, before: Values, values: Values | None) -> None:
    """Who may set up connections may not thereby start programs on the machine."""
    if values is None or not isinstance(values.get("type"), str):
        return
    types = connector_types(config.folder)
    if values["type"] not in types:
        return
    is_same_type = before.get("type") == values["type"]
    for key in sorted(connector_type(values["type"], types).by_hand):
        if values.get(key) != (before.get(key) if is_same_type else None):
            raise ConfigError(
                f"`{key}` names a program that the hub starts, so it is written in {FILE} by hand. Nothing was changed."
            )


def _refuse_keys(config: HubConfig, values: Values) -> None:
    """No connection is handed the key of all secrets."""
    named = {config.access.master_key, config.access.former_master_key} - {None}
    files = {_file_of(config, str(ref)) for ref in named} | {(config.home / "data/hub.key").resolve()}
    if config.store.startswith("sqlite:///"):
        files.add((config.home / f"{config.store.removeprefix('sqlite:///')}.key").resolve())
    for ref in (ref for text in texts(dict(values)) for ref in references(text)):
        if ref in named or _file_of(config, ref) in files - {None}:
            raise ConfigError("The hub's master key is for no connection. Nothing was changed. Name another secret.")


def _file_of(config: HubConfig, ref: str) -> Path | None:
    return (config.folder / ref.removeprefix("file:")).resolve() if ref.startswith("file:") else None


def _mistakes(said: str, folder: Path, name: str) -> Iterator[tuple[str, str]]:
    """Lines such as `config/hub.yaml:7: connections.erp.url: is missing`, by key where they are of this connection."""
    mine = f"connections.{name}"
    for line in said.splitlines():
        if line.startswith(("The configuration has ", "Next: ")):
            continue
        message = line
        if line.startswith(f"{folder / FILE}:"):
            message = line.removeprefix(f"{folder / FILE}:").partition(": ")[2]
        key, colon, rest = message.partition(": ")
        if colon and (key == mine or key.startswith((f"{mine}.", f"{mine}["))):
            yield key.removeprefix(mine).removeprefix("."), rest
        else:
            yield "", message


def _changed_keys(before: Values, now: Values, at: str = "") -> Iterator[str]:
    for key in {**before, **now}:
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _changed_keys(old, new, f"{at}{key}.")
        elif old != new or (key in before) != (key in now):
            yield f"{at}{key}"


# --- in use, and in the file ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """How a connection in the file differs from the one in use.

    difference  from the one in use to the file; "" when they are alike
    mistake     why the file cannot be taken in
    """

    difference: str = ""
    mistake: str = ""


def standing(world: World, name: str) -> Standing:
    try:
        written = load_config(world.config.folder)
    except ConfigError as err:
        return Standing(mistake=str(err))
    return Standing(difference(in_use(world.config, name), in_use(written, name), name))


def in_use(config: HubConfig, name: str) -> str:
    """A connection of a configuration as YAML, so far as anything is said of it."""
    if name not in config.connections:
        return ""
    given = config.connections[name].model_dump(mode="json", exclude_unset=True)
    own = given.pop("settings", {})
    return write_value({name: {"type": given.pop("type"), **own, **given}}, open_levels=2)

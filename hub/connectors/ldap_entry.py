"""An LDAP entry as a record, and a write as modifications of one. Pure.

Values    every attribute of LDAP may have several: those of `multiple` are lists, all others a text, which is the value
          in the entry's name, else the first. The others of such a text are kept when it is changed
Binary    a value that is no UTF-8 text leaves its attribute out: it says nothing, and is never written
Modify    what is removed is named with its value, so that the server refuses a change made on an outdated one
Name      cn follows when givenName or sn is changed and cn is not, unless cn is in the entry's name (DN)
Version   the server's stamp with a hash of the values, since stamps have whole seconds
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, TypeAlias
from uuid import UUID

import orjson

from hub.connectors.names import with_word
from hub.errors import RecordError
from hub.model import Record

Raw: TypeAlias = Mapping[str, Sequence[bytes]]
Rdn: TypeAlias = Sequence[tuple[str, str]]  # (attribute, value) of the first part of a DN

ADD, DELETE, REPLACE = 0, 1, 2  # as LDAP numbers them
Change: TypeAlias = tuple[int, str, list[bytes] | None]
STAMPS = ("entryCSN", "modifyTimestamp", "uSNChanged", "whenChanged")
_STAMP = re.compile(r"(\d{14})(?:\.\d+)?Z")


@dataclass(frozen=True, slots=True)
class Shape:
    """How entries are read: attributes shown, those that are lists, the one with the id, the one with the hub's key."""

    attributes: tuple[str, ...]
    multiple: frozenset[str]
    key: str
    reference: str

    @property
    def asked(self) -> list[str]:
        return list(dict.fromkeys([*self.attributes, self.key, self.reference, *STAMPS]))


# --- reading ----------------------------------------------------------------------------------------


def read_entry(raw: Raw, rdn: Rdn, shape: Shape) -> Record | None:
    """None without an id: the server does not show it to this account."""
    by_name = {name.lower(): values for name, values in raw.items()}
    identity = id_of(by_name.get(shape.key.lower(), ()), shape.key)
    if identity is None:
        return None
    named = {name.lower(): value for name, value in rdn}
    fields: dict[str, Any] = {}
    for name in shape.attributes:
        texts = texts_of(by_name.get(name.lower(), ()))
        if texts is None:
            continue
        if name in shape.multiple:
            fields[name] = sorted(texts)
        else:
            fields[name] = shown(texts, named.get(name.lower()))
    reference = texts_of(by_name.get(shape.reference.lower(), ())) or []
    stamp = next((texts[0] for name in STAMPS if (texts := texts_of(by_name.get(name.lower(), ())))), "")
    return Record(
        id=identity,
        fields=fields,
        version=f"{stamp}-{blake2b(orjson.dumps(fields, option=orjson.OPT_SORT_KEYS), digest_size=6).hexdigest()}",
        changed_at=changed_at(by_name),
        key=next((text for text in reference if text.startswith("hub:")), None),
    )


def id_of(values: Sequence[bytes], attribute: str) -> str | None:
    if not values:
        return None
    if attribute.lower() == "objectguid":
        return str(UUID(bytes_le=bytes(values[0])))
    return values[0].decode()


def id_filter(identity: str, attribute: str) -> str | None:
    """None for what can be no id: such a filter would be refused."""
    try:
        number = UUID(identity)
    except ValueError:
        return None
    if str(number) != identity:
        return None
    if attribute.lower() == "objectguid":
        escaped = "".join("\\" + f"{byte:02x}" for byte in number.bytes_le)
        return f"({attribute}={escaped})"
    return f"({attribute}={identity})"


def texts_of(values: Sequence[bytes]) -> list[str] | None:
    """None: not all of them are text."""
    try:
        return [value.decode() for value in values]
    except UnicodeDecodeError:
        return None


def shown(texts: Sequence[str], named: str | None) -> str | None:
    """The one value of a text."""
    if named is not None:
        return next((text for text in texts if text.casefold() == named.casefold()), texts[0] if texts else None)
    return texts[0] if texts else None


def changed_at(by_name: Mapping[str, Sequence[bytes]]) -> datetime | None:
    for name in ("modifytimestamp", "whenchanged"):
        texts = texts_of(by_name.get(name, ())) or [""]
        match = _STAMP.fullmatch(texts[0])
        if match:
            return datetime.strptime(match[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return None


# --- writing ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Modification:
    """rdn: new values of attributes that are in the entry's name; changes: all others."""

    rdn: Mapping[str, str]
    changes: tuple[Change, ...]


def modification(raw: Raw, rdn: Rdn, wanted: Mapping[str, Any], shape: Shape) -> Modification:
    """What makes the entry hold these fields. RecordError when it cannot."""
    check_fields(wanted, shape)
    by_name = {name.lower(): list(values) for name, values in raw.items()}
    named = {name.lower(): value for name, value in rdn}
    wanted = {**followed(by_name, named, wanted), **wanted}
    names: dict[str, str] = {}
    changes: list[Change] = []
    for name, value in wanted.items():
        old = by_name.get(name.lower(), [])
        texts = texts_of(old)
        if texts is None:
            raise RecordError(f"The attribute {name} holds something that is no text, so it is not changed.")
        if name in shape.multiple:
            new = list(dict.fromkeys(value or []))
            gone, added = [each for each in texts if each not in new], [each for each in new if each not in texts]
        else:
            before = shown(texts, named.get(name.lower()))
            gone, added = [before] if before and before != value else [], [value] if value and value != before else []
            if added and name.lower() in named:
                names[name] = value
                continue
            added = [each for each in added if each not in texts]
        if name.lower() in named and any(each.casefold() == named[name.lower()].casefold() for each in gone):
            raise RecordError(f"The attribute {name} is the entry's name in the directory and cannot be emptied.")
        if gone:
            changes.append((DELETE, name, [each.encode() for each in gone]))
        if added:
            changes.append((ADD, name, [each.encode() for each in added]))
    return Modification(names, tuple(changes))


def followed(
    by_name: Mapping[str, Sequence[bytes]], named: Mapping[str, str], wanted: Mapping[str, Any]
) -> dict[str, Any]:
    """cn with the new words in place of the old ones."""
    cn = shown(texts_of(by_name.get("cn", ())) or [], None)
    if "cn" in wanted or "cn" in named or not cn:
        return {}
    name = cn
    for attribute in ("givenName", "sn"):
        new = wanted.get(attribute)
        old = shown(texts_of(by_name.get(attribute.lower(), ())) or [], None)
        if new and old and old != new:
            name = with_word(name, old, new)
    return {"cn": name} if name != cn else {}


def new_entry(fields: Mapping[str, Any], classes: Sequence[str], shape: Shape) -> dict[str, list[bytes]]:
    """The attributes of a new entry; cn is made of the parts of the name where it is not given."""
    check_fields(fields, shape)
    values = {name: _values(value) for name, value in fields.items() if _values(value)}
    if "cn" not in values:
        parts = [*values.get("givenName", [])[:1], *values.get("sn", [])[:1]] or values.get("o", [])[:1]
        if parts:
            values["cn"] = [b" ".join(parts)]
    return {"objectClass": [each.encode() for each in classes], **values}


def check_fields(fields: Mapping[str, Any], shape: Shape) -> None:
    for name, value in fields.items():
        if name not in shape.attributes:
            raise RecordError(f"The attribute {name!r} is not one of `attributes`, so it is not written.")
        is_list = isinstance(value, list) and all(isinstance(each, str) and each for each in value)
        if value is not None and not (is_list if name in shape.multiple else isinstance(value, str)):
            raise RecordError(
                f"The attribute {name!r} takes {'a list of texts' if name in shape.multiple else 'a text'}."
            )
        for each in value if isinstance(value, list) else [value or ""]:
            if "\x00" in each:
                raise RecordError(f"The attribute {name!r} holds a NUL character, which no entry may hold.")
            try:
                each.encode()
            except UnicodeEncodeError as error:
                raise RecordError(f"The attribute {name!r} is not valid Unicode, so it cannot be sent.") from error


def replaced(changes: Sequence[Change], raw: Raw) -> list[Change]:
    """The same with whole attributes, for those that the server cannot compare value by value."""
    by_name = {name.lower(): list(values) for name, values in raw.items()}
    for op, name, values in changes:
        held = by_name.setdefault(name.lower(), [])
        if op == DELETE:
            by_name[name.lower()] = [each for each in held if each not in (values or [])]
        else:
            held.extend(values or [])
    return [(REPLACE, name, by_name[name.lower()] or None) for name in dict.fromkeys(name for _, name, _ in changes)]


def _values(value: Any) -> list[bytes]:
    texts = value if isinstance(value, list) else [value] if value else []
    return [each.encode() for each in dict.fromkeys(texts)]

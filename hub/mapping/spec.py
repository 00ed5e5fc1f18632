"""Loads a mapping file: compiled to closures, or refused with the place and the way out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from hashlib import blake2b
from json import dumps
from typing import Any

from pydantic import ValidationError

from hub.errors import ConfigError
from hub.mapping.apply import ContactMapping
from hub.mapping.compile import compile_fields
from hub.mapping.flat import with_flat_rows
from hub.mapping.rows import Wrong
from hub.mapping.table import ConsentSpec, FromSpec, KindSpec, MappingSpec, MomentSpec, RowSpec
from hub.model import KIND

__all__ = ["MappingSpec", "flat_mapping", "load_mapping"]

FORM = 2
"""Number of the canonical form. Raise it when the same table makes other values of the same record, so that
stored records are mapped anew and the difference is not taken for an edit."""


def load_mapping(data: Mapping[str, Any], *, where: str, default_region: str | None) -> ContactMapping:
    """Compile the content of a mapping file.

    where           the file, for messages
    default_region  alpha-2 country of phones and addresses that name none

    ConfigError names file, key, what was found and what is allowed.
    """
    try:
        spec = MappingSpec.model_validate(data)
        table = with_flat_rows(spec) if spec.flat else spec
        fields, kind = compile_fields(table, default_region)
    except ValidationError as err:
        raise ConfigError("\n".join(_said(where, dict(error)) for error in err.errors())) from err
    except Wrong as err:
        raise ConfigError(f"{where}: {err.key}: {err.problem}") from err
    return ContactMapping(
        fields,
        kind,
        digest=_digest(spec, default_region),
        ignored=frozenset(table.ignore),
        by_name=_by_name(spec, table),
    )


def _by_name(spec: MappingSpec, table: MappingSpec) -> frozenset[str]:
    """Fields of a flat table whose columns carry their names."""
    if not spec.flat:
        return frozenset()
    own = {name for name, rows in spec.fields.items() if [row.source for row in rows] != [f"['{name}']"]}
    kind = {KIND} if spec.kind is None else set()
    return frozenset(table.fields.keys() - own | kind)


def flat_mapping(default_region: str | None, custom: Collection[str] = ()) -> ContactMapping:
    """The mapping of flat files and forms: columns map by their names.

    custom  declared fields of one's own, such as `custom.segment`; their columns carry the same name
    """
    fields = {name: f"['{name}']" for name in custom}
    return load_mapping({"flat": True, "fields": fields}, where="flat mapping", default_region=default_region)


def _digest(spec: MappingSpec, region: str | None) -> bytes:
    table = spec.model_dump(mode="python", by_alias=True)
    text = dumps([FORM, region, table], default=str, sort_keys=False)
    return blake2b(text.encode(), digest_size=8).digest()


_MODELS = {"kind": KindSpec, "consents": ConsentSpec, "fields": RowSpec, "at": MomentSpec}
_TEXT_OR_FROM = ("basis", "source", "wording")


def _said(where: str, error: dict[str, Any]) -> str:
    loc = [part for part in error["loc"] if part not in ("str", "FromSpec", "[key]")]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")
    if error["type"] == "extra_forbidden":
        allowed = _allowed(loc)
        close = get_close_matches(str(loc[-1]), allowed, 1)
        hint = f"did you mean {close[0]}? " if close else ""
        return f"{where}: {key}: unknown key; {hint}allowed: {', '.join(allowed)}"
    found = error.get("input")
    shown = f" (found {found!r:.80})" if isinstance(found, str | int | float | bool | None) else ""
    return f"{where}: {key or 'the file'}: {error['msg']}{shown}"


def _allowed(loc: list[Any]) -> list[str]:
    """The keys that may stand where an unknown one was found."""
    if len(loc) == 1:
        model: Any = MappingSpec
    elif len(loc) > 2 and loc[-2] in _TEXT_OR_FROM:
        model = FromSpec
    else:
        model = _MODELS.get(loc[-2], _MODELS.get(loc[0], MappingSpec))
    return sorted(info.alias or name for name, info in model.model_fields.items())

"""Service files: read, checked, and made into the settings of a connection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, create_model

from hub.connectors.contract import Settings
from hub.connectors.rest.calls import KNOWN
from hub.connectors.rest.spec import ServiceSpec, Setting
from hub.connectors.rest.words import Where, fill, parse_text, parse_where
from hub.connectors.settings import known_zone, web_address
from hub.document import Document, parse_document, read_document, say_mistakes
from hub.errors import ConfigError
from hub.mistakes import explain

BUILT_IN = files("hub.connectors") / "services"
SUFFIX = ".yaml"


def built_in_services() -> list[str]:
    return sorted(each.name.removesuffix(SUFFIX) for each in BUILT_IN.iterdir() if each.name.endswith(SUFFIX))


def read_service(name: str) -> ServiceSpec:
    """A service that comes with the hub."""
    path = BUILT_IN / f"{name}{SUFFIX}"
    return check_service(parse_document(path.read_text(encoding="utf-8"), f"{name}{SUFFIX}"))


def read_service_file(path: Path) -> ServiceSpec:
    """ConfigError names every mistake with file, line and key."""
    return check_service(read_document(path))


def check_service(document: Document) -> ServiceSpec:
    data = document.data
    if not isinstance(data, dict):
        raise ConfigError(say_mistakes([f"{document.name}:1: allowed at the top: keys such as service and url"]))
    declared = data.get("settings")
    names = frozenset(declared if isinstance(declared, dict) else ()) | {"page_size"}
    mistakes = [document.mistake(("settings", name), "this name is the engine's own") for name in sorted(names & KNOWN)]
    try:
        spec = ServiceSpec.model_validate(data, context={"settings": names})
    except ValidationError as err:
        mistakes += explain(document, err, ServiceSpec)
    if mistakes:
        raise ConfigError(say_mistakes(mistake.text for mistake in sorted(mistakes)))
    return spec


def consent_fields(spec: ServiceSpec, values: Mapping[str, Any]) -> frozenset[str]:
    """Names of the fields of a write that hold a consent: those with calls of their own, and those of the mapping."""
    own = {str(fill(each.field, values)) for each in spec.consents}
    rows = spec.mapping.get("consents") or []
    places = [str(row.get("from")) for row in rows if isinstance(row, Mapping)]
    return frozenset(own | {place.partition(".")[0].partition("[")[0] for place in places})


def mapping_text(spec: ServiceSpec, given: Mapping[str, Any] | None = None) -> str:
    """The default mapping of the service, as a mapping file.

    given  settings as written; a gap in the mapping that names one (no secret) is filled, or with its default
    """
    known = {name: each.default for name, each in spec.settings.items() if not each.secret}
    known |= {name: value for name, value in (given or {}).items() if name in known}
    tree = _with_settings(spec.mapping, {name: value for name, value in known.items() if value is not None})
    text: str = yaml.safe_dump(tree, allow_unicode=True, sort_keys=False)
    return text


_SETTING = re.compile(r"\{([a-z_]\w*)\}")


def example_text(name: str, spec: ServiceSpec) -> str:
    """A connection to the service as the documentation shows it: what has to be given, and what has an example."""
    shown: dict[str, Any] = {"type": name}
    for key, setting in spec.settings.items():
        if setting.secret and setting.required:
            shown[key] = f"env:{name.upper()}_{key.upper()}"
        elif setting.example is not None:
            shown[key] = setting.example
        elif setting.required and setting.choices:
            shown[key] = setting.choices[0]
    text: str = yaml.safe_dump({**shown, "schedule": "every 15 minutes"}, allow_unicode=True, sort_keys=False)
    return text


def _with_settings(tree: Any, known: Mapping[str, Any]) -> Any:
    """Braces that name no setting are the mapping's own, as in a pattern."""
    if isinstance(tree, str):
        return _SETTING.sub(lambda found: str(known.get(found[1], found[0])), tree)
    if isinstance(tree, dict):
        return {_with_settings(name, known): _with_settings(value, known) for name, value in tree.items()}
    return [_with_settings(each, known) for each in tree] if isinstance(tree, list) else tree


# --- settings ---------------------------------------------------------------------------------------

_COMMON = {
    "page_size": "records read in one call",
    "rate_share": "part of the rate limit that the hub may use, since others use it too",
    "ca_file": "certificate authority of a private network",
    "token_file": "where a refresh token that the service replaces at each use is kept",
}


def settings_model(name: str, spec: ServiceSpec) -> type[Settings]:
    """The settings of a connection: those that the file declares, and those that all services have."""
    fields: dict[str, Any] = {key: _field(key, each) for key, each in spec.settings.items()}
    common: dict[str, Any] = {
        "page_size": (Annotated[int, Field(ge=1, le=spec.list.size)], spec.list.size),
        "rate_share": (Annotated[float, Field(gt=0, le=1)], 1.0),
        "ca_file": (Path | None, None),
    }
    if spec.auth.oauth is not None and spec.auth.oauth.grant == "refresh_token":
        common["token_file"] = (Path | None, None)
    model = create_model(f"{name.title().replace('_', '')}Settings", __base__=Settings, **fields, **common)
    helps = {key: each.help for key, each in spec.settings.items()} | {key: _COMMON[key] for key in common}
    model.__doc__ = "\n".join([f"{spec.service}.", "", *(f"{key:<14} {text}" for key, text in helps.items())])
    return model


def _field(name: str, setting: Setting) -> Any:
    kind = _kind(name, setting)
    help_text = Field(description=setting.help, examples=None if setting.example is None else [setting.example])
    if setting.required:
        return (Annotated[kind, help_text], ...)
    default = tuple(setting.default) if isinstance(setting.default, list) else setting.default
    return (Annotated[kind if default is not None else kind | None, help_text], default)


def _kind(name: str, setting: Setting) -> Any:
    kind: Any = str
    if setting.secret:
        kind = SecretStr
    elif setting.many:
        kind = tuple[str, ...]
    elif setting.choices:
        kind = Literal[setting.choices]
    elif setting.number:
        kind = int
    elif isinstance(setting.default, bool):
        kind = bool
    elif setting.pattern:
        kind = Annotated[str, Field(pattern=setting.pattern)]
    if name == "url":
        kind = Annotated[kind, AfterValidator(web_address)]
    elif kind is str:
        kind = Annotated[str, BeforeValidator(_plain)]
        if setting.required:
            kind = Annotated[kind, Field(min_length=1)]
    return kind


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def values_of(spec: ServiceSpec, settings: Settings) -> Mapping[str, Any]:
    """What fills the gaps that name settings, secrets in the clear."""
    found: dict[str, Any] = {"page_size": getattr(settings, "page_size")}  # noqa: B009 - the model is made at run time
    for name in spec.settings:
        value = getattr(settings, name)
        found[name] = value.get_secret_value() if isinstance(value, SecretStr) else value
        if isinstance(value, tuple):
            found[name] = list(value)
    return found


def base_of(spec: ServiceSpec, values: Mapping[str, Any], name: str) -> str:
    """The address that all calls begin with. ConfigError, without any value, when a setting does not fit into it."""
    found = fill(spec.url, values)
    if found is not None:
        return str(found)
    given = [key for key in spec.url.names if values.get(key)]
    said = "; ".join(f"`{key}` is the {spec.settings[key].help}" for key in given if key in spec.settings)
    raise ConfigError(
        f"{name}: the address of {spec.service} is made of {', '.join(f'`{key}`' for key in spec.url.names)}, and what "
        f"stands there does not fit. {said}. Nothing was sent. Next: correct it, then run `hub check`."
    )


def _placed(place: Where, values: Mapping[str, Any]) -> Where:
    """A place whose gaps are filled, such as `lists[id={list}].status`."""
    return parse_where(_with_settings(place.source, values)) if "{" in place.source else place


def in_zones(spec: ServiceSpec, values: Mapping[str, Any]) -> ServiceSpec:
    """With the time zones and places that settings name. ConfigError when a zone is none."""

    def placed(part: Any) -> Any:
        if part is None or not list(part.zone.names):
            return part
        zone = str(part.zone.fill(values))
        try:
            return part.model_copy(update={"zone": parse_text(known_zone(zone))})
        except ValueError as error:
            raise ConfigError(f"{spec.service}: {error}. Nothing was read.") from error

    derived = {name: _placed(place, values) for name, place in spec.record.derived.items()}
    record = spec.record.model_copy(update={"changed": placed(spec.record.changed), "derived": derived})
    changes = {"changes": placed(spec.changes), "deletions": placed(spec.deletions)}
    also = tuple(placed(each) for each in spec.also_changes)
    read = spec.read
    if read is not None and read.beside:
        beside = {name: _placed(place, values) for name, place in read.beside.items()}
        read = read.model_copy(update={"beside": beside})
    return spec.model_copy(update={"record": record, "read": read, "also_changes": also, **changes})

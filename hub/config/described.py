"""A connector type with what it can do, known from the settings of its example."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from hub.config.models import ConnectionConfig
from hub.config.references import secret_places, stand_in
from hub.connectors.contract import Can, Connector, Context
from hub.document import Place
from hub.errors import ConfigError
from hub.secrets import is_reference

STAND_IN = "stand-in"


@dataclass(frozen=True, slots=True)
class Described:
    """One type with the settings of its example."""

    name: str
    kind: type[Connector]
    settings: dict[str, Any]
    can: Can

    @property
    def summary(self) -> str:
        """The first line of what its module or class says."""
        return next((line.strip() for line in (self.kind.__doc__ or "").splitlines() if line.strip()), "")


def described(name: str, kind: type[Connector]) -> Described:
    """ConfigError when the type brings no example that fits it."""
    if not kind.example.strip():
        raise ConfigError(f"The connector type {name!r} has no `example`, so its abilities are not known.")
    try:
        settings = dict(ConnectionConfig.model_validate(yaml.safe_load(kind.example)).settings)
        fitting = kind.Settings.model_validate(_without_secrets(kind, settings))
    except ValidationError as error:
        places = sorted({".".join(map(str, each["loc"])) or "the whole" for each in error.errors()})
        raise ConfigError(f"The example of the connector type {name!r} does not fit: {', '.join(places)}.") from error
    with ExitStack() as closing:
        can = kind(fitting, Context(name, closing=closing)).can
    return Described(name, kind, settings, can)


def _without_secrets(kind: type[Connector], settings: dict[str, Any]) -> Any:
    """With something harmless for each secret: abilities do not hang on them."""
    places = secret_places(kind.Settings, settings)

    def harmless(value: Any, place: Place) -> Any:
        if isinstance(value, dict):
            return {key: harmless(part, (*place, key)) for key, part in value.items()}
        if isinstance(value, list):
            return [harmless(part, (*place, number)) for number, part in enumerate(value)]
        return STAND_IN if place in places and is_reference(str(value)) else value

    return stand_in(harmless(settings, ()))

"""Versions of the matching model: kept, used, and taken back."""

from __future__ import annotations

from hub.dedupe.document import as_document, from_document
from hub.dedupe.weigh import Model
from hub.errors import ConfigError
from hub.store import models
from hub.store.audit import note
from hub.store.db import Store, Tx


def keep(store: Store, model: Model, at: float, origin: str, person: str) -> int:
    """Keep a model as a version, which nothing uses yet; its number. origin: what it was learnt from, in words"""
    with store.write() as tx:
        number = models.add(tx, at, origin, as_document(model))
        note(tx, person, "model kept", f"model {number}", at=at)
        return number


def use(store: Store, number: int, person: str) -> int:
    """Match by this version from now on; the number of the one before. ConfigError when there is none of it."""
    with store.write() as tx:
        if number != models.SHIPPED and models.document(tx, number) is None:
            raise ConfigError(_say_unknown(number))
        before = models.in_use(tx)
        models.use(tx, number)
        note(tx, person, "model used", f"model {number}", {"before": before})
    return before


def model_of(tx: Tx, number: int, base: Model) -> Model:
    """A version of the model. ConfigError when there is none of this number."""
    if number == models.SHIPPED:
        return base
    document = models.document(tx, number)
    if document is None:
        raise ConfigError(_say_unknown(number))
    return from_document(document, base)


def _say_unknown(number: int) -> str:
    return f"There is no version {number} of the model. Nothing was changed. See `hub dedupe models`."

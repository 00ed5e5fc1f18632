"""Survivorship rules in `hub.yaml`: what a rule changes of the file, and the file saved with it.

A saved rule decides from the next change of a contact on; golden records that stay as they are keep their values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from hub.config import editing
from hub.config.editing import Change, Written
from hub.config.models import HubConfig
from hub.dedupe.survive import LATEST, Rule
from hub.dedupe.trial import read_rule, rule_text
from hub.errors import ConfigError
from hub.store.audit import note
from hub.sync.engine import Hub


@dataclass(frozen=True, slots=True)
class Draft:
    """`hub.yaml` with the rule in it. file: as it would be; etag: of what it is made from; difference: unified"""

    file: Written
    difference: str

    @property
    def etag(self) -> str:
        return self.file.etag


def rule_from(config: HubConfig, field: str, words: Sequence[str]) -> Rule:
    """ConfigError when these words name no rule, or consents are meant: of two the stricter always wins."""
    if field == "consents":
        raise ConfigError("Consents have no rule: of two the stricter always wins. Nothing was changed.")
    return read_rule(field, words, config.connections)


def draft(config: HubConfig, field: str, rule: Rule) -> Draft:
    """ConfigError when the file cannot be read, or would be wrong with the rule in it.

    Mappings know nothing of rules, so they are looked at only when it is saved.
    """
    before = editing.open_file(config.folder, editing.FILE)
    text, difference = _changed(config.folder, before.text, field, rule)
    return Draft(Written(before.name, text, before.etag), difference)


@lru_cache(16)
def _changed(folder: Path, before: str, field: str, rule: Rule) -> tuple[str, str]:
    """(the text with the rule in it, the difference); a rule that is tried is looked at more than once."""
    text = editing.changed(before, [Change(("golden", "rules", field), rule if isinstance(rule, str) else list(rule))])
    editing.judge(folder, {editing.FILE: text}, only=())
    return text, editing.difference(before, text, editing.FILE)


def save(hub: Hub, config: HubConfig, field: str, rule: Rule, person: str, *, etag: str) -> Draft:
    """Put the rule into `hub.yaml`, and into the audit. etag: of the file that was looked at

    StaleEdit when it is another one by now; ConfigError when it cannot be written. Nothing was changed then.
    """
    made = draft(config, field, rule)
    file = Written(made.file.name, made.file.text, etag)
    with hub.store.write() as tx:
        said = {"field": field, "rule": rule_text(rule), "before": rule_text(config.golden.rules.get(field, LATEST))}
        note(tx, person, "rule saved", "golden.rules", said, at=hub.clock())
        editing.save(config.folder, [file])  # last: where it is refused, the audit says nothing of it
    return made

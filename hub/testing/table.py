"""The results of the kit as a table: check × connector. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.cli.checked import HEADING

PASSED, FAILED, NOT_APPLICABLE, NOT_ASKED = "passed", "failed", "not applicable", "not asked"
MARKS = {PASSED: "✓", FAILED: "✗", NOT_APPLICABLE: "–", NOT_ASKED: "○"}
STORED = "<!-- for the next run"
RANK = [NOT_APPLICABLE, PASSED, FAILED]  # of one check with several cases, the last of these counts


@dataclass
class Column:
    """One test class: a connector type in one way of using it.

    results  check → state
    reasons  check → why it is not applicable or not asked
    """

    name: str
    connector: str = ""
    results: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def note(self, check: str, state: str, reason: str = "") -> None:
        known = self.results.get(check)
        if known is None or (known in RANK and RANK.index(state) > RANK.index(known)):
            self.results[check] = state
        if reason:
            self.reasons.setdefault(check, reason)

    def counts(self) -> dict[str, int]:
        return {state: list(self.results.values()).count(state) for state in MARKS}


def table(columns: Mapping[str, Column], themes: Mapping[str, list[str]]) -> str:
    """Markdown.

    themes  theme → its checks
    """
    shown = sorted(columns.values(), key=lambda each: (each.connector, each.name))
    count = sum(len(each) for each in themes.values())
    lines = [
        "# Results of the connector kit",
        "",
        "Written by `pytest tests/connectors --kit-table docs/connectors/checks.md`, not by hand. A run of some test "
        "files replaces their results and keeps the others.",
        "",
        f"{count} checks; one with several cases has passed when all of them have. ✓ passed, ✗ failed, – not "
        "applicable (the connector declares no such ability, and refuses it), ○ not asked, with the reason below.",
        "",
        "| connector | tested as | ✓ | ✗ | – | ○ |",
        "|---|---|---|---|---|---|",
    ]
    for each in shown:
        numbers = " | ".join(str(each.counts()[state]) for state in MARKS)
        lines.append(f"| {each.connector} | {said(each.name)} | {numbers} |")
    for theme, names in themes.items():
        lines += ["", f"## {_words(theme)}", ""]
        lines.append("| check | " + " | ".join(said(each.name) for each in shown) + " |")
        lines.append("|---|" + "---|" * len(shown))
        for check in names:
            marks = (MARKS.get(each.results.get(check, ""), " ") for each in shown)
            lines.append(f"| {said(check)} | " + " | ".join(marks) + " |")
    return "\n".join([*lines, "", *_reasons(shown, themes), stored(shown, themes), ""])


def stored(columns: list[Column], themes: Mapping[str, list[str]]) -> str:
    """The results for the next run, which replaces those of the classes it runs and keeps the others."""
    names = [name for each in themes.values() for name in each]
    lines = [STORED]
    for each in columns:
        marks = "".join(MARKS.get(each.results.get(name, ""), " ") for name in names)
        reasons = {name: each.reasons[name] for name in names if each.results.get(name) == NOT_ASKED}
        lines.append(json.dumps([each.name, each.connector, marks, reasons], ensure_ascii=False, sort_keys=True))
    return "\n".join([*lines, "-->"])


def kept(text: str, themes: Mapping[str, list[str]]) -> dict[str, Column]:
    """What an earlier run stored; nothing when the checks are others now."""
    names = [name for each in themes.values() for name in each]
    states = {mark: state for state, mark in MARKS.items()}
    found: dict[str, Column] = {}
    _, _, end = text.partition(STORED)
    for line in end.partition("-->")[0].splitlines():
        if not line:
            continue
        name, connector, marks, reasons = json.loads(line)
        if len(marks) == len(names):
            results = {check: states[mark] for check, mark in zip(names, marks, strict=True) if mark in states}
            found[name] = Column(name, connector, results, reasons)
    return found


def _reasons(columns: list[Column], themes: Mapping[str, list[str]]) -> list[str]:
    lines = [HEADING, ""]
    for each in columns:
        asked_not = {check: each.reasons[check] for check, state in each.results.items() if state == NOT_ASKED}
        lines += [f"- {each.connector}, {said(each.name)}: {line}" for line in folded(asked_not, themes)]
    return [*lines, ""]


def folded(reasons: Mapping[str, str], themes: Mapping[str, list[str]]) -> list[str]:
    """`what: why`, a whole theme in one line."""
    left = dict(reasons)
    lines = []
    for theme, names in themes.items():
        given = {left.get(name) for name in names}
        if len(given) == 1 and (reason := given.pop()) is not None:
            lines.append(f"*{_words(theme)}* ({len(names)} checks): {reason}")
            for name in names:
                del left[name]
    return [*lines, *(f"*{said(check)}*: {reason}" for check, reason in left.items())]


def said(name: str) -> str:
    """`test_a_change_is_seen` or `TestAcorn` as people say it."""
    return name.removeprefix("test_").replace("_", " ").removeprefix("Test")


def _words(theme: str) -> str:
    """`FaultsInReading` → `Faults in reading`"""
    text = "".join(f" {each.lower()}" if each.isupper() else each for each in theme).strip()
    return text[:1].upper() + text[1:]

"""A message as it is sent: subject, text and HTML of a mail, and the body of a webhook. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

from hub.notify.matters import Matter

KIND = "hub.notice"
TEST = "This is a test: nothing is wrong, and nobody has to do anything."


@dataclass(frozen=True, slots=True)
class Message:
    """new: what needs a person now; over: what does no more; left: how many matters are open after it

    base  where the console is reached, without a slash at its end
    """

    new: Sequence[Matter]
    over: Sequence[Matter]
    left: int
    base: str
    at: float
    is_test: bool = False

    @property
    def subject(self) -> str:
        if self.is_test:
            return "Contact hub: a test"
        if self.new:
            more = f" (and {len(self.new) - 1} more)" if len(self.new) > 1 else ""
            return f"Contact hub: {self.new[0].text()}{more}"
        return f"Contact hub: {self.over[0].text(is_over=True)}" if self.over else "Contact hub"

    @property
    def text(self) -> str:
        lines = [TEST, f"  {self.base}/"] if self.is_test else []
        for heading, found, is_over in (("Needs a person:", self.new, False), ("Over:", self.over, True)):
            if found:
                lines += [heading, *(f"- {m.text(is_over=is_over)}\n  {self.base}{m.link}" for m in found), ""]
        if not self.is_test:
            lines.append(f"Open now: {self.left}. You hear of each again when it is over.")
        return "\n".join(lines).strip() + "\n"

    @property
    def html(self) -> str:
        parts = [f"<p>{escape(TEST)}</p>"] if self.is_test else []
        for heading, found, is_over in (("Needs a person", self.new, False), ("Over", self.over, True)):
            if found:
                rows = "".join(
                    f'<li><a href="{escape(self.base + m.link)}">{escape(m.text(is_over=is_over))}</a></li>'
                    for m in found
                )
                parts.append(f"<h2>{heading}</h2><ul>{rows}</ul>")
        if not self.is_test:
            parts.append(f"<p>Open now: {self.left}. You hear of each again when it is over.</p>")
        return f"<!doctype html><html><body>{''.join(parts)}</body></html>"

    def body(self) -> dict[str, Any]:
        at = datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds")
        data = {
            "new": [self._plain(m, is_over=False) for m in self.new],
            "over": [self._plain(m, is_over=True) for m in self.over],
            "open": self.left,
            "test": self.is_test,
        }
        return {"type": KIND, "timestamp": at, "text": self.text, "data": data}

    def _plain(self, matter: Matter, *, is_over: bool) -> dict[str, str]:
        return {
            "kind": matter.kind,
            "subject": matter.subject,
            "text": matter.text(is_over=is_over),
            "link": self.base + matter.link,
        }

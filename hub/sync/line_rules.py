"""One change stated as a rule for many pieces that could not be read: their encoding, or a text for another. Pure."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Literal

from hub.errors import ConfigError
from hub.model import Raw
from hub.sync.lines import spelled, spelled_as

At = Literal["anywhere", "beginning", "end"]
LONGEST_FIND = 200  # characters


@dataclass(frozen=True, slots=True)
class LineRule:
    """encoding: that their bytes are in, None: the declared one; find: text that becomes `put`, empty: none

    at  where of a piece it is looked for
    """

    encoding: str | None = None
    find: str = ""
    put: str = ""
    at: At = "anywhere"

    def checked(self) -> LineRule:
        """ConfigError when it says nothing, or cannot be."""
        if self.encoding is None and not self.find:
            raise ConfigError("Say an encoding, or a text to be found. Nothing was changed.")
        if any(len(text) > LONGEST_FIND or "\x00" in text for text in (self.find, self.put)):
            raise ConfigError(f"A text is longer than {LONGEST_FIND} characters or holds a NUL. Nothing was changed.")
        if self.encoding is not None and not _is_text(self.encoding):
            raise ConfigError(f"There is no text encoding {self.encoding[:40]!r}, so nothing was changed.")
        return self

    def applied(self, raw: Raw) -> str | None:
        """The text that is meant; None: the rule makes no other text of this piece."""
        text = spelled(raw) if self.encoding is None else spelled_as(raw, self.encoding)
        if text is None:
            return None
        if self.find:
            text = self._replaced(text)
        return text if text != spelled(raw) else None

    def _replaced(self, text: str) -> str:
        match self.at:
            case "beginning":
                return self.put + text[len(self.find) :] if text.startswith(self.find) else text
            case "end":
                return text[: -len(self.find)] + self.put if text.endswith(self.find) else text
        return text.replace(self.find, self.put)


def _is_text(encoding: str) -> bool:
    """Whether it is known, and makes text of bytes."""
    try:
        return isinstance(codecs.lookup(encoding).name, str) and isinstance(b"a".decode(encoding, "replace"), str)
    except (LookupError, ValueError, UnicodeError):
        return False

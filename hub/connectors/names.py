"""Names as texts, where one text holds what others hold in parts."""

from __future__ import annotations

import re


def with_word(name: str, old: str, new: str) -> str:
    """The name with a new word, or several, in place of old ones; the same where they are not in it."""
    return re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", lambda _: new, name, count=1)

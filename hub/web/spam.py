"""What is taken for spam, and why. Pure: what was written and how it came in; a reason, or none, out.

It is a suspicion: what it meets is set aside with its reason, and people can take it in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hub.connectors.form_settings import SpamRules

MOST_TEXTS = 1000  # pieces that are looked at: a delivery has at most 250 fields
_LINK = re.compile(r"(?:https?://|www\.)[^\s/]", re.IGNORECASE)
_DOMAIN = re.compile(r"[^\s@<>,;]{1,253}")
DISPOSABLE = frozenset(
    """10minutemail.com 10minutemail.net 20minutemail.com 33mail.com anonaddy.me burnermail.io discard.email
    dispostable.com dropmail.me emailondeck.com emailtemporanea.com fakeinbox.com fakemail.net getairmail.com
    getnada.com guerrillamail.biz guerrillamail.com guerrillamail.de guerrillamail.info guerrillamail.net
    guerrillamail.org guerrillamailblock.com inboxbear.com inboxkitten.com incognitomail.org jetable.org
    mail-temp.com mailcatch.com maildrop.cc mailinator.com mailinator.net mailnesia.com mailpoof.com mailsac.com
    mintemail.com moakt.com mohmal.com mytemp.email mytrashmail.com nada.email sharklasers.com spam4.me
    spamgourmet.com temp-mail.io temp-mail.org tempail.com tempinbox.com tempmail.net tempmailo.com tempr.email
    throwawaymail.com trashmail.com trashmail.de trashmail.net wegwerfmail.de yopmail.com yopmail.fr
    yopmail.net""".split()
)


@dataclass(frozen=True, slots=True)
class Manner:
    """How a delivery came.

    trap     the field that people do not see was filled in
    stamped  it brought a stamp of this form; False: one that is none of ours; None: none at all
    seconds  from the page to the answer; None: without a stamp
    """

    trap: bool = False
    stamped: bool | None = None
    seconds: float | None = None


def suspicion(written: Mapping[str, Any], manner: Manner, rules: SpamRules | None) -> str | None:
    """Why it is taken for spam; never with anything of what was written."""
    if manner.trap:
        return "the honeypot field was filled in"
    if rules is None:
        return None
    if manner.stamped is False:
        return "the stamp of its page is not one of this form"
    if manner.stamped is None and rules.stamped:
        return "it did not come from the form's page, nor by its script"
    if manner.seconds is not None and manner.seconds < rules.min_seconds:
        return f"it was filled in within less than {rules.min_seconds:g} seconds"
    return _in_words(list(_texts(written.values())), rules)


def _in_words(texts: list[str], rules: SpamRules) -> str | None:
    links = sum(len(_LINK.findall(text)) for text in texts)
    if links > rules.most_links:
        return f"it holds more than {rules.most_links} links"
    folded = [text.casefold() for text in texts]
    for number, word in enumerate(rules.words, 1):
        if any(word.casefold() in text for text in folded):
            return f"it holds word {number} of those that make it spam"
    domains = {domain for text in folded for domain in _domains(text)}
    if _within(domains, rules.domains):
        return "its mail address is of a domain that is not taken"
    if rules.disposable and _within(domains, DISPOSABLE):
        return "its mail address is one that is thrown away"
    return None


def _domains(text: str) -> Iterable[str]:
    """What follows an @. Split, since a pattern that begins before it takes the square of a long text."""
    for after in text.split("@")[1:]:
        found = _DOMAIN.match(after)
        if found is not None:
            yield found[0].rstrip(".")


def _within(domains: Iterable[str], refused: Iterable[str]) -> bool:
    """Whether one of them is refused, or is below one that is."""
    known = frozenset(refused)
    for domain in domains:
        parts = domain.split(".")
        if any(".".join(parts[start:]) in known for start in range(len(parts))):
            return True
    return False


def _texts(values: Iterable[Any]) -> Iterable[str]:
    """Every text of a payload, however it is nested."""
    waiting = list(values)
    for _ in range(MOST_TEXTS):
        if not waiting:
            return
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)

"""The words by which people end, or begin, messages of one kind. They count when they are all that is said. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from hub.mapping.text import folded

MAIL = (
    *("unsubscribe", "remove me", "opt out", "stop"),
    *("baja", "darme de baja", "sair", "cancelar subscrição", "descadastrar", "remover"),
    *("wypisz", "rezygnuję", "abmelden", "abbestellen", "désabonner", "me désabonner"),
)
SMS = (
    *("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "optout"),
    *("baja", "alto", "sair", "parar", "cancelar", "stopp", "arret", "wypisz"),
)


def plain(text: str) -> str:
    """As words are compared: without case, accents, and signs around."""
    return folded(text).strip(" .!?;:-\"'")


def as_words(words: Iterable[str]) -> frozenset[str]:
    return frozenset(plain(word) for word in words) - {""}

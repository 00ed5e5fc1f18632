"""Which files are whole: nobody is still writing them."""

from __future__ import annotations

from collections.abc import Sequence

from hub.connectors.filing.places import Found, Place
from hub.connectors.filing.settings import FileSettings

UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload", ".reason")  # endings that programs give files on their way


def ready(found: Sequence[Found], place: Place, settings: FileSettings, now: float) -> list[Found]:
    """Files that have settled and have their marker, in order.

    A file without a known time counts as settled: its marker, or its change while it is read, has to tell.
    """
    names = place.names_beside(found[0]) if found and settings.marker else set()
    markers = {marker_of(file, settings) for file in found} if settings.marker else set()
    chosen = [
        file
        for file in found
        if file.name not in markers
        and (settings.marker is None or marker_of(file, settings) in names)
        and not (settings.settle and file.at > now - settings.settle)
    ]
    if settings.order == "time":
        return sorted(chosen, key=lambda file: (file.at, file.name))
    return chosen


def unfinished(file: Found) -> bool:
    """By its name: hidden, or one that programs give a file until it is whole."""
    return file.name.startswith(".") or file.name.lower().endswith(UNFINISHED)


def marker_of(file: Found, settings: FileSettings) -> str:
    return (settings.marker or "").replace("{name}", file.name)

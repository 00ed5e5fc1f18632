"""Files of answers: read whatever their packing, and never more of them than fits."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.contract import Context
from hub.connectors.rest import answers
from hub.connectors.rest.answers import entries_of
from hub.connectors.rest.depot import Depot
from hub.errors import TransientError

ENTRIES = st.lists(
    st.dictionaries(st.text(max_size=5), st.integers(-9, 9) | st.text(max_size=5), max_size=3), max_size=6
)
BASE = httpx.URL("https://api.acorn.example/v1")


def tar_of(*texts: bytes, **changed: Any) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for number, text in enumerate(texts):
            entry = tarfile.TarInfo(f"../../{number}.json")
            entry.size = len(text)
            for name, value in changed.items():
                setattr(entry, name, value)
            tar.addfile(entry, io.BytesIO(text))
    return out.getvalue()


@given(files=st.lists(ENTRIES, min_size=1, max_size=4), packed=st.booleans())
def test_all_entries_of_all_files_are_read(files: list[list[Any]], packed: bool) -> None:
    raw = tar_of(*map(orjson.dumps, files))

    found = entries_of(gzip.compress(raw) if packed else raw)

    assert found == [entry for entries in files for entry in entries]


@given(raw=st.binary(max_size=200))
def test_what_is_no_such_file_is_refused_and_nothing_else_happens(raw: bytes) -> None:
    try:
        found = entries_of(raw)
    except ValueError:
        return
    assert isinstance(found, list)


@given(cut=st.integers(1, 900))
def test_a_file_that_was_cut_off_is_refused(cut: int) -> None:
    raw = gzip.compress(tar_of(orjson.dumps([{"n": each} for each in range(500)])))

    with pytest.raises(ValueError, match=r"cut off|cannot be read|JSON"):
        entries_of(raw[: len(raw) * cut // 1000])


def test_a_file_that_swells_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MOST", 10_000)

    with pytest.raises(ValueError, match="longer than 10000 bytes"):
        entries_of(gzip.compress(b"[" + b" " * 100_000 + b"]"))


def test_links_and_folders_of_an_archive_are_passed_over() -> None:
    assert entries_of(tar_of(b"", type=tarfile.SYMTYPE, linkname="/etc/passwd")) == []
    assert entries_of(tar_of(b"", type=tarfile.DIRTYPE)) == []


def test_a_file_that_claims_to_be_longer_than_its_archive_is_refused() -> None:
    raw = bytearray(tar_of(b"[1]"))
    raw[124:136] = b"77777777777\0"
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw[:512])

    with pytest.raises(ValueError, match=r"cut off|cannot be read"):
        entries_of(bytes(raw))


# --- where they lie ---------------------------------------------------------------------------------


class Elsewhere:
    def __init__(self, status: int = 200, **headers: str) -> None:
        self.status, self.headers = status, headers or {"content-type": "application/octet-stream"}
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return httpx.Response(self.status, headers=self.headers, content=b"[1]")


def depot(there: Elsewhere) -> Depot:
    context = Context("acorn", transport=httpx.MockTransport(there), sleep=lambda seconds: None)
    return Depot(["files.example.net"], BASE, context, 5)


@pytest.mark.parametrize(
    ("address", "held"),
    [
        ("https://files.example.net/a?Signature=x%2Fy%3D", True),
        ("https://FILES.example.net/a", True),
        ("https://files.example.net.evil.example/a", False),
        ("https://evil.example/files.example.net", False),
        ("https://files.example.net@evil.example/a", False),
        ("https://api.acorn.example/v1/a", False),
        ("ftp://files.example.net/a", False),
        ("/a", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_only_hosts_that_are_named_are_asked(address: str, held: bool) -> None:
    assert depot(Elsewhere()).holds(address) is held


def test_a_file_is_fetched_by_the_address_as_it_was_given_and_no_key_goes_there() -> None:
    there = Elsewhere()

    assert depot(there).get("https://files.example.net/a%20b?Signature=x%2Fy%3D&Expires=1") == b"[1]"

    [asked] = there.asked
    assert asked.url.raw_path == b"/a%20b?Signature=x%2Fy%3D&Expires=1"
    assert {"authorization", "cookie", "x-key"} & set(asked.headers) == set()


@pytest.mark.parametrize("address", ["http://files.example.net/a", "https://user:pass@files.example.net/a"])
def test_an_address_that_is_not_safe_is_not_asked(address: str) -> None:
    there = Elsewhere()

    with pytest.raises(TransientError, match="not safe"):
        depot(there).get(address)

    assert there.asked == []


@pytest.mark.parametrize(
    "there", [Elsewhere(403), Elsewhere(404), Elsewhere(302, location="https://evil.example/"), Elsewhere(500)]
)
def test_what_goes_wrong_there_is_no_fault_of_the_account_and_names_no_address(there: Elsewhere) -> None:
    with pytest.raises(TransientError) as error:
        depot(there).get("https://files.example.net/a?Signature=secret")

    assert "Signature" not in str(error.value)
    assert {each.url.host for each in there.asked} == {"files.example.net"}

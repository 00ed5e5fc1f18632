"""The file of erasures where there is no room for it, and where several add to it at once."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hub.store.ledger import Ledger

FULL = """
import resource, sys
from pathlib import Path
from hub.errors import ConfigError
from hub.store.ledger import Ledger

ledger = Ledger(Path(sys.argv[1]))
ledger.append([{"lifted": "e0"}])
size = ledger.path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + int(sys.argv[2]), size + 10_000))
try:
    ledger.append([{"lifted": f"e{n}"} for n in range(1, 20)])
except ConfigError as err:
    print(err)
else:
    print("it says that all was written")
print(len(ledger.read().lifted), ledger.path.read_bytes().endswith(b"\\n"))
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10_000, size + 10_000))
ledger.append([{"lifted": "last"}])
print(sorted(ledger.read().lifted))
"""


@pytest.mark.parametrize("room", [0, 5, 20, 100])
def test_where_only_a_part_has_room_it_is_said_and_nothing_of_it_is_left(tmp_path: Path, room: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "hub.erasures"), str(room)],
        capture_output=True,
        text=True,
        check=True,
    )

    said, after, at_last = done.stdout.splitlines()
    assert "cannot be written (File too large)" in said
    assert "keep.erasures" in said
    assert after == "1 True"
    assert at_last == "['e0', 'last']"


def test_several_that_add_at_once_leave_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "hub.erasures"

    with ThreadPoolExecutor(8) as several:
        list(several.map(lambda n: Ledger(path).append([{"lifted": f"e{n}"}]), range(200)))

    assert len(Ledger(path).read().lifted) == 200

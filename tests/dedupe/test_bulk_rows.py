"""A file is cut into blocks between rows, wherever line ends stand."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from bench.bulk import blocks

cells = st.text(st.sampled_from('a,"\n;é'), max_size=6)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=12), st.integers(1, 40))
def test_blocks_together_hold_every_row_once(tmp_path_factory, drawn, size):
    path = tmp_path_factory.mktemp("rows") / "contacts.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out, lineterminator="\n").writerows([("one", "other"), *drawn])

    read = [
        tuple(row) for _, block in blocks(path, size) for row in csv.reader(io.StringIO(block.decode(), newline=""))
    ]

    assert read == drawn

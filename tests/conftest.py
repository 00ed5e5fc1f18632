"""Which files the workers of a test run take first; no test is timed, whatever else the machine does meanwhile."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings

from tests.leaks import no_secret_gets_out, pytest_runtest_makereport

__all__ = ["no_secret_gets_out", "pytest_runtest_makereport"]

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

SLOW = (  # few tests, each of which takes seconds: processes that are killed, servers that start
    "tests/bench/test_spark.py",
    "tests/cli/test_engine_lost.py",
    "tests/cli/test_orders_left.py",
    "tests/cli/test_reload.py",
    "tests/cli/test_reload_elsewhere.py",
    "tests/cli/test_reload_runs.py",
    "tests/cli/test_run.py",
    "tests/cli/test_sync.py",
    "tests/connectors/test_mailman.py",
    "tests/connectors/test_real_servers.py",
    "tests/connectors/test_singer_real.py",
    "tests/connectors/test_tryton.py",
    "tests/connectors/test_two_way_real.py",
    "tests/test_demo.py",
    "tests/test_kills.py",
    "tests/test_worker.py",
)


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config.option, "loadscopereorder"):  # pytest-xdist counts tests only, and would take these last
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow files, then those of many tests: in the end no worker sits alone over a long one."""
    files = [item.nodeid.partition("::")[0] for item in items]
    tests = Counter(files)
    order = {file: (file not in SLOW, -tests[file], file) for file in tests}
    items[:] = [item for _, item in sorted(zip(files, items, strict=True), key=lambda pair: order[pair[0]])]

"""CPU seconds, peak memory and wall time of one thing done in this process; and things done in another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spent:
    """cpu, wall: seconds; user and system time of all threads of this process."""

    cpu: float
    wall: float


def spend(run: Callable[[], T]) -> tuple[T, Spent]:
    cpu, wall = time.process_time(), time.perf_counter()
    result = run()
    return result, Spent(time.process_time() - cpu, time.perf_counter() - wall)


def peak_mib() -> float:
    """Most memory this process ever had in RAM."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the kernel does not tell the peak memory of a process")


def in_process(module: str, *args: str) -> dict[str, Any]:
    """What `python -m module args` prints as JSON on its last line: a process has its own CPU and memory."""
    done = subprocess.run([sys.executable, "-m", module, *args], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{module} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@dataclass(frozen=True, slots=True)
class Whole:
    """What a process and its children took: seconds, and MB in RAM of all at once, the most of 10 looks a second."""

    cpu: float
    wall: float
    peak: float


def whole_process(module: str, *args: str) -> Whole:
    """`python -m module args` from its start to its end."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", module, *args], stdout=subprocess.DEVNULL)
    peak = 0.0
    while True:
        # the usage of this one child and its own: that of all children would count those before it
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        peak = max(peak, sum(map(_resident_mb, _family(process.pid))))
        time.sleep(0.1)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{module} ended with {process.returncode}")
    return Whole(usage.ru_utime + usage.ru_stime, time.perf_counter() - start, peak)


def _family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for one in found:
        try:
            found += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
        except FileNotFoundError:  # it ended meanwhile
            continue
    return found


def _resident_mb(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except FileNotFoundError:  # it ended meanwhile
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

"""CPU seconds, peak memory and wall time of one thing done in this process; and things done in another."""

from __future__ import annotations

import json
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

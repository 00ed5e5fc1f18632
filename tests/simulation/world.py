"""One history's only source of time and chance, and the count of what went wrong in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

START = 1_780_000_000.0  # some day in 2026


class Crash(BaseException):
    """The process is gone. A BaseException, so that no `except Exception` of the product may eat it."""


class Violation(AssertionError):
    """An invariant does not hold."""


@dataclass
class Rates:
    """Chances per opportunity; a profile of a seed switches a random half of the kinds off."""

    crash_commit: float = 0.0
    crash_call: float = 0.0
    refused: float = 0.0  # surely before the effect
    lost_reply: float = 0.0  # applied, outcome unknown
    timeout: float = 0.0  # not applied, outcome unknown
    html: float = 0.0
    empty: float = 0.0
    expired: float = 0.0
    late_commit: float = 0.0
    stale: float = 0.0
    interleave: float = 0.0
    takeover: float = 0.0
    left_out: float = 0.0  # this and the next in no ordinary history: see `shapes`
    unsent: float = 0.0  # a write that timed out, not applied
    late: float = 0.0  # a write that timed out, applied minutes later


FULL = Rates(
    crash_commit=0.022,
    crash_call=0.02,
    refused=0.07,
    lost_reply=0.15,
    timeout=0.08,
    html=0.06,
    empty=0.05,
    expired=0.08,
    late_commit=0.25,
    stale=0.10,
    interleave=0.12,
    takeover=0.10,
)
RARE = frozenset(
    {"left_out", "unsent", "late"}
)  # no chance is drawn where the rate is 0: other histories do not hang on it
ALWAYS = ("crash_commit", "crash_call", "lost_reply", "timeout", "refused", "late_commit", "interleave")


def profile(rng: Random) -> Rates:
    """Swarm: a random half of the fault kinds, at rates of this seed."""
    rates = Rates()
    for name, value in vars(FULL).items():
        if value and (name in ALWAYS or rng.random() < 0.6):
            setattr(rates, name, value * rng.uniform(0.6, 1.6))
    return rates


@dataclass
class World:
    """Clock, chance, faults and the trace."""

    seed: int
    trace: bool = False
    rng: Random = field(init=False)
    now: float = START
    rates: Rates = field(init=False)
    hits: Counter[str] = field(default_factory=Counter)
    quiet: bool = False
    between: Callable[[bool, str | None], None] = lambda reading, focus: None
    crash_at: int | None = None  # the exhaustive loop: crash at this boundary and no other
    boundaries: int = 0
    depth: int = 0

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)
        self.rates = profile(self.rng)

    def say(self, text: str) -> None:
        if self.trace:
            print(f"{self.now - START:9.1f} {'  ' * self.depth}{text}")

    def tick(self, low: float = 0.2, high: float = 20.0) -> None:
        # what runs while a call is on its way runs beside it
        self.now += self.rng.uniform(low, high) * (0.02 if self.depth > 1 else 1.0)

    def chance(self, kind: str) -> bool:
        if self.quiet:
            return False
        rate = getattr(self.rates, kind)
        if (not rate and kind in RARE) or self.rng.random() >= rate:
            return False
        self.hits[kind] += 1
        self.say(f"! {kind}")
        return True

    def boundary(self, where: str) -> None:
        """A point at which the process may die: around every commit and every remote call."""
        self.boundaries += 1
        if self.crash_at is not None:
            if self.boundaries == self.crash_at:
                self.hits["crash_exact"] += 1
                self.say(f"! crash at boundary {self.boundaries} ({where})")
                raise Crash(where)
            return
        if self.chance("crash_call" if where.startswith("call") else "crash_commit"):
            raise Crash(where)

    @property
    def crashes(self) -> int:
        return sum(n for k, n in self.hits.items() if k.startswith("crash"))

    @property
    def faults(self) -> int:
        return sum(n for k, n in self.hits.items() if not k.startswith(("crash", "interleave")))

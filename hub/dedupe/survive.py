"""Survivorship: which source's value a golden field takes.

Pure, and independent of the order of the sources. A source's claims are its fields without its echoes;
what nobody claims is not in the golden record.

- single fields: one claim wins by the field's rule
- emails, phones, social, tags, memberships: every claimed element, its value by the rule
- addresses: all addresses of the one source that wins, so that parts and sources are never mixed; "union"
  may be set
- consents: all statements merged by `consent`, those of records that are gone included
- kind: organisation only when no source says person, for a person at a company must not become one

Sources that are no longer live count only where no live one claims a value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from hub.dedupe import consent
from hub.errors import ConfigError
from hub.model import KIND, MANY, Golden, Source, base_field

Rule: TypeAlias = str | tuple[str, ...]
Claim: TypeAlias = tuple[Source, Any]
Ref: TypeAlias = tuple[str, str]

LATEST, MOST_COMPLETE, MOST_COMMON, UNION = "latest", "most_complete", "most_common", "union"
NAMED: Final = (LATEST, MOST_COMPLETE, MOST_COMMON)
PIN: Final = ("pin", "")
ADDRESSES, CONSENTS = "addresses", "consents"
NO_PINS: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Rules:
    """Per field how its value is chosen; fields not named go by `latest`.

    fields      field → "latest" | "most_complete" | "most_common" | connection names, best first;
                `addresses` also "union"
    empty_wins  fields in which an emptied value may win as any other; it is None in the golden record then
    """

    fields: Mapping[str, Rule] = field(default_factory=dict)
    empty_wins: frozenset[str] = frozenset()

    @classmethod
    def from_config(cls, fields: Mapping[str, str | Sequence[str]], empty_wins: Iterable[str] = ()) -> Rules:
        """Rules as the configuration writes them. ConfigError names a field whose rule is unknown."""
        return cls({name: _read_rule(name, rule) for name, rule in fields.items()}, frozenset(empty_wins))

    def of(self, key: str) -> Rule:
        return self.fields.get(base_field(key), LATEST)


def _read_rule(name: str, rule: str | Sequence[str]) -> Rule:
    allowed = (*NAMED, UNION) if name == ADDRESSES else NAMED
    if not isinstance(rule, str):
        return tuple(rule)
    if rule in allowed:
        return rule
    raise ConfigError(
        f"golden.rules.{name}: unknown rule {rule!r}; nothing was started. Use {', '.join(allowed)} "
        "or a list of connection names, best first."
    )


DEFAULT: Final = Rules()


def survive(sources: Iterable[Source], rules: Rules = DEFAULT, pins: Mapping[str, Any] = NO_PINS) -> Golden:
    """The golden record of these sources.

    pins  field or element key → a person's value; beats every claim. None empties a field and removes an
          element.
    """
    found = sources if isinstance(sources, (list, tuple)) else list(sources)
    golden = _alone(found[0], rules) if len(found) == 1 else _together(found, rules)
    return _pinned(golden, pins) if pins else golden


def survivor(sources: Iterable[Source], key: str, rules: Rules = DEFAULT) -> Any:
    """The value that `survive` would take for one key; None: it would take none."""
    if base_field(key) in (ADDRESSES, CONSENTS):
        return survive(sources, rules).fields.get(key)
    claims = [(s, s.fields[key]) for s in sources if key in s.fields and _counts(s, key, s.fields[key], rules)]
    return _emptied(_choose(key, _live(claims), rules.of(key))[1]) if claims else None


def _alone(source: Source, rules: Rules) -> Golden:
    """One source, as most records have: every claim wins."""
    fields: dict[str, Any]
    if source.echo or rules.empty_wins:
        fields = {k: v for k, v in source.fields.items() if _counts(source, k, v, rules)}
    else:
        fields = {k: v for k, v in source.fields.items() if v is not None and v != ""}
    if rules.empty_wins:
        fields = {key: _emptied(value) for key, value in fields.items()}
    return Golden(fields, dict.fromkeys(fields, source.ref))


def _together(sources: Sequence[Source], rules: Rules) -> Golden:
    claims = _claims(sources, rules)
    fields: dict[str, Any] = {}
    origin: dict[str, Ref] = {}
    addressed = _address_source(claims, rules)
    for key, all_claims in claims.items():
        base = base_field(key)
        if base == CONSENTS:
            index, value = consent.choose([value for _, value in all_claims])
            fields[key], origin[key] = value, all_claims[index][0].ref
            continue
        if base == ADDRESSES and addressed is not None:
            all_claims = [claim for claim in all_claims if claim[0].ref == addressed]
            if not all_claims:
                continue
        if len(all_claims) == 1:
            source, value = all_claims[0]
        else:
            source, value = _choose(key, _live(all_claims), rules.of(key))
        fields[key], origin[key] = _emptied(value), source.ref
    return Golden(fields, origin)


def _claims(sources: Sequence[Source], rules: Rules) -> dict[str, list[Claim]]:
    """Key → claims, sources in the order of their refs, keys sorted."""
    claims: dict[str, list[Claim]] = {}
    for source in sorted(sources, key=lambda source: source.ref):
        echo = source.echo
        for key, value in source.fields.items():
            if (value is not None and value != "" and key not in echo) or _counts(source, key, value, rules):
                claims.setdefault(key, []).append((source, value))
    return dict(sorted(claims.items()))


def _counts(source: Source, key: str, value: Any, rules: Rules) -> bool:
    if key in source.echo:
        return False
    if not _is_empty(value):
        return True
    base = base_field(key)
    return base in rules.empty_wins and base not in MANY


def _is_empty(value: Any) -> bool:
    return value is None or value == ""


def _emptied(value: Any) -> Any:
    return None if value == "" else value


def _live(claims: Sequence[Claim]) -> Sequence[Claim]:
    for source, _ in claims:
        if not source.live:
            return [claim for claim in claims if claim[0].live] or claims
    return claims


def _when(source: Source, key: str) -> tuple[float, Ref]:
    return source.since.get(key, source.changed), source.ref


def _choose(key: str, claims: Sequence[Claim], rule: Rule) -> Claim:
    if key == KIND:
        claims = [claim for claim in claims if claim[1] == "person"] or claims
    if len(claims) == 1:
        return claims[0]
    if rule == LATEST:
        return max(claims, key=lambda claim: _when(claim[0], key))
    rank = _ranking(rule, claims)
    return max(claims, key=lambda claim: (rank(claim), _when(claim[0], key)))


def _ranking(rule: Rule, claims: Sequence[Claim]) -> Callable[[Claim], float]:
    """What comes before the time of a claim: equal for all under `latest`."""
    if isinstance(rule, tuple):
        order = {connection: -place for place, connection in enumerate(rule)}
        return lambda claim: order.get(claim[0].ref[0], -len(order))
    if rule == MOST_COMPLETE:
        return lambda claim: _completeness(claim[1])
    if rule == MOST_COMMON:
        counts: dict[str, int] = {}
        for _, value in claims:
            counts[_same(value)] = counts.get(_same(value), 0) + 1
        return lambda claim: counts[_same(claim[1])]
    return lambda _: 0


def _completeness(value: Any) -> int:
    if isinstance(value, Mapping):
        return sum(len(str(part)) for part in value.values() if not _is_empty(part))
    return 0 if _is_empty(value) else len(str(value))


def _same(value: Any) -> str:
    """Values that differ only in letter case or spaces are one for `most_common`."""
    if isinstance(value, Mapping):
        return repr(sorted((key, str(part).casefold()) for key, part in value.items()))
    return " ".join(str(value).casefold().split())


def _address_source(claims: Mapping[str, list[Claim]], rules: Rules) -> Ref | None:
    """The source whose addresses the golden record takes; None: no address, or every source's."""
    rule = rules.fields.get(ADDRESSES, LATEST)
    if rule == UNION:
        return None
    held: dict[Ref, tuple[Source, dict[str, Any]]] = {}
    for key, all_claims in claims.items():
        if key.startswith("addresses/"):
            for source, value in all_claims:
                held.setdefault(source.ref, (source, {}))[1][key] = value
    if not held:
        return None
    candidates = _live([(source, values) for source, values in held.values()])
    if len(candidates) == 1:
        return candidates[0][0].ref
    rank = _address_ranking(rule, candidates)
    best = max(candidates, key=lambda claim: (rank(claim), max(_when(claim[0], key) for key in claim[1])))
    return best[0].ref


def _address_ranking(rule: Rule, candidates: Sequence[Claim]) -> Callable[[Claim], float]:
    """As `_ranking`, on all addresses of a source: most complete by parts, most common by the same set."""
    if rule == MOST_COMPLETE:
        return lambda claim: max(_completeness(value) for value in claim[1].values())
    if rule == MOST_COMMON:
        sets = [frozenset(values) for _, values in candidates]
        return lambda claim: sets.count(frozenset(claim[1]))
    return _ranking(rule, candidates)


def _pinned(golden: Golden, pins: Mapping[str, Any]) -> Golden:
    for key, value in pins.items():
        if _is_empty(value) and base_field(key) in MANY:
            golden.fields.pop(key, None)
            golden.origin.pop(key, None)
        else:
            golden.fields[key], golden.origin[key] = _emptied(value), PIN
    return golden


def losers(sources: Iterable[Source], golden: Golden, key: str) -> list[tuple[Ref, Any, float]]:
    """(source record, value, since) of claims on this key that golden does not hold, latest first."""
    won = golden.fields.get(key)
    lost = [
        (source.ref, source.fields[key], source.since.get(key, source.changed))
        for source in sources
        if key in source.fields and key not in source.echo and not _is_empty(source.fields[key])
    ]
    return sorted((loss for loss in lost if loss[1] != won), key=lambda loss: (-loss[2], loss[0]))

"""Any REST service that a service file describes: read and written without code of its own.

The files that come with the hub are in hub/connectors/services/; docs/connectors/service-files.md is the reference.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from hub.connectors.contract import Can, Connector, Context, Promise, Quota, Report, Settings
from hub.connectors.rest.child_rows import ChildRows
from hub.connectors.rest.exchange import Exchange, Said
from hub.connectors.rest.files import consent_fields, example_text, in_zones, mapping_text, settings_model, values_of
from hub.connectors.rest.hearing import Hearing
from hub.connectors.rest.links import Links
from hub.connectors.rest.reading import Reading
from hub.connectors.rest.reserve import regardless
from hub.connectors.rest.spec import ServiceSpec
from hub.connectors.rest.subscribing import keep_subscribed
from hub.connectors.rest.writing import Writer
from hub.errors import AccountError, TransientError
from hub.model import Cursor, Outcome, Page, Record, Write

__all__ = ["RestConnector", "service_type"]

log = logging.getLogger(__name__)


class RestConnector(Connector):
    """One account on a described service. `service_type` makes the class of each service."""

    spec: ClassVar[ServiceSpec]

    def __init__(self, settings: Settings, context: Context) -> None:
        super().__init__(settings, context)
        values = values_of(self.spec, settings)
        spec = in_zones(self.spec, values)
        self._exchange = Exchange(
            spec,
            values,
            context,
            share=settings.rate_share,  # type: ignore[attr-defined]  # the model is made at run time
            token_file=getattr(settings, "token_file", None),
            ca_file=settings.ca_file,  # type: ignore[attr-defined]
        )
        size: int = settings.page_size  # type: ignore[attr-defined]
        self._reading = Reading(spec, self._exchange, context.name, size, context.clock, context.default_region)
        self._hearing = Hearing(spec, self._reading, values, context)
        self._writer = Writer(spec, self._exchange, self._reading)
        self._consents = consent_fields(spec, values)
        self._children = ChildRows(spec, self._exchange, self._reading)
        self._links = Links(spec.links, self._exchange, self._reading, context.name)

    @classmethod
    def mapping_text(cls, settings: Mapping[str, Any]) -> str:
        return mapping_text(cls.spec, settings)

    @property
    def can(self) -> Can:
        spec = self.spec
        return Can(
            changes=spec.changes is not None,
            complete=spec.complete and spec.interaction is None,
            tombstones=_tells_deletions(spec),
            read=spec.read is not None and spec.interaction is None,
            create=spec.create is not None,
            update=spec.update is not None,
            archive=spec.archive is not None,
            delete=spec.delete is not None,
            erase=spec.erase is not None,
            empties_bin=spec.erase is not None and spec.erase.binned,
            restorable=spec.delete is not None and spec.delete.leaves_in_bin(self._exchange.settings),
            stale=spec.stale,
            batch=self._writer.batch,
            promise=Promise(spec.promise),
            settle_seconds=spec.settle,
            opt_out_leaves=spec.opt_out_leaves,
            events=self._hearing.is_open,
            links=frozenset(each.head for each in spec.links),
        )

    @property
    def quota(self) -> Quota | None:
        return self._exchange.quota

    def check(self) -> Report:
        check = self.spec.check
        try:
            body = self._exchange.ask(check, {"size": 1}, idempotent=True).body
        except Said as error:
            raise AccountError(
                f"{self.context.name}: {self.spec.service} refused the check: {error.words}. Nothing was done. Next: "
                "check the settings and the rights of the account."
            ) from error
        if any(place is not None and not place.has(body) for place in (check.holds, check.count, check.account)):
            raise AccountError(
                f"{self.context.name}: what answers there is not {self.spec.service}, or another version of it. "
                "Nothing was done. Next: check `url` and the other settings."
            )
        count = check.count.of(body) if check.count is not None else None
        account = check.account.of(body) if check.account is not None else None
        known = int(count) if isinstance(count, int | str) and str(count).isdigit() else None
        lines = [f"{known} records"] * (known is not None) + [f"account {account}"] * (account is not None)
        return Report(self.spec.service, (*lines, *self._hearing.report()), (), known)

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        try:
            for page in self._hearing.pages(since):
                yield page
                since = page.cursor
        except TransientError as error:  # they wait, and the listing shows what they hint at
            log.warning("%s: events could not be followed: %s", self.context.name, error)
        yield from self._reading.pull(since)

    def subscribe(self) -> None:
        """Sees to it that events come, where the service forgets about them after a while."""
        keep_subscribed(self.spec.webhooks, self._exchange, self.context)

    def hear(self, since: Cursor | None) -> Iterator[Page]:
        assert self._hearing.is_open, "not declared in `can`"
        return self._hearing.pages(since)

    def read(self, ids: Sequence[str]) -> dict[str, Record]:
        assert self.can.read, "not declared in `can`"
        return self._reading.read(ids)

    def find(self, key: str) -> Record | None:
        return self._reading.find(key)

    def linkable(self, fields: Sequence[Mapping[str, Any]]) -> list[bool]:
        return self._links.linkable(fields)

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        with regardless(any(map(self._opts_out, writes))):
            return self._links.write(writes, self._written) if writes else []

    def _written(self, writes: Sequence[Write]) -> list[Outcome]:
        return self._children.write(writes, self._writer.write)

    def _opts_out(self, write: Write) -> bool:
        """May this write tell that somebody does not want to be written to?"""
        return any(write.fields.get(name) not in (None, "", False, 0) for name in self._consents)


def _tells_deletions(spec: ServiceSpec) -> bool:
    return spec.deletions is not None or (spec.changes is not None and spec.record.gone is not None)


def service_type(name: str, spec: ServiceSpec) -> type[RestConnector]:
    """The connector class of one service."""
    about: dict[str, Any] = {
        "__doc__": f"{spec.service}: {spec.about}",
        "__module__": __name__,
        "spec": spec,
        "Settings": settings_model(name, spec),
        "default_mapping": mapping_text(spec),
        "example": example_text(name, spec),
    }
    return type(f"{name.title().replace('_', '')}Connector", (RestConnector,), about)

"""The form page of a real Wagtail site sends what visitors write to the hub, once whatever happens on the way."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from hub.connectors.contract import Context
from hub.connectors.form_settings import ConsentBox, FormSettings
from hub.connectors.forms import FormConnector
from hub.connectors.sql import SqlConnector
from hub.model import Interaction, Record
from hub.store.db import Store
from hub.store.inbox import StoreInbox
from hub.web.app import Deps, create_app
from hub.web.monitoring import Health
from hub.web.server import Serving, serve
from tests.connectors.servers import free_port
from tests.connectors.wagtail_site import Site, wagtail

# told to the site by words of a command, so they are no canaries
SECRET, OLD_SECRET = (
    "whsec_" + base64.b64encode(f"of this site and of no other, {n}".encode()).decode() for n in (1, 0)
)

pytestmark = pytest.mark.timeout(500)
WORDING = "Yes, send me the newsletter by email."
BOX = ConsentBox(field="newsletter", purpose="newsletter", wording=WORDING)
EVERYTHING = "from home.hub_forms import send_again\nfrom datetime import datetime, timezone\n"
EVERYTHING += "print(send_again(datetime(2020, 1, 1, tzinfo=timezone.utc)))"


class Hub:
    """The hub's web application on a port of its own; it can be away."""

    def __init__(self, secret: str) -> None:
        self.store = Store("sqlite://")
        self.store.create()
        self.inbox, self.port = StoreInbox(self.store), free_port()
        self.settings = FormSettings(secret=secret, consent=(BOX,))
        self.serving: Serving | None = None

    def start(self) -> None:
        deps = Deps(
            forms={"contact_page": self.settings},
            inbox=self.inbox,
            health=lambda: Health(store=True),
            registry=CollectorRegistry(),
        )
        self.serving = serve(create_app(deps), port=self.port)

    def stop(self) -> None:
        if self.serving is not None:
            assert self.serving.stop()
        self.serving = None

    def items(self) -> list[Record | Interaction]:
        connector = FormConnector(self.settings, Context("contact_page", inbox=self.inbox.of("contact_page")))
        return [item for page in connector.pull(None) for item in page.items if isinstance(item, Record | Interaction)]

    def records(self) -> list[Record]:
        return [item for item in self.items() if isinstance(item, Record)]


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    made = Hub(SECRET)
    made.start()
    yield made
    made.stop()
    made.store.close()


@pytest.fixture(scope="module")
def site(hub: Hub) -> Iterator[Site]:
    with wagtail(f"http://127.0.0.1:{hub.port}/forms/contact_page", SECRET) as made:
        yield made


def test_what_a_visitor_writes_becomes_one_record_with_its_consent(hub: Hub, site: Site) -> None:
    before = len(hub.records())

    answer = site.post(full_name="José Núñez", email="jose@example.org", newsletter="on")

    assert (answer.status_code, answer.text) == (200, "thanks")
    [record] = hub.records()[before:]
    assert record.id.startswith("wagtail-")
    assert (record.fields["full_name"], record.fields["email"]) == ("José Núñez", "jose@example.org")
    consent = record.fields["consents"]["email|newsletter"]
    assert (consent["status"], consent["wording"]) == ("granted", WORDING)


def test_a_box_left_empty_says_nothing(hub: Hub, site: Site) -> None:
    site.post(full_name="Rui", email="rui@example.org")

    assert not hub.records()[-1].fields.get("consents")


def test_what_wagtail_refuses_never_comes(hub: Hub, site: Site) -> None:
    before = hub.records()

    answer = site.post(full_name="", email="no address")

    assert answer.text != "thanks"
    assert hub.records() == before


def test_submissions_that_are_sent_again_are_stored_once(hub: Hub, site: Site) -> None:
    site.post(full_name="Ann", email="ann@example.org")
    before = hub.records()

    said = site.shell(EVERYTHING)

    assert "True" in said and "False" not in said
    assert hub.records() == before


def test_a_hub_that_is_away_costs_the_visitor_nothing_and_gets_it_later(hub: Hub, site: Site) -> None:
    before = hub.records()
    hub.stop()
    answer = site.post(full_name="Eva", email="eva@example.org")
    hub.start()

    site.shell(EVERYTHING)
    site.shell(EVERYTHING)

    assert answer.text == "thanks"
    [late] = hub.records()[len(before) :]
    assert late.fields["full_name"] == "Eva"


def test_a_site_with_another_secret_is_not_let_in(hub: Hub, site: Site) -> None:
    before = hub.records()
    forged = f'from django.conf import settings\nsettings.HUB_SECRET = "{OLD_SECRET}"\n{EVERYTHING}'

    said = site.shell(forged)

    assert "False" in said and "True" not in said
    assert hub.records() == before


def test_the_submissions_of_a_site_are_read_from_its_table_too(hub: Hub, site: Site) -> None:
    site.post(full_name="Lia", email="lia@example.org", newsletter="on")
    query = (
        "SELECT id, json_extract(form_data, '$.full_name') AS full_name, json_extract(form_data, '$.email') AS emails "
        "FROM wagtailforms_formsubmission"
    )
    told = {"url": f"sqlite:///{site.database}", "query": query, "key": "id"}
    table = SqlConnector(SqlConnector.Settings.model_validate(told), Context("contact_page"))

    rows = [item for page in table.pull(None) for item in page.items if isinstance(item, Record)]

    assert (rows[-1].fields["full_name"], rows[-1].fields["emails"]) == ("Lia", "lia@example.org")
    assert {each.id for each in hub.records()} == {f"wagtail-4-{row.id}" for row in rows}

"""Health and metrics: what a probe is told, and what it is not."""

from __future__ import annotations

from hub.errors import TransientError
from hub.metrics import Metrics
from hub.web.monitoring import Health
from tests.web.intake_rig import PUBLIC, Rig


def test_the_process_says_it_is_alive():
    answer = Rig({}).get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


def test_readiness_tells_the_age_of_the_last_complete_run_of_each_connection():
    rig = Rig({}, health=Health(True, {"erp": 61.4, "old_shop": None}))

    answer = rig.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "last_run_seconds": {"erp": 61, "old_shop": None}}


def test_a_hub_whose_store_is_away_is_alive_but_not_ready():
    for health in (Health(store=False), TransientError("the store is away")):
        rig = Rig({}, health=health)

        assert rig.get("/readyz").status_code == 503
        assert rig.get("/healthz").status_code == 200


def test_metrics_are_served_as_text_and_as_openmetrics():
    rig = Rig({})
    Metrics(rig.registry).count("erp", "pulled", 3)

    text = rig.get("/metrics")
    openmetrics = rig.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})

    assert 'hub_records_total{connection="erp",outcome="pulled"} 3.0' in text.text
    assert text.headers["content-type"].startswith("text/plain")
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    assert openmetrics.text.endswith("# EOF\n")


def test_nothing_that_a_person_wrote_comes_out_of_a_probe():
    rig = Rig({"website": PUBLIC})
    Metrics(rig.registry)
    rig.post("/forms/website", data={"given_name": "Canary", "emails": "canary@example.org"})

    for path in ("/healthz", "/readyz", "/metrics", "/forms/website", "/forms/website/thanks"):
        assert "anary" not in rig.get(path).text


def test_errors_are_problems_that_do_not_repeat_the_request():
    answer = Rig({}).get("/no/such/canary")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "canary" not in answer.text


def test_a_wrong_method_says_which_is_allowed():
    answer = Rig({"website": PUBLIC}).request("PUT", "/forms/website")

    assert answer.status_code == 405
    assert answer.headers["allow"]


def test_the_routes_are_those_that_are_documented():
    rig = Rig({"website": PUBLIC})

    assert {path for path in ("/docs", "/redoc", "/openapi.json") if rig.get(path).status_code != 404} == set()

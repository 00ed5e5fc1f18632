"""The dashboard and the alert rules that come with the hub: they name metrics that there are, and do what they say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry

from hub.events.opening import EventGauges
from hub.mail.opening import MailGauges
from hub.metrics import ConnectionGauges, ListGauges, Metrics, StateCollector
from hub.notify.notifier import NoticeGauges
from hub.store import events_out
from hub.store.db import Store
from hub.store.erasure_gauges import ErasureGauges
from hub.store.upgrade import ready

CONFIG = Path(__file__).parents[1] / "config"
RULES = CONFIG / "prometheus" / "alerts.yaml"
PROMTOOL = shutil.which("promtool")
METRIC = re.compile(r"\bhub_\w+")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="there is no promtool: apt-get install prometheus")


class State:
    def gauges(self):
        return {"erp": ConnectionGauges(datetime.now(UTC))}

    def work_lists(self):
        return {"holds": ListGauges(0)}


@cache
def served() -> set[str]:
    """Every name that a scrape shows."""
    registry = CollectorRegistry()
    store = Store("sqlite:///:memory:")
    ready(store)
    with store.write() as tx:
        events_out.begin(tx, "crm", "https://hooks.example.org")
    registry.register(EventGauges(store, ["crm"], time.time))
    registry.register(MailGauges(store, time.time))
    registry.register(ErasureGauges(store, time.time))
    registry.register(NoticeGauges(store, ["ops"], time.time))
    metrics = Metrics(registry)
    registry.register(StateCollector(State()))
    metrics.count("erp", "pulled")
    metrics.count("erp", "withheld")
    metrics.conflict("erp", "emails", "latest")
    metrics.interactions("erp", "call", 1)
    metrics.run("erp", "done", 1.0)
    return {sample.name for family in registry.collect() for sample in family.samples}


def expressions() -> dict[str, str]:
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    panels = json.loads((CONFIG / "grafana" / "contact-hub.json").read_text())["panels"]
    return {r["alert"]: r["expr"] for r in rules} | {
        f"{p['title']} {t['refId']}": t["expr"] for p in panels for t in p["targets"]
    }


@pytest.mark.parametrize("name", expressions())
def test_every_rule_and_panel_asks_for_metrics_that_there_are(name):
    asked = set(METRIC.findall(expressions()[name]))

    assert asked and asked <= served()


def test_every_alert_says_what_happened_and_what_to_do():
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]

    assert [r["alert"] for r in rules if not {"summary", "next", "runbook"} <= set(r["annotations"])] == []


def test_every_alert_has_its_runbook_and_every_runbook_its_alert():
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    page = (CONFIG.parent / "docs" / "operations.md").read_text()
    written = {f"docs/operations.md#{name.lower()}" for name in re.findall(r"^### (Hub\w+)$", page, re.MULTILINE)}

    assert {r["annotations"]["runbook"] for r in rules} == written
    assert [
        r["alert"] for r in rules if r["annotations"]["runbook"] != f"docs/operations.md#{r['alert'].lower()}"
    ] == []


def test_every_metric_that_an_alert_asks_for_is_on_the_dashboard():
    found = expressions()
    shown = {name for panel, text in found.items() if " " in panel for name in METRIC.findall(text)}
    alarming = {name for alert, text in found.items() if " " not in alert for name in METRIC.findall(text)}

    assert alarming - shown == {"hub_events_disabled"}  # whose failing says it days before


@needs_promtool
def test_the_rules_fire_when_they_should_and_only_then():
    done = subprocess.run(
        [PROMTOOL, "test", "rules", "alerts.test.yaml"], cwd=RULES.parent, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_every_alert_is_tried():
    tests = yaml.safe_load((RULES.parent / "alerts.test.yaml").read_text())["tests"][0]["alert_rule_test"]
    tried = {test["alertname"] for test in tests}

    assert {r["alert"] for r in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]} == tried

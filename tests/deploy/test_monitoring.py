"""Prometheus' files and Grafana's dashboard speak of metrics that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from relay.telemetry.metrics import COUNTED
from relay.web.prometheus import GAUGES

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
BOARD = json.loads((DEPLOY / "grafana/relay.json").read_text())
ENDINGS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
LABELS = {"job", "instance", "le"}  # Prometheus' own
KNOWN = {f"{metric.name}{end}": metric for metric in (*COUNTED, *GAUGES) for end in ENDINGS[metric.kind]}


def expressions() -> list[str]:
    """Every expression of the alerts and the dashboard."""
    groups = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    alerts = [rule["expr"] for group in groups for rule in group["rules"]]
    asked = [target["expr"] for panel in BOARD["panels"] for target in panel.get("targets", ())]
    return [*alerts, *asked, *(note["expr"] for note in BOARD["annotations"]["list"])]


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_and_label_exists(expression):
    """A name of nobody would be an empty plot, or an alarm that never rings."""
    names = re.findall(r"\brelay_\w+", expression)
    labels = re.findall(r"(\w+)=~?\"", expression) + [
        word for group in re.findall(r"\bby \(([^)]*)\)", expression) for word in re.split(r",\s*", group)
    ]

    assert names or re.search(r"\bprocess_\w+|\bup\b", expression)
    assert set(names) <= set(KNOWN)
    assert set(labels) <= LABELS.union(*(KNOWN[name].labels for name in names))


def test_every_expression_is_understood_by_prometheus(need_tool, tmp_path):
    """promtool reads those of the dashboard as rules, Grafana's words replaced."""
    plain = [
        re.sub(r"\$__rate_interval", "5m", text).replace("$instance", ".*").replace("$job", ".*")
        for text in expressions()
    ]
    rules = [{"record": f"tried:{number}", "expr": text} for number, text in enumerate(plain)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "tried", "rules": rules}]}))
    ended = subprocess.run([need_tool("promtool"), "check", "rules", file], capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_prometheus_takes_its_configuration(need_tool, tmp_path):
    """promtool finds no mistake in it or in the alerts it names."""
    for name in ("prometheus.yml", "alerts.yml"):
        shutil.copy(DEPLOY / name, tmp_path)
    command = [need_tool("promtool"), "check", "config", tmp_path / "prometheus.yml"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_alert_says_what_is_wrong_and_what_to_do():
    """A summary and a description; labels in them are labels of the metric."""
    groups = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        assert rule["annotations"].keys() == {"summary", "description"}
        named = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        of_metrics = (KNOWN[name].labels for name in re.findall(r"\brelay_\w+", rule["expr"]))
        assert named <= LABELS.union(*of_metrics)


def test_the_panels_of_the_dashboard_do_not_overlap():
    """Grafana shows it as it was drawn."""
    taken: dict[tuple[int, int], str] = {}
    for panel in BOARD["panels"]:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        for cell in _cells(panel["gridPos"]):
            assert taken.setdefault(cell, panel["title"]) == panel["title"]
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


def _cells(at: dict[str, Any]) -> list[tuple[int, int]]:
    return [(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])]


def test_grafana_finds_its_source_and_its_dashboard():
    """The provisioning names what compose.yaml mounts and starts."""
    compose = yaml.safe_load((DEPLOY.parent / "compose.yaml").read_text())["services"]
    (source,) = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/relay.yaml").read_text())["providers"]
    chosen = next(item for item in BOARD["templating"]["list"] if item["name"] == "source")

    assert source["url"] == "http://prometheus:9090"
    assert source["uid"] == chosen["current"]["value"]
    assert f"./deploy/grafana/relay.json:{provider['options']['path']}/relay.json:ro" in compose["grafana"]["volumes"]


def test_the_first_failure_of_a_device_rings(need_tool, tmp_path):
    """Its series begins at 1: before that there was none, so there is no increase."""
    for name in ("alerts.yml", "prometheus.yml"):
        shutil.copy(DEPLOY / name, tmp_path)
    series = {"series": 'relay_messages_failed_total{device="copier",profile="scans"}', "values": "_ _ _ 1 1 1"}
    rings = {
        "alertname": "RelayMailFails",
        "eval_time": "4m",
        "exp_alerts": [{
            "exp_labels": {"severity": "warning", "device": "copier", "profile": "scans"},
            "exp_annotations": {
                "summary": "Mail was given up or could not be stored",
                "description": "relay queue list --state failed",
            },
        }],
    }  # fmt: skip
    tried = {"interval": "1m", "input_series": [series], "alert_rule_test": [rings]}
    file = tmp_path / "tried.yml"
    file.write_text(yaml.safe_dump({"rule_files": ["alerts.yml"], "evaluation_interval": "1m", "tests": [tried]}))
    ended = subprocess.run([need_tool("promtool"), "test", "rules", file], capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr

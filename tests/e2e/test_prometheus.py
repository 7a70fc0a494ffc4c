"""What `conf/prometheus` and `conf/grafana` hold, judged by the real Prometheus beside a real gateway."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.maillog import Event
from tests.gateway_process import Gateway, mail, wait_for
from tests.ports import free_port

CONF = Path(__file__).parents[2] / "conf"
RULES = CONF / "prometheus" / "brevdue.rules.yml"
DASHBOARD = CONF / "grafana" / "brevdue.json"


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return list(json.loads(DASHBOARD.read_text())["panels"])


@pytest.mark.parametrize("words", [("check", "config", "prometheus.yml"), ("test", "rules", "brevdue.rules.test.yml")])
def test_promtool_finds_nothing_wrong(require, words):
    done = subprocess.run(
        [require("promtool"), *words], cwd=CONF / "prometheus", capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_says_what_to_do_and_is_tried():
    tried = (CONF / "prometheus" / "brevdue.rules.test.yml").read_text()
    for alert in alerts():
        assert len(alert["annotations"]["runbook"]) > 40, alert["alert"]
        assert f'alertname="{alert["alert"]}"' in tried, alert["alert"]


def test_only_events_that_exist_are_asked_for():
    known = set(Event)
    for text in (RULES.read_text(), *(target["expr"] for panel in panels() for target in panel["targets"])):
        for words in re.findall(r'event=~?"([^"]+)"', text):
            assert set(words.split("|")) <= known


# --- beside a running gateway --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    with Gateway(folder, f"[submission]\nport = {free_port()}\n") as gateway:
        key = gateway.key()
        gateway.account(key)
        gateway.send(mail(f"{key}@sms.example.com", "30643064", "Hej"))
        wait_for(lambda: gateway.events("sms-report"), "the report")
        yield gateway


Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def prometheus(gateway: Gateway, require, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """`conf/prometheus/prometheus.yml` in a server, with the gateway's port and a scrape every second."""
    program, folder, port = require("prometheus"), tmp_path_factory.mktemp("prometheus"), free_port()
    text = (CONF / "prometheus" / "prometheus.yml").read_text()
    for written, here in {"127.0.0.1:8025": f"127.0.0.1:{gateway.http_port}", "interval: 15s": "interval: 1s"}.items():
        assert written in text
        text = text.replace(written, here)
    (folder / "prometheus.yml").write_text(text)
    (folder / RULES.name).write_text(RULES.read_text())
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )

    def ask(path: str, **query: str) -> Any:
        url = f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def scraped_twice() -> bool:
        try:
            return any(
                float(sample["value"][1]) >= 2
                for sample in ask("query", query='count_over_time(up{job="brevdue"}[1m])')["result"]
            )
        except urllib.error.URLError:
            assert process.poll() is None, (folder / "log").read_text()
            return False

    try:
        wait_for(scraped_twice, "two scrapes", 30)
        yield ask
    finally:
        process.terminate()
        process.wait(20)


def found(prometheus: Ask, expression: str) -> list[Any]:
    """What a query finds, as soon as it does: after a scrape that took longer than its second nothing is known."""
    return wait_for(lambda: list(prometheus("query", query=expression)["result"]), expression)


def test_the_real_server_scrapes_a_real_gateway(prometheus):
    def well() -> bool:
        (target,) = prometheus("targets")["activeTargets"]
        return (target["health"], target["lastError"]) == ("up", "")

    wait_for(well, "a scrape without an error")
    (sample,) = found(prometheus, 'brevdue_events_total{event="sms-submitted"}')
    assert sample["value"][1] == "1"


def test_no_alert_of_a_gateway_that_is_well(prometheus):
    rules = [rule for group in prometheus("rules")["groups"] for rule in group["rules"]]
    assert {rule["name"] for rule in rules} == {alert["alert"] for alert in alerts()}
    wait_for(
        lambda: all(rule["health"] == "ok" for group in prometheus("rules")["groups"] for rule in group["rules"]),
        "every rule to be evaluated",
    )
    assert not prometheus("query", query='ALERTS{alertstate="firing"}')["result"]


def metric_names(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:brevdue|process)_[a-z_]+|\bup\b(?=\{)", expression))


def test_every_metric_that_is_asked_for_is_there(prometheus):
    known = set(prometheus("label/__name__/values"))
    asked = {name for panel in panels() for target in panel["targets"] for name in metric_names(target["expr"])}
    asked |= {name for alert in alerts() for name in metric_names(alert["expr"])}
    assert asked <= known


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_every_panel_shows_something(prometheus, panel):
    for target in panel["targets"]:
        expression = target["expr"].replace("$job", "brevdue").replace("$__rate_interval", "1m")
        assert "$" not in expression
        assert found(prometheus, expression)


def test_the_dashboard_has_the_shape_that_grafana_reads():
    board = json.loads(DASHBOARD.read_text())
    assert {"title", "uid", "schemaVersion", "panels", "templating", "time"} <= set(board)
    assert [variable["name"] for variable in board["templating"]["list"]] == ["datasource", "job"]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, f"{panel['title']} lies upon another panel"
        taken |= cells
        assert panel["type"] in {"stat", "timeseries"}
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert {"refId", "expr", "legendFormat"} <= set(panel["targets"][0])

"""`kubectl simulation report` on a real API server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import kubernetes
from kubernetes.client import ApiClient


def test_a_report_goes_to_a_file_with_what_happened(cli: Any, cluster: Any, kube: ApiClient, tmp_path: Path) -> None:
    uid = cluster.create("launch")["metadata"]["uid"]
    cluster.show("launch", "Failed")
    event = {
        "metadata": {"name": "launch.1"},
        "involvedObject": {"kind": "Simulation", "namespace": cluster.namespace, "name": "launch", "uid": uid},
        "type": "Warning",
        "reason": "RecordsFailed",
        "message": "3 records have failed",
        "count": 2,
        "lastTimestamp": "2026-12-01T08:00:00Z",
    }
    kubernetes.client.CoreV1Api(kube).create_namespaced_event(cluster.namespace, event)
    ended = cli("report", "launch", "-o", str(tmp_path / "report.html"))
    text = (tmp_path / "report.html").read_text()
    assert (ended.code, "Failed it is." in text, "3 records have failed" in text, "2 ×" in text) == (0, True, True, True)


def test_a_report_on_standard_output_and_as_json(cli: Any, cluster: Any) -> None:
    cluster.create("launch")
    assert cli("report", "launch", "-o", "-").out.startswith("<!DOCTYPE html>")
    shown = json.loads(cli("report", "launch", "-o", "json").out)
    assert (shown["name"], shown["spec"]["totalRecords"], shown["events"]) == ("launch", 400, [])


def test_without_the_right_to_events_the_report_says_so(cli: Any, cluster: Any, reader: Path) -> None:
    cluster.create("launch")
    ended = cli("report", "launch", "-o", "-", kubeconfig=reader)
    assert (ended.code, f"the right to list events in namespace {cluster.namespace}" in ended.out) == (0, True)


def test_a_file_that_can_not_be_written_is_said(cli: Any, cluster: Any) -> None:
    cluster.create("launch")
    ended = cli("report", "launch", "-o", "/nonexistent/report.html")
    assert (ended.code, ended.err.count("\n")) == (2, 1)

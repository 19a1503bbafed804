from __future__ import annotations

from typing import Any

import pytest

from simulation_sandbox.node.env import environment, expand
from simulation_sandbox.node.errors import NotConfiguredError
from simulation_sandbox.node.fields import field
from simulation_sandbox.node.objects import Kind, Objects, Reference, references

POD: dict[str, Any] = {
    "metadata": {"name": "one", "namespace": "crm", "uid": "u", "labels": {"b": "2", "a": '1"'}, "annotations": {"x/y": "z"}},
    "spec": {"nodeName": "sandbox", "serviceAccountName": "default"},
    "status": {"podIP": "127.1.2.3", "hostIP": "127.0.0.1", "podIPs": [{"ip": "127.1.2.3"}]},
}
OBJECTS = Objects({Reference(Kind.SECRET, "db"): {"url": b"postgres://x"}, Reference(Kind.CONFIG_MAP, "all"): {"A": b"1", "B": b"2"}})


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"),
        ("x$(A)y$(A)", "x1y1"),
        ("$(MISSING)", "$(MISSING)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A ${A} $", "$A ${A} $"),
        ("$(A", "$(A"),
        ("$()", "$()"),
    ],
)
def test_references_expand_as_kubernetes_says(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1"}) == expanded


def test_env_wins_over_env_from_and_may_refer_to_it() -> None:
    container = {
        "envFrom": [{"configMapRef": {"name": "all"}}, {"configMapRef": {"name": "all"}, "prefix": "P_"}],
        "env": [{"name": "B", "value": "$(A)0"}, {"name": "C", "value": "$(B) $(D)"}, {"name": "D", "value": "late"}],
    }
    assert environment(container, POD, OBJECTS) == {"A": "1", "B": "10", "P_A": "1", "P_B": "2", "C": "10 $(D)", "D": "late"}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"secretKeyRef": {"name": "db", "key": "nothing"}}, 'couldn\'t find key nothing in secret "db"'),
        ({"secretKeyRef": {"name": "nothing", "key": "url"}}, 'secret "nothing" not found'),
        ({"configMapKeyRef": {"name": "nothing", "key": "url"}}, 'configmap "nothing" not found'),
        ({"resourceFieldRef": {"resource": "limits.cpu"}}, "env X: resourceFieldRef isn't supported by the process node"),
        ({"fieldRef": {"fieldPath": "spec.mystery"}}, "fieldRef spec.mystery isn't supported"),
    ],
)
def test_what_is_required_and_missing_is_named(source: dict[str, Any], message: str) -> None:
    with pytest.raises(NotConfiguredError) as refusal:
        environment({"env": [{"name": "X", "valueFrom": source}]}, POD, OBJECTS)
    assert str(refusal.value) == message


def test_what_is_optional_and_missing_is_absent() -> None:
    container = {
        "envFrom": [{"secretRef": {"name": "nothing", "optional": True}}],
        "env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "nothing", "key": "k", "optional": True}}}],
    }
    assert environment(container, POD, OBJECTS) == {}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("metadata.name", "one"),
        ("metadata.namespace", "crm"),
        ("metadata.uid", "u"),
        ("metadata.labels['b']", "2"),
        ("metadata.labels['missing']", ""),
        ("metadata.annotations['x/y']", "z"),
        ("metadata.labels", 'a="1\\""\nb="2"'),
        ("status.podIP", "127.1.2.3"),
        ("status.podIPs", "127.1.2.3"),
        ("status.hostIP", "127.0.0.1"),
        ("spec.nodeName", "sandbox"),
        ("spec.serviceAccountName", "default"),
    ],
)
def test_fields_of_the_pod_as_text(path: str, text: str) -> None:
    assert field(POD, path) == text


def test_every_reference_of_a_spec_is_found() -> None:
    spec = {
        "volumes": [
            {"name": "a", "secret": {"secretName": "s1"}},
            {"name": "b", "configMap": {"name": "c1"}},
            {"name": "c", "projected": {"sources": [{"secret": {"name": "s2"}}, {"configMap": {"name": "c2"}}]}},
            {"name": "d", "emptyDir": {}},
        ],
        "initContainers": [{"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "s3", "key": "k"}}}]}],
        "containers": [{"envFrom": [{"configMapRef": {"name": "c3"}}], "env": [{"name": "Y", "value": "plain"}]}],
    }
    expected = {Reference(kind, f"{kind[0]}{number}") for kind in Kind for number in (1, 2, 3)}
    assert references(spec) == expected

"""Values that can't work are refused by Helm, before anything is installed, in words that name them."""

from __future__ import annotations

from typing import Any

import pytest

SALES = {"name": "sales", "existingSecret": "sales-token", "allowedNamespaces": ["sales"]}

REFUSED = {
    "no database": ({"database": {"existingSecret": ""}}, ["database.existingSecret: name the Secret"]),
    "no redis": ({"redis": {"existingSecret": ""}}, ["redis.existingSecret: name the Secret"]),
    "a value there isn't": ({"workers": {"maximum": 3}}, ["workers", "not allowed"]),
    "a value there isn't, further in": ({"worker": {"replicas": 3}}, ["/worker", "replicas", "not allowed"]),
    "a password where a Secret's name belongs": ({"database": {"url": "postgresql://…"}}, ["/database", "url", "not allowed"]),
    "a portal without namespaces": ({"portals": [{"name": "a", "existingSecret": "b"}]}, ["/portals/0", "allowedNamespaces"]),
    "a portal with an unknown tier": ({"portals": [SALES | {"tier": "gold"}]}, ["/portals/0/tier", "professional"]),
    "a token in the values": ({"portals": [SALES | {"token": "pat-…"}]}, ["/portals/0", "token", "not allowed"]),
    "two portals of one name": ({"portals": [SALES, SALES]}, ["the name sales is used twice"]),
    "more workers at least than at most": ({"worker": {"minimum": 3, "maximum": 2}}, ["worker.minimum: 3 must not exceed worker.maximum"]),
    "a grace period shorter than a delivery": ({"worker": {"terminationGracePeriodSeconds": 30}}, ["terminationGracePeriodSeconds", "60"]),
    "no namespace to watch": ({"operator": {"watchNamespaces": []}}, ["/operator/watchNamespaces"]),
    "a user that is no UUID": ({"operator": {"defaultUserId": "jane"}}, ["/operator/defaultUserId"]),
    "a model's server without a model": ({"model": {"baseUrl": "http://ollama:11434/v1"}}, ["model.name: name the language model"]),
    "a model's key without a model": ({"model": {"existingSecret": "openai"}}, ["model.name: name the language model"]),
    "a model's address that is none": ({"model": {"name": "gpt", "baseUrl": "ollama:11434"}}, ["/model/baseUrl"]),
    "a key in the values": ({"model": {"name": "gpt", "apiKey": "sk-…"}}, ["/model", "apiKey", "not allowed"]),
    "less time than two answers take": ({"model": {"leadSeconds": 60}}, ["model.leadSeconds: 60", "raise it to 90"]),
}


@pytest.mark.parametrize(("values", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(chart: Any, values: dict[str, Any], words: list[str]) -> None:
    said = chart.refusal(**values)
    assert [word for word in words if word not in said] == [], said


def test_every_value_of_values_yaml_is_in_the_schema_and_the_reverse() -> None:
    import json
    from pathlib import Path

    import yaml

    chart = Path(__file__).parents[3] / "charts/simulation-operator"
    schema = json.loads((chart / "values.schema.json").read_text())
    defaults = yaml.safe_load((chart / "values.yaml").read_text())

    def differing(schema: dict[str, Any], values: Any, path: str = "") -> set[str]:
        if not isinstance(values, dict) or "properties" not in schema:
            return set()
        names = {name for name in schema["properties"] if name not in ("global", "claims")}
        inside = [differing(schema["properties"][name], values[name], f"{path}.{name}") for name in names & values.keys()]
        return {f"{path}.{name}" for name in names ^ values.keys()}.union(*inside)

    assert differing(schema, defaults) == set()

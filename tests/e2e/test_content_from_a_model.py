"""A Simulation that a language model writes for, and one that doesn't say who writes."""

from __future__ import annotations

from typing import Any


def test_what_the_model_wrote_is_in_the_crm_and_counted(cluster: Any, examples: Any) -> None:
    """The first few may have been due before the workers were there."""
    found = examples.until_phase("wind-suppliers", "Completed", within_seconds=150)
    content, uid = found["status"]["content"], found["metadata"]["uid"]
    assert content["fromModel"] + content["fromFaker"] == found["spec"]["totalRecords"]
    assert content["fromModel"] > 0
    assert 0 < content["tokens"] <= found["spec"]["content"]["maxTokens"]
    companies = cluster.hubspot("GET", f"objects/companies?simulation_id={uid}&limit=1000")["results"]
    by_theme = [each for each in companies if "wind-energy parks" in each["properties"]["description"]]
    assert len(by_theme) == content["fromModel"]


def test_who_writes_is_said_by_the_installation_where_the_spec_does_not(cluster: Any, runs: Any, simulation: Any) -> None:
    """The sandbox has a model, and leaves to Faker what doesn't ask for it."""
    runs.apply(simulation("unsaid", totalRecords=1))
    found = runs.until_phase("unsaid", "Completed", within_seconds=90)
    assert "content" not in found["status"]
    ((source,),) = cluster.query("SELECT spec -> 'content' ->> 'source' FROM simulations WHERE id = %s", found["metadata"]["uid"])
    assert source == "Faker"

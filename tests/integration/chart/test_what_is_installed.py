"""What `helm install` creates, and that nothing in it is more than the processes need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from simulation_core.portals import parse_portals

ROOT = Path(__file__).parents[3]
COMPONENTS = ["operator", "scheduler", "worker"]
ENTRY_POINTS = {"operator": "simulation-operator", "scheduler": "simulation-scheduler", "worker": "simulation-worker"}


def test_lint_has_nothing_to_say(chart: Any) -> None:
    done = chart.run("lint", "--strict", str(ROOT / "charts/simulation-operator"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout


@pytest.mark.parametrize(("allowed", "command"), [(["marketing"], "kubectl --namespace marketing apply"), (["*"], "kubectl apply")])
def test_the_notes_apply_the_example_where_the_portal_allows_it(chart: Any, allowed: list[str], command: str) -> None:
    portals = [{"name": "default", "existingSecret": "hubspot-token", "allowedNamespaces": allowed}]
    done = chart.run(
        "install",
        "demo",
        str(ROOT / "charts/simulation-operator"),
        "--dry-run=client",
        values={"portals": portals, "crds": {"install": False}},
    )
    assert f"  {command} --filename examples/quickstart.yaml" in done.stdout, done.stderr


@pytest.mark.parametrize("component", COMPONENTS)
def test_each_process_is_started_by_an_explicit_command(chart: Any, component: str) -> None:
    (container,) = chart().pod(component)["containers"]
    assert container["command"] == [ENTRY_POINTS[component]]


def test_the_schema_is_migrated_before_the_operator_starts(chart: Any) -> None:
    (migrate,) = chart().pod("operator")["initContainers"]
    assert migrate["command"] == ["simulation-migrate"]
    assert [variable["name"] for variable in migrate["env"]] == ["SIMULATION_DATABASE_URL"]


def test_the_worker_deployment_has_no_replicas_because_the_operator_owns_them(chart: Any) -> None:
    rendered = chart()
    assert "replicas" not in rendered.one("Deployment", "demo-worker")["spec"]
    assert rendered.environment("operator")["SIMULATION_WORKER_DEPLOYMENT"] == "demo-worker"


def test_there_is_one_operator_and_never_two(chart: Any) -> None:
    spec = chart().one("Deployment", "demo-operator")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_the_engines_settings_reach_their_processes(chart: Any) -> None:
    installed = chart(scheduler={"horizonSeconds": 600}, worker={"slots": 3})
    for component in ("operator", "scheduler"):
        assert installed.environment(component)["SIMULATION_HORIZON_SECONDS"] == "600"
    assert installed.environment("worker")["SIMULATION_SLOTS"] == "3"


def test_schedulers_are_as_many_as_asked_for(chart: Any) -> None:
    assert chart(scheduler={"replicas": 3}).one("Deployment", "demo-scheduler")["spec"]["replicas"] == 3


@pytest.mark.parametrize("component", COMPONENTS)
def test_urls_come_from_secrets_alone(chart: Any, component: str) -> None:
    environment = chart(redis={"key": "redis-url"}).environment(component)
    assert environment["SIMULATION_DATABASE_URL"] == {"secretKeyRef": {"name": "simulation-database", "key": "url"}}
    assert environment["SIMULATION_REDIS_URL"] == {"secretKeyRef": {"name": "simulation-redis", "key": "redis-url"}}


def test_the_chart_creates_no_secret(chart: Any) -> None:
    assert chart().of_kind("Secret") == []


@pytest.mark.parametrize("component", COMPONENTS)
def test_each_process_binds_its_own_address_and_is_probed_there(chart: Any, component: str) -> None:
    rendered = chart()
    (container,) = rendered.pod(component)["containers"]
    names = [variable["name"] for variable in container["env"]]
    assert rendered.environment(component)["SIMULATION_BIND_ADDRESS"] == "$(POD_IP):8080"
    assert names.index("POD_IP") < names.index("SIMULATION_BIND_ADDRESS"), "only a variable above can be referred to"
    assert container["ports"] == [{"name": "http", "containerPort": 8080}]
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}


def test_what_the_administrator_sets_reaches_the_operator(chart: Any) -> None:
    user = "6f1c2a55-0000-4222-8333-444455556666"
    environment = chart(
        operator={"watchNamespaces": ["a", "b"], "defaultUserId": user, "leadMilliseconds": 600000, "retentionDays": 30},
        worker={"minimum": 1, "maximum": 1000, "quietSeconds": 86400},
        logLevel="DEBUG",
    ).environment("operator")
    expected = {
        "SIMULATION_WATCH_NAMESPACES": "a,b",
        "SIMULATION_DEFAULT_USER_ID": user,
        "SIMULATION_LEAD_MILLISECONDS": "600000",
        "SIMULATION_RETENTION_SECONDS": "2592000",
        "SIMULATION_MINIMUM_WORKERS": "1",
        "SIMULATION_MAXIMUM_WORKERS": "1000",
        "SIMULATION_QUIET_SECONDS": "86400",
        "SIMULATION_LOG_LEVEL": "DEBUG",
        "SIMULATION_NAMESPACE": {"fieldRef": {"fieldPath": "metadata.namespace"}},
    }
    assert expected.items() <= environment.items()


FULL_PORTAL = {
    "name": "sales",
    "existingSecret": "sales-token",
    "key": "pat",
    "tier": "enterprise",
    "callsPerTenSeconds": 120,
    "callsPerDay": 1_000_000,
    "allowedNamespaces": ["sales", "marketing"],
    "allowProduction": True,
    "maxRecordsPerSimulation": 10_000_000,
    "url": "http://127.0.0.1:8080",
}


def portals_file(rendered: Any) -> str:
    return rendered.one("ConfigMap", "demo-portals")["data"]["portals.yaml"]


def test_the_portals_file_says_all_about_a_portal_but_its_secret(chart: Any) -> None:
    (entry,) = yaml.safe_load(portals_file(chart(portals=[FULL_PORTAL])))["portals"]
    assert entry == {field: value for field, value in FULL_PORTAL.items() if field not in ("existingSecret", "key")}


def test_the_processes_can_read_the_portals_file(chart: Any) -> None:
    portal = parse_portals(portals_file(chart(portals=[FULL_PORTAL])))["sales"]
    assert (portal.calls_per_ten_seconds, portal.calls_per_day, portal.max_records_per_simulation) == (120, 1_000_000, 10_000_000)


def test_an_installation_without_portals_starts(chart: Any) -> None:
    rendered = chart(portals=[])
    assert len(parse_portals(portals_file(rendered))) == 0
    (tokens,) = (volume for volume in rendered.pod("worker")["volumes"] if volume["name"] == "tokens")
    assert tokens["projected"]["sources"] == []


def test_a_token_is_a_file_named_after_its_portal_and_a_missing_one_keeps_no_other_from_being_served(chart: Any) -> None:
    (tokens,) = (volume for volume in chart(portals=[FULL_PORTAL]).pod("worker")["volumes"] if volume["name"] == "tokens")
    source = {"secret": {"name": "sales-token", "optional": True, "items": [{"key": "pat", "path": "sales"}]}}
    assert tokens["projected"] == {"defaultMode": 0o440, "sources": [source]}


@pytest.mark.parametrize("component", ["operator", "scheduler"])
def test_only_workers_see_tokens(chart: Any, component: str) -> None:
    rendered = chart(portals=[FULL_PORTAL])
    assert "sales-token" not in yaml.safe_dump(rendered.pod(component))
    assert "SIMULATION_PORTAL_TOKENS_DIR" not in rendered.environment(component)


MODEL = {"name": "gpt-5-mini", "baseUrl": "http://ollama:11434/v1", "existingSecret": "openai", "key": "pat", "leadSeconds": 200}


def test_without_a_model_nobody_hears_of_one(chart: Any) -> None:
    rendered = chart()
    assert not [name for component in COMPONENTS for name in rendered.environment(component) if "OPENAI" in name]
    assert "model" not in [volume["name"] for volume in rendered.pod("worker")["volumes"]]


def test_the_workers_reach_the_model_and_read_its_key_from_a_file_that_may_come_later(chart: Any) -> None:
    rendered = chart(model=MODEL)
    told = {name: value for name, value in rendered.environment("worker").items() if "OPENAI" in name or "PREPARE" in name}
    assert told == {
        "SIMULATION_OPENAI_MODEL": "gpt-5-mini",
        "SIMULATION_OPENAI_BASE_URL": "http://ollama:11434/v1",
        "SIMULATION_OPENAI_API_KEY_FILE": "/etc/simulation/model/api-key",
        "SIMULATION_OPENAI_TIMEOUT_SECONDS": "45",
        "SIMULATION_PREPARE_CONCURRENCY": "32",
    }
    (volume,) = (volume for volume in rendered.pod("worker")["volumes"] if volume["name"] == "model")
    secret = {"secretName": "openai", "defaultMode": 0o440, "optional": True, "items": [{"key": "pat", "path": "api-key"}]}
    assert volume["secret"] == secret


def test_operator_and_scheduler_know_of_the_model_but_not_its_key(chart: Any) -> None:
    rendered = chart(model=MODEL)
    assert rendered.environment("operator")["SIMULATION_OPENAI_MODEL"] == "gpt-5-mini"
    assert rendered.environment("operator")["SIMULATION_OPENAI_BY_DEFAULT"] == "true"
    for component in ("operator", "scheduler"):
        assert rendered.environment(component)["SIMULATION_PREPARE_LEAD_SECONDS"] == "200"
        assert "openai" not in yaml.safe_dump(rendered.pod(component)["volumes"])


def test_a_server_without_a_key_and_openai_without_a_url(chart: Any) -> None:
    told = chart(model={"name": "llama3.1"}).environment("worker")
    assert "SIMULATION_OPENAI_API_KEY_FILE" not in told
    assert "SIMULATION_OPENAI_BASE_URL" not in told


def test_only_workers_get_through_to_the_model(chart: Any) -> None:
    policies = chart(model=MODEL, networkPolicy={"enabled": True, "modelPorts": [11434]}).of_kind("NetworkPolicy")
    may = {policy["metadata"]["name"] for policy in policies if {"port": 11434, "protocol": "TCP"} in policy["spec"]["egress"][1]["ports"]}
    assert may == {"demo-worker"}


@pytest.mark.parametrize("component", ["scheduler", "worker"])
def test_what_never_speaks_to_the_api_server_has_no_token_for_it(chart: Any, component: str) -> None:
    rendered = chart()
    assert rendered.pod(component)["automountServiceAccountToken"] is False
    assert rendered.one("ServiceAccount", f"demo-{component}")["automountServiceAccountToken"] is False


def test_pods_do_not_change_with_the_chart_version_alone(chart: Any) -> None:
    labels = [deployment["spec"]["template"]["metadata"]["labels"] for deployment in chart().of_kind("Deployment")]
    assert all("helm.sh/chart" not in each for each in labels)


def test_the_crd_stays_when_the_chart_goes(chart: Any) -> None:
    (crd,) = chart().of_kind("CustomResourceDefinition")
    assert crd["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_the_crd_goes_with_the_chart_where_that_is_wanted(chart: Any) -> None:
    (crd,) = chart(crds={"keep": False}).of_kind("CustomResourceDefinition")
    assert "annotations" not in crd["metadata"]


def test_the_crd_may_be_installed_by_others(chart: Any) -> None:
    assert chart(crds={"install": False}).of_kind("CustomResourceDefinition") == []


def test_the_crd_of_the_chart_is_the_crd(chart: Any) -> None:
    (crd,) = chart(crds={"keep": False}).of_kind("CustomResourceDefinition")
    assert crd == yaml.safe_load((ROOT / "crds/simulation.yaml").read_text())


def test_a_network_policy_is_made_for_each_process_only_where_asked_for(chart: Any) -> None:
    assert chart().of_kind("NetworkPolicy") == []
    policies = chart(networkPolicy={"enabled": True, "databasePort": 6432, "portalPorts": [443, 8443]}).of_kind("NetworkPolicy")
    ports = {policy["metadata"]["name"]: [port["port"] for port in policy["spec"]["egress"][1]["ports"]] for policy in policies}
    assert ports == {
        "demo-operator": [6432, 6379, 443, 6443],
        "demo-scheduler": [6432, 6379],
        "demo-worker": [6432, 6379, 443, 8443],
        "demo-release": [443, 6443],
    }
    assert all(policy["spec"]["ingress"] == [] for policy in policies)


def test_before_it_goes_a_job_lets_go_of_what_is_held_to_be_archived(chart: Any) -> None:
    (job,) = chart().of_kind("Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete"
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert (container["command"], container["args"]) == (["simulation-operator"], ["release"])
    assert pod["serviceAccountName"] == "demo-operator"
    assert {"name": "SIMULATION_OPERATOR_DEPLOYMENT", "value": "demo-operator"} in container["env"]


def test_metrics_may_be_read_by_whom_the_administrator_names(chart: Any) -> None:
    monitoring = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    for policy in chart(networkPolicy={"enabled": True, "metricsFrom": [monitoring]}).of_kind("NetworkPolicy"):
        assert policy["spec"]["ingress"] == [{"ports": [{"port": 8080, "protocol": "TCP"}], "from": [monitoring]}]


def test_names_begin_with_the_release_or_with_what_is_given(chart: Any) -> None:
    names = {deployment["metadata"]["name"] for deployment in chart(fullnameOverride="crm").of_kind("Deployment")}
    assert names == {"crm-operator", "crm-scheduler", "crm-worker"}

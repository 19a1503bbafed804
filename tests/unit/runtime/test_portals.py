"""The portals file: what is taken, what is refused with which words, and what a reload does."""

from pathlib import Path

import pytest

from simulation_core.errors import PortalsError
from simulation_core.portals import PortalsFile, parse_portals

ONE = "- {name: default, tier: professional, allowedNamespaces: ['*']}"


def test_limits_come_from_the_tier() -> None:
    portal = parse_portals(ONE)["default"]
    assert (portal.calls_per_ten_seconds, portal.calls_per_day) == (190, 625_000)


def test_a_given_limit_wins_over_the_tier() -> None:
    portal = parse_portals("- {name: a, tier: professional, callsPerTenSeconds: 7, allowedNamespaces: [x]}")["a"]
    assert (portal.calls_per_ten_seconds, portal.calls_per_day) == (7, 625_000)


def test_every_namespace_must_be_said() -> None:
    portals = parse_portals("[{name: open, allowedNamespaces: ['*']}, {name: closed, allowedNamespaces: [team-a]}]")
    assert portals["open"].allows("anything")
    assert portals["closed"].allows("team-a")
    assert not portals["closed"].allows("team-b")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("- {name: default}", "portals[default].allowedNamespaces"),
        ("- {name: Default, allowedNamespaces: ['*']}", "name"),
        ("- {name: a, allowedNamespaces: ['*'], token: pat-123}", "token"),
        ("- {name: a, allowedNamespaces: ['*'], url: hubapi.com}", "url must begin with http"),
        ("- {name: a, allowedNamespaces: ['*'], callsPerTenSeconds: 0}", "callsPerTenSeconds"),
        ("[{name: a, allowedNamespaces: []}, {name: a, allowedNamespaces: []}]", "the name a is used twice"),
        ("portals: 3", "must hold a list"),
        ("", "must hold a list"),
        ("- {name: [", "not YAML: line 1"),
        ("- 3", "portals[0]"),
        ("- {name: 2026-13-01, allowedNamespaces: []}", "not YAML: somewhere: month must be"),
        ("- {name: a, allowedNamespaces: [], tier: [free]}", "portals[a].tier"),
    ],
)
def test_a_fault_is_named(text: str, named: str) -> None:
    with pytest.raises(PortalsError) as refused:
        parse_portals(text)
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_broken_reload_keeps_the_old_portals_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "portals.yaml"
    path.write_text(ONE)
    portals = PortalsFile(path)
    path.write_text("- {name: broken}")
    assert list(portals.current) == ["default"]
    assert list(portals.current) == ["default"]
    assert portals.problem is not None
    assert len([line for line in caplog.messages if "keeping the old portals" in line]) == 1
    path.write_text(ONE.replace("default", "second"))
    assert list(portals.current) == ["second"]
    assert portals.problem is None


def test_a_broken_file_put_back_as_it_was_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    path = tmp_path / "portals.yaml"
    path.write_text(ONE)
    portals = PortalsFile(path)
    path.write_text("- {name: broken}")
    assert list(portals.current) == ["default"]
    path.write_text(ONE)
    assert [list(portals.current) for _ in range(3)] == [["default"]] * 3
    assert portals.problem is None
    assert caplog.messages.count("the portals file is fine again") == 1


def test_a_broken_text_is_parsed_once_however_often_it_is_asked_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "portals.yaml"
    path.write_text(ONE)
    portals = PortalsFile(path)
    parsed = []
    monkeypatch.setattr("simulation_core.portals.parse_portals", lambda text: parsed.append(text) or parse_portals(text))
    path.write_text("- {name: 2026-13-01}")
    assert [list(portals.current) for _ in range(3)] == [["default"]] * 3
    assert portals.problem is not None
    assert len(parsed) == 1


def test_a_vanished_file_keeps_the_old_portals(tmp_path: Path) -> None:
    path = tmp_path / "portals.yaml"
    path.write_text(ONE)
    portals = PortalsFile(path)
    path.unlink()
    assert list(portals.current) == ["default"]
    assert "can't be read" in str(portals.problem)


def test_a_missing_file_is_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(PortalsError, match="SIMULATION_PORTALS_FILE"):
        PortalsFile(tmp_path / "none.yaml")

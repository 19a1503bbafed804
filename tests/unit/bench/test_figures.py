"""What the bench writes down can be read without knowing which way is better."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulation_bench import results
from simulation_bench.__main__ import main
from simulation_bench.figures import figure


@pytest.mark.parametrize(("more_is_better", "ratio"), [(False, 2.0), (True, 0.5)], ids=["seconds", "per second"])
def test_a_ratio_above_one_says_that_ours_is_better(more_is_better: bool, ratio: float) -> None:
    made = figure([1, 9, 2], "x", peer=[4, 3, 5], more_is_better=more_is_better)
    assert (made.ours, made.peer, made.ratio, made.spread) == (2, 4, ratio, (1, 9))


def test_without_a_peer_there_is_no_ratio() -> None:
    assert figure([1.0], "s").as_json() == {"ours": 1.0, "peer": None, "ratio": None, "unit": "s", "spread": [1.0, 1.0]}


def test_a_note_is_written_only_where_there_is_one() -> None:
    assert figure([1.0], "s", note="counted twice").as_json()["note"] == "counted twice"
    assert "note" not in figure([1.0], "s").as_json()


def test_a_figure_of_nothing_has_no_ratio() -> None:
    assert figure([0.0], "MB", peer=[3.0]).ratio is None


def test_a_section_replaces_itself_and_leaves_the_others(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    results.write(results.updated({}, "drain", {"old": figure([1], "s")}, {"cores": 8}), file)
    results.write(results.updated(results.read(file), "growth", {"plan": figure([1], "s")}, {"cores": 2}), file)
    results.write(results.updated(results.read(file), "growth", {"batch": figure([2], "s")}, {"cores": 4}), file)
    content = json.loads(file.read_text())
    assert list(content["growth"]) == ["batch"]
    assert list(content["drain"]) == ["old"]
    assert content["machine"] == {"drain": {"cores": 8}, "growth": {"cores": 4}}


def test_an_unknown_section_is_refused_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "grwth"])
    with pytest.raises(SystemExit):
        main()
    assert "no section grwth: there are growth, " in capsys.readouterr().err

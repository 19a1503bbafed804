"""The page of distributions: its pictures are there, small, and well-formed; `make verify` holds them against the planner."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

from simulation_core.spec import parse_spec

REFERENCE = Path(__file__).parents[3] / "docs/reference"
PAGE = (REFERENCE / "distributions.md").read_text(encoding="utf-8")
PICTURES = re.findall(r"!\[[^]]*\]\(([^)]+)\)", PAGE)


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_is_a_small_svg_with_a_title(picture: str) -> None:
    content = (REFERENCE / picture).read_bytes()
    assert len(content) <= 15_000
    assert ET.fromstring(content).find("{http://www.w3.org/2000/svg}title") is not None


def test_no_picture_is_left_over() -> None:
    assert sorted(PICTURES) == sorted(str(path.relative_to(REFERENCE)) for path in (REFERENCE / "distributions").iterdir())


def test_each_spec_on_the_page_is_accepted() -> None:
    snippets = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    assert [parse_spec(yaml.safe_load(snippet)["spec"]).total_records > 0 for snippet in snippets] == [True] * len(PICTURES)

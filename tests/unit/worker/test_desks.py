"""A portal is served where it is configured and has a token; changes of either take effect by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulation_core.portals import Portal, PortalsFile
from simulation_worker.desk import Desk
from simulation_worker.desks import Desks

ONE = "- {name: default, allowedNamespaces: ['*']}\n"
TWO = ONE + "- {name: second, allowedNamespaces: ['*']}\n"


class FakeDesk(Desk):
    def __init__(self, portal: Portal, token: str) -> None:
        self.portal, self.token, self._closed = portal, token, False

    def close(self) -> None:
        self._closed = True


@pytest.fixture
def portals(tmp_path: Path) -> Path:
    path = tmp_path / "portals.yaml"
    path.write_text(TWO)
    return path


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    folder = tmp_path / "tokens"
    folder.mkdir()
    return folder


@pytest.fixture
def desks(portals: Path, tokens: Path) -> Desks:
    return Desks(PortalsFile(portals), tokens, FakeDesk)


def served(desks: Desks) -> dict[str, str]:
    desks.refresh()
    return {desk.portal.name: desk.token for desk in desks.all()}


def test_only_portals_with_a_token_are_served(desks: Desks, tokens: Path) -> None:
    (tokens / "default").write_text("abc\n")
    (tokens / "stranger").write_text("xyz")
    assert served(desks) == {"default": "abc"}


def test_a_token_that_appears_changes_or_goes_is_noticed(desks: Desks, tokens: Path) -> None:
    assert served(desks) == {}
    (tokens / "second").write_text("one")
    assert served(desks) == {"second": "one"}
    before = desks.get("second")
    assert served(desks) == {"second": "one"}
    assert desks.get("second") is before
    (tokens / "second").write_text("two")
    assert served(desks) == {"second": "two"}
    assert isinstance(before, FakeDesk)
    assert before.closed
    (tokens / "second").unlink()
    assert served(desks) == {}


@pytest.mark.parametrize("token", ["", "  \n", "a b", "a\nb", "über", "a\x00b"])
def test_what_can_be_no_token_is_none(desks: Desks, tokens: Path, token: str) -> None:
    (tokens / "default").write_text(token)
    assert served(desks) == {}


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (None, "is missing"),
        ("", "is empty"),
        (" \n", "is empty"),
        ("pat-na1 5ecre7", "has characters that no token has: a space"),
        ("pat-na1-über", "has characters that no token has"),
    ],
)
def test_why_a_portal_has_none_is_said_without_it(desks: Desks, tokens: Path, token: str | None, why: str) -> None:
    (tokens / "second").write_text("abc")
    if token is not None:
        (tokens / "default").write_text(token)
    desks.refresh()
    assert desks.without_token.keys() == {"default"}
    message = desks.without_token["default"]
    assert f"the file its Secret is mounted as {why}" in message
    assert not token or not token.strip() or token not in message
    (tokens / "default").write_text("abc")
    desks.refresh()
    assert desks.without_token == {}


def test_a_portal_that_changes_gets_a_new_desk(desks: Desks, portals: Path, tokens: Path) -> None:
    (tokens / "default").write_text("abc")
    served(desks)
    before = desks.get("default")
    portals.write_text(ONE.replace("'*']", "'*'], callsPerTenSeconds: 50"))
    assert served(desks) == {"default": "abc"}
    assert desks.get("default") is not before


def test_tokens_are_never_logged(desks: Desks, tokens: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    (tokens / "default").write_text("very-secret")
    (tokens / "second").write_text("also secret")
    served(desks)
    assert "second" in caplog.text
    assert "secret" not in caplog.text

"""What a log line says of where the language model is."""

from __future__ import annotations

import pytest

from simulation_worker.content.model import without_userinfo


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ada:pa55word@models.example:8443/v1", "https://models.example:8443/v1"),
        ("https://key@models.example/v1", "https://models.example/v1"),
        ("http://[::1]:11434/v1", "http://[::1]:11434/v1"),
    ],
)
def test_a_password_in_the_address_is_not_shown(url: str, shown: str) -> None:
    assert without_userinfo(url) == shown

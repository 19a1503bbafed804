"""Lengths of time as a person reads them."""

import pytest

from simulation_core.durations import in_words


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0, "0 ms"),
        (850, "850 ms"),
        (1_000, "1 s"),
        (59_999, "59 s 999 ms"),
        (723_000, "12 min 3 s"),
        (723_999, "12 min 3 s"),
        (3_600_000, "1 h"),
        (3_601_000, "1 h"),
        (187_200_005, "2 d 4 h"),
    ],
)
def test_the_two_largest_units_are_said(milliseconds, words):
    assert in_words(milliseconds) == words

"""Which records get a deal: counted for a whole run, asked for one record, or for many at once, always the same ones."""

from __future__ import annotations

import numpy as np
import pytest

from simulation_core.plan.contacts import contacts_for, contacts_of
from simulation_core.plan.deals import deals_for, has_deal, total_deals


@pytest.mark.parametrize("seed", [0, 42, 2**53 - 1])
def test_one_record_and_many_are_drawn_alike(seed: int) -> None:
    records = np.arange(2_000, dtype=np.int64)
    assert deals_for(seed, records, 30).tolist() == [has_deal(seed, int(record), 30) for record in records]
    assert contacts_for(seed, records, 1, 7).tolist() == [contacts_of(seed, int(record), 1, 7) for record in records]


@pytest.mark.parametrize("percent", [0, 1, 30, 99, 100])
def test_the_total_counts_them(percent: int) -> None:
    total = total_deals(7, 3_000, percent)
    assert total == sum(has_deal(7, record, percent) for record in range(3_000))
    assert abs(total - 30 * percent) < 120


def test_deals_and_contacts_are_drawn_apart() -> None:
    """Else companies with many contacts would be those with a deal."""
    records = np.arange(10_000, dtype=np.int64)
    many = contacts_for(5, records, 1, 2) == 2
    assert 0.45 < deals_for(5, records, 50)[many].mean() < 0.55

"""From probabilities to whole milliseconds: the inverse of a density's cumulated mass, over the cells that are left of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulation_core.errors import SpecError
from simulation_core.plan.density import Density, Floats
from simulation_core.plan.shapes import inside

_LEAST = 1e-290  # below it floats lose digits: a bell curve 36 deviations away


class Quantiles:
    """Of a density, or of what of it lies in some intervals, normalised."""

    def __init__(self, density: Density, cells: NDArray[np.int64] | None = None, ends: NDArray[np.int64] | None = None) -> None:
        """`cells`: the ones kept (all). `ends`: for each kept cell the last millisecond that may be used (the window's end)."""
        self._density = density
        self._cells = np.arange(len(density.edges) - 1) if cells is None else cells
        mass = density.mass[self._cells]
        self._reached = np.cumsum(mass)
        self._before = self._reached - mass
        self._mass = mass
        self._left = density.edges[self._cells]
        self._width = density.edges[self._cells + 1] - self._left
        self._first = np.ceil(self._left).astype(np.int64)
        whole_end = np.full(len(self._cells), int(density.edges[-1]))
        self._last = whole_end if ends is None else ends

    @classmethod
    def within(cls, intervals: NDArray[np.int64], density: Density) -> Quantiles:
        """Of the part inside `intervals`, shape (n, 2), begin in and end out: 17:00 is no longer in 9 to 17.

        Raises SpecError where the density is zero in all of them.
        """
        cells = np.flatnonzero(inside(intervals, density.edges))
        if not density.mass[cells].sum() > _LEAST:
            raise SpecError(
                "spec.distribution.workingTime",
                "the method has its records where no working time is: add days or hours, or choose parameters that reach into it",
            )
        interval = np.searchsorted(intervals[:, 1], density.edges[cells], side="right")
        return cls(density, cells, intervals[interval, 1] - 1)

    def offsets(self, probability: Floats) -> NDArray[np.int64]:
        """The nearest whole millisecond for each probability (0 … 1), inside the cell's own interval."""
        wanted = probability * self._reached[-1]
        cell = np.minimum(np.searchsorted(self._reached, wanted, side="right"), self._last_with_mass)
        share = np.clip((wanted - self._before[cell]) / self._mass[cell], 0.0, 1.0)
        place = np.clip(self._density.within(self._cells[cell], share), 0.0, 1.0)
        nearest = np.rint(self._left[cell] + place * self._width[cell]).astype(np.int64)
        offsets: NDArray[np.int64] = np.clip(nearest, np.minimum(self._first[cell], self._last[cell]), self._last[cell])
        return offsets

    @property
    def _last_with_mass(self) -> int:
        return int(np.flatnonzero(self._mass)[-1])

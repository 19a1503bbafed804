"""Densities over a window, as cells whose mass and inverse are known in closed form (or, for sums of normals, to ten digits).

A density is cut into cells at every place where its form changes and where working time begins or ends. So a cell lies in working time
or outside it as a whole: restricting to working time drops cells, and what is left is normalised by its own mass. Nothing is ever clipped
into the window. The quantile of p is found in two steps: the cell by the cumulated masses, the place within it by the cell's own inverse
(inversion and composition: L. Devroye, Non-Uniform Random Variate Generation, 1986, chapter II).

Positions are milliseconds from the window's start, as float64 (exact to far below a millisecond for ten years). A density's unit is free.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simulation_core.plan import normal

Floats = NDArray[np.float64]
Cells = NDArray[np.int64]  # indices of cells


_SMALLEST = 1e-307  # a probability whose logarithm can still be taken


class Density(Protocol):
    """Cells in order, each [edges[k], edges[k + 1]]; the first edge is 0, the last the window's length."""

    @property
    def edges(self) -> Floats: ...

    @property
    def mass(self) -> Floats:
        """One a cell, not negative, in any common unit."""

    def within(self, cell: Cells, share: Floats) -> Floats:
        """Where in each cell, 0 … 1, the part of its mass that lies before reaches `share` (0 … 1)."""


@dataclass(frozen=True)
class Straight:
    """A density that is a straight line in each cell: constant, or a trapezoid."""

    edges: Floats
    at_left: Floats  # the density just inside each cell's left edge
    at_right: Floats

    @property
    def mass(self) -> Floats:
        masses: Floats = (self.at_left + self.at_right) / 2 * np.diff(self.edges)
        return masses

    def within(self, cell: Cells, share: Floats) -> Floats:
        """The root of a quadratic, in the form that subtracts nothing: x = s (l + r) / (l + √(l² + s (r² - l²)))."""
        left, right = self.at_left[cell], self.at_right[cell]
        divisor = left + np.sqrt(left * left + share * (right * right - left * left))
        place: Floats = np.divide(share * (left + right), divisor, out=np.zeros_like(share), where=divisor > 0)
        return place


@dataclass(frozen=True)
class Exponential:
    """e^(k u), u = position in the window, 0 … 1. `rate` k may be negative, and isn't 0."""

    edges: Floats
    rate: float

    @property
    def mass(self) -> Floats:
        """Relative to the density's largest value, so that no steepness overflows."""
        position = self.edges / self.edges[-1]
        left, width = position[:-1], np.diff(position)
        peak = max(0.0, self.rate)
        masses: Floats = np.exp(self.rate * left - peak) * np.expm1(self.rate * width) / self.rate
        return masses

    def within(self, cell: Cells, share: Floats) -> Floats:
        slope = self.rate * np.diff(self.edges)[cell] / self.edges[-1]
        with np.errstate(divide="ignore"):  # a share that is 1 to the last bit, of a density that falls: the cell's end
            place: Floats = np.log1p(share * np.expm1(slope)) / slope
        return place


@dataclass(frozen=True)
class Normal:
    """A normal density. No cell has the mean inside it, so each is measured from the side on which its tail is small."""

    edges: Floats
    mean: float
    deviation: float

    @cached_property
    def _z(self) -> Floats:
        """The edges of each cell in standard deviations, shape (2, cells): outer and inner, mirrored where the cell lies above the mean."""
        z = (self.edges - self.mean) / self.deviation
        left, right = z[:-1], z[1:]
        return np.where(self._mirrored, np.stack([-right, -left]), np.stack([left, right]))

    @cached_property
    def _mirrored(self) -> NDArray[np.bool_]:
        above: NDArray[np.bool_] = self.edges[:-1] + self.edges[1:] > 2 * self.mean
        return above

    @cached_property
    def _tails(self) -> Floats:
        """Φ of `_z`: small probabilities, so that far from the mean nothing is lost."""
        return normal.cdfs(self._z)

    @property
    def mass(self) -> Floats:
        outer, inner = self._tails
        masses: Floats = np.maximum(0.0, inner - outer)
        return masses

    def within(self, cell: Cells, share: Floats) -> Floats:
        """Φ⁻¹ between the tails at both edges.

        N. L. Johnson, S. Kotz, N. Balakrishnan, Continuous Univariate Distributions 1 (1994), section 13.10.1.
        """
        mirrored, (outer, inner), (outer_z, inner_z) = self._mirrored[cell], self._tails[:, cell], self._z[:, cell]
        inward = np.where(mirrored, 1.0 - share, share)  # counted from the outer edge
        z = normal.quantile(np.maximum(outer + inward * (inner - outer), _SMALLEST))
        from_outer = np.clip((z - outer_z) / (inner_z - outer_z), 0.0, 1.0)
        place: Floats = np.where(mirrored, 1.0 - from_outer, from_outer)
        return place


@dataclass(frozen=True)
class Smooth:
    """A density known by its mass in each cell and by value and slope at the edges: between them the cumulated mass is a quintic (Hermite).

    Between edges a distance h apart its error is at most h⁶/46080 times the largest fifth derivative of the density (P. J. Davis,
    Interpolation and Approximation, 1963, section 3.1). The cells must be so fine that the density changes little within one.
    """

    edges: Floats
    mass: Floats
    density: Floats  # at each edge, in mass a millisecond
    slope: Floats  # of the density at each edge

    _STEPS = 6  # Newton's, from the cell's own straight line: each squares the error, which begins below a tenth

    def within(self, cell: Cells, share: Floats) -> Floats:
        width, mass = np.diff(self.edges)[cell], self.mass[cell]
        a, b = self.density[cell] * width / mass, self.density[cell + 1] * width / mass  # first derivatives of the normalised quintic
        c, d = self.slope[cell] * width**2 / mass, self.slope[cell + 1] * width**2 / mass  # second ones
        x3 = 10 - 6 * a - 4 * b - 1.5 * c + 0.5 * d
        x4 = -15 + 8 * a + 7 * b + 1.5 * c - d
        x5 = 6 - 3 * a - 3 * b - 0.5 * c + 0.5 * d
        place = share.copy()
        for _ in range(self._STEPS):
            reached = place * (a + place * (c / 2 + place * (x3 + place * (x4 + place * x5))))
            rising = a + place * (c + place * (3 * x3 + place * (4 * x4 + place * 5 * x5)))
            place = np.clip(place - (reached - share) / np.maximum(rising, 1e-3), 0.0, 1.0)
        return place

"""The standard normal distribution, vectorised, to double precision: what the bell curve needs and numpy lacks."""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray

# Coefficients of algorithm AS 241, routine PPND16 (M. J. Wichura, Applied Statistics 37 (1988), 477-484), lowest power first.
# Each region of the argument has a rational function; its relative error is about 1e-16.
_CENTRE = (
    (
        3.3871328727963666080e0,
        1.3314166789178437745e2,
        1.9715909503065514427e3,
        1.3731693765509461125e4,
        4.5921953931549871457e4,
        6.7265770927008700853e4,
        3.3430575583588128105e4,
        2.5090809287301226727e3,
    ),
    (
        1.0,
        4.2313330701600911252e1,
        6.8718700749205790830e2,
        5.3941960214247511077e3,
        2.1213794301586595867e4,
        3.9307895800092710610e4,
        2.8729085735721942674e4,
        5.2264952788528545610e3,
    ),
)
_TAIL = (
    (
        1.42343711074968357734e0,
        4.63033784615654529590e0,
        5.76949722146069140550e0,
        3.64784832476320460504e0,
        1.27045825245236838258e0,
        2.41780725177450611770e-1,
        2.27238449892691845833e-2,
        7.74545014278341407640e-4,
    ),
    (
        1.0,
        2.05319162663775882187e0,
        1.67638483018380384940e0,
        6.89767334985100004550e-1,
        1.48103976427480074590e-1,
        1.51986665636164571966e-2,
        5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    ),
)
_FAR_TAIL = (
    (
        6.65790464350110377720e0,
        5.46378491116411436990e0,
        1.78482653991729133580e0,
        2.96560571828504891230e-1,
        2.65321895265761230930e-2,
        1.24266094738807843860e-3,
        2.71155556874348757815e-5,
        2.01033439929228813265e-7,
    ),
    (
        1.0,
        5.99832206555887937690e-1,
        1.36929880922735805310e-1,
        1.48753612908506148525e-2,
        7.86869131145613259100e-4,
        1.84631831751005468180e-5,
        1.42151175831644588870e-7,
        2.04426310338993978564e-15,
    ),
)

_Coefficients = tuple[tuple[float, ...], tuple[float, ...]]


def cdf(z: float) -> float:
    """Φ(z): the probability of a value below `z`, with full relative precision in the lower tail."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def cdfs(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Φ, elementwise, as precise as `cdf`: numpy has no error function, and the standard library's is exact to the last bits."""
    flat: NDArray[np.float64] = np.fromiter(map(cdf, z.ravel().tolist()), dtype=np.float64, count=z.size)
    return flat.reshape(z.shape)


def quantile(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Φ⁻¹, elementwise, for 0 < probability ≤ ½ with full precision however small; larger ones lose what 1 - p has lost."""
    centred = probability - 0.5
    radius = np.sqrt(-np.log(np.minimum(probability, 1.0 - probability)))
    near = centred * _ratio(_CENTRE, 0.180625 - centred * centred)
    far = np.where(radius <= 5.0, _ratio(_TAIL, radius - 1.6), _ratio(_FAR_TAIL, radius - 5.0))
    return np.where(np.abs(centred) <= 0.425, near, np.copysign(far, centred))


def _ratio(coefficients: _Coefficients, at: NDArray[np.float64]) -> NDArray[np.float64]:
    numerator, denominator = coefficients
    result: NDArray[np.float64] = polyval(at, numerator) / polyval(at, denominator)
    return result

"""Ridge-penalised logistic regression by Newton's method, with offsets and weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

Floats = NDArray[np.float64]

STEPS = 25
SMALLEST_GAIN = 1e-9  # of the penalised log-likelihood per employee; then Newton has arrived


@dataclass(frozen=True, kw_only=True)
class Ridge:
    """A fitted regression: log-odds = intercept + columns · slopes (+ offset)."""

    intercept: float
    slopes: Floats
    """Shape (columns,)."""

    def log_odds(self, columns: Floats) -> Floats:
        """Shape (n,), without the offset."""
        result: Floats = self.intercept + columns @ self.slopes
        return result


def fit_ridge(
    columns: Floats,
    left: Floats,
    *,
    penalty: float,
    offset: Floats | float = 0.0,
    weights: Floats | None = None,
    start: Ridge | None = None,
    steps: int = STEPS,
) -> Ridge:
    """Minimise Σ weight · log loss + penalty / 2 · Σ slope²; the intercept is free.

    `columns` (n, k) are centred, `left` (n,) holds 0 and 1. One thread and fixed steps: the same
    input gives the same bits.
    """
    n, k = columns.shape
    weight = np.ones(n) if weights is None else weights
    design = np.column_stack([np.ones(n), columns])
    ridge = np.full(k + 1, penalty)
    ridge[0] = 1e-9  # nothing but safety, where all weight is on one answer
    if start is None:
        share = float(np.clip(np.average(left, weights=weight), 1e-6, 1 - 1e-6))
        theta = np.zeros(k + 1)
        theta[0] = np.log(share / (1 - share)) - float(np.mean(offset))
    else:
        theta = np.concatenate([[start.intercept], start.slopes])

    def loss(theta: Floats) -> float:
        eta = design @ theta + offset
        return float(weight @ (np.logaddexp(0.0, eta) - left * eta) + 0.5 * (ridge * theta) @ theta)

    best = loss(theta)
    for _ in range(steps):
        p = expit(design @ theta + offset)
        gradient = design.T @ (weight * (p - left)) + ridge * theta
        root = np.sqrt(weight * np.maximum(p * (1 - p), 1e-10))[:, None] * design
        hessian = root.T @ root
        hessian[np.diag_indices(k + 1)] += ridge
        move = cho_solve(cho_factor(hessian, check_finite=False), gradient, check_finite=False)
        size = 1.0
        while (found := loss(theta - size * move)) > best and size > 1e-4:
            size /= 2
        if found > best:
            break
        theta = theta - size * move
        gained, best = best - found, found
        if gained < SMALLEST_GAIN * n:
            break
    return Ridge(intercept=float(theta[0]), slopes=theta[1:])

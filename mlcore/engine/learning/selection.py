"""Fewest inputs: what a person need not be asked, and what leaving it out costs.

Backward elimination on one ridge-penalised spline regression, repeated within each inner fold, so
that the log loss of every length of the form is measured on employees who had no say in it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from mlcore.engine.learning.logistic import Ridge, fit_ridge

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEWTON_STEPS = 2  # per input removed: the fit starts from the one before, and is nearly there


@dataclass(frozen=True, kw_only=True)
class Elimination:
    """Inputs in the order in which they are given up, and how each length does elsewhere."""

    order: list[int]
    """Places of the inputs: the first is missed least, the last most."""
    losses: Floats
    """Log loss of each employee held out, by number of inputs given up: shape (inputs + 1, m)."""
    log_odds: Floats
    """Of each employee held out, with every input; shape (m,)."""


def eliminate(
    columns: Floats,
    slices: Sequence[slice],
    left: Ints,
    *,
    penalty: float,
    held_out: tuple[Floats, Ints] | None = None,
    protected: Collection[int] = (),
) -> Elimination:
    """Give up one input after another, always the one whose loss is least.

    What an input is worth is read off the curvature (Wald), less what chance alone would give a
    shape with as many degrees of freedom (Akaike, 1974). `protected` inputs go last.
    """
    answers = left.astype(np.float64)
    there, theirs = held_out if held_out is not None else (columns[:0], left[:0])
    remaining = list(range(len(slices)))
    order: list[int] = []
    losses = []
    fitted = fit_ridge(columns, answers, penalty=penalty)
    full = fitted.log_odds(there)
    losses.append(_losses(full, theirs))
    while remaining:
        used = np.concatenate([np.arange(slices[j].start, slices[j].stop) for j in remaining])
        worth = _Worth(columns[:, used], fitted.slopes[used], fitted.log_odds(columns), penalty)
        own = np.repeat(np.arange(len(remaining)), [_width(slices[j]) for j in remaining])
        least = sorted(
            (remaining[i] in protected, worth(own == i), remaining[i])
            for i in range(len(remaining))
        )
        leaving = [place for _, _, place in least[: _batch(len(remaining))]]
        order += leaving
        remaining = [place for place in remaining if place not in leaving]
        slopes = fitted.slopes.copy()
        for place in leaving:
            slopes[slices[place]] = 0.0
        if remaining:
            used = np.concatenate([np.arange(slices[j].start, slices[j].stop) for j in remaining])
            start = Ridge(intercept=fitted.intercept, slopes=slopes[used])
            again = fit_ridge(
                columns[:, used], answers, penalty=penalty, start=start, steps=NEWTON_STEPS
            )
            slopes[used] = again.slopes
            fitted = Ridge(intercept=again.intercept, slopes=slopes)
            found = _losses(fitted.log_odds(there), theirs)
        else:
            share = float(answers.mean())
            found = _losses(np.full(len(theirs), np.log(share / (1 - share))), theirs)
        # What was not measured on the way is taken to be as bad as what comes next.
        losses += [found] * len(leaving)
    return Elimination(order=order, losses=np.array(losses), log_odds=full)


def _batch(remaining: int) -> int:
    """How many inputs to give up at once: of hundreds, most are noise, and each step costs."""
    return remaining // 10 if remaining > 40 else 1


def _width(block: slice) -> int:
    return int(block.stop - block.start)


def _losses(log_odds: Floats, left: Ints) -> Floats:
    result: Floats = np.logaddexp(0.0, log_odds) - left * log_odds
    return result


class _Worth:
    """What each block of columns is worth: the loss of dropping it, less its degrees of freedom."""

    def __init__(self, columns: Floats, slopes: Floats, log_odds: Floats, penalty: float) -> None:
        p = expit(log_odds)
        root = np.sqrt(np.maximum(p * (1 - p), 1e-10))[:, None] * columns
        hessian = root.T @ root
        hessian[np.diag_indices(len(slopes))] += penalty
        self.covariance = np.linalg.inv(hessian)
        self.slopes, self.penalty = slopes, penalty

    def __call__(self, block: NDArray[np.bool_]) -> float:
        covariance = self.covariance[np.ix_(block, block)]
        slopes = self.slopes[block]
        loss = 0.5 * float(slopes @ np.linalg.solve(covariance, slopes))
        return loss - float(len(slopes) - self.penalty * np.trace(covariance))


def fewest(losses: Floats, *, paired: bool) -> int:
    """How many inputs can be given up within one standard error of the best log loss.

    `losses` has shape (inputs + 1, n), by number of inputs given up; at least one input stays.
    `paired` takes the standard error of the difference to the best, employee by employee, instead
    of that of the best itself.
    """
    means = losses.mean(axis=1)
    best = int(np.argmin(means[:-1]))
    root = np.sqrt(losses.shape[1])
    for given_up in range(len(losses) - 2, -1, -1):
        spread = losses[given_up] - losses[best] if paired else losses[best]
        if means[given_up] <= means[best] + spread.std() / root:
            return given_up
    return best

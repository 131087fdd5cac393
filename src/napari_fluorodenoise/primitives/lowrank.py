"""Rank-k models of a growing matrix, D ≈ U diag(S) Vᵀ, updated one column at a time without looking at D again.

U (n, r) float32 and V (c, r) float64 have orthonormal columns, S (r,) float64 falls; a column of D is a frame of n
pixels. A factorisation is a value: every function returns a new one. Without truncation (`rank=None`), and with
dense(m) = U diag(S) Vᵀ,

    dense(inc_svd(m, d))           == [dense(m), d]
    dense(rep_svd(m, d, index=k))  == dense(m) with column k replaced by d
    dense(dwn_svd(m, index=k))     == dense(m) without column k
    dense(orthonormal(m))          == dense(m), for any U

and truncation keeps the largest singular values of the right-hand side (M. Brand, Linear Algebra Appl. 415, 2006,
doi 10.1016/j.laa.2005.07.021; as used by P. Rodriguez & B. Wohlberg, JMIV 55, 2016, doi 10.1007/s10851-015-0610-z).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "LowRank",
    "Span",
    "coefficients",
    "dwn_svd",
    "inc_svd",
    "orthonormal",
    "partial_svd",
    "rep_svd",
]

NEGLIGIBLE = 1e-6
"""A component smaller than this part of the whole is float32 round-off: it has no direction to keep."""


@dataclass(frozen=True, eq=False)
class LowRank:
    """U (n, r) float32, S (r,) float64 and V (c, r) float64 of a matrix with n rows and c columns."""

    U: NDArray[np.floating]
    S: NDArray[np.float64]
    V: NDArray[np.float64]


class Span:
    """Coordinates in the span of vectors x of which only the inner products `gram` (m, m) are known.

    `root` (m, m) takes the coefficients c of a vector, sum c_i x_i, to coordinates in an orthonormal basis, `inverse`
    takes them back: factorisations of vectors of n pixels become those of vectors of m numbers, with the same S and V.
    Directions shorter than NEGLIGIBLE are left out.
    """

    def __init__(self, gram: NDArray[np.float64]) -> None:
        length = np.sqrt(np.maximum(np.diag(gram), 0))
        length[length == 0] = 1.0
        values, vectors = np.linalg.eigh(gram / np.outer(length, length))
        good = values > NEGLIGIBLE * values[-1]
        size = np.sqrt(np.where(good, values, 0))
        self.root = (vectors * size).T * length
        self.inverse = vectors * np.where(good, 1 / np.where(good, size, 1), 0) / length[:, None]


def partial_svd(columns: NDArray[np.float32], *, rank: int | None = None) -> LowRank:
    """The model of `columns` (n, c), n >= c: their thin SVD, truncated to `rank`, by way of their inner products."""
    span = Span((columns.T @ columns).astype(np.float64))
    U, S, Vt = np.linalg.svd(span.root)
    kept = int(np.count_nonzero(S[:rank] > 0)) or 1
    return LowRank(_product(columns, span.inverse @ U[:, :kept]), S[:kept], Vt.T[:, :kept])


def inc_svd(model: LowRank, column: NDArray[np.float32], *, rank: int | None = None) -> LowRank:
    """The model with `column` (n,) appended."""
    inside, outside, length = _split(model.U, column)
    K = np.block([[np.diag(model.S), inside[:, None]], [np.zeros((1, len(inside))), length]])
    V = np.block([[model.V, np.zeros((len(model.V), 1))], [np.zeros((1, len(inside))), 1]])
    return _rotated(model.U, outside, K, V, rank)


def rep_svd(model: LowRank, column: NDArray[np.float32], *, index: int = -1, rank: int | None = None) -> LowRank:
    """The model with column `index` replaced by `column` (n,).

    The paper replaces the newest column; the authors' MATLAB code (v3) passes the rank as the index by mistake.
    """
    row, other, rest = _row(model.V, index)
    inside, outside, length = _split(model.U, column)
    inside = inside - model.S * row
    K = np.block(
        [
            [np.diag(model.S) + np.outer(inside, row), rest * inside[:, None]],
            [length * row[None, :], np.array([[length * rest]])],
        ]
    )
    return _rotated(model.U, outside, K, np.column_stack([model.V, other]), rank)


def dwn_svd(model: LowRank, *, index: int = 0, rank: int | None = None) -> LowRank:
    """The model without column `index`."""
    row, other, rest = _row(model.V, index)
    K = np.block(
        [[np.diag(model.S) - np.outer(model.S * row, row), -rest * (model.S * row)[:, None]], [np.zeros(len(row) + 1)]]
    )
    G, S, Ht = np.linalg.svd(K)
    V = np.delete(np.column_stack([model.V, other]) @ Ht.T, index, axis=0)
    return _truncated(_product(model.U, G[:-1, :-1]), S[:-1], V[:, :-1], rank)


def orthonormal(model: LowRank) -> LowRank:
    """The same matrix with orthonormal U, S and V, whatever was done to U: needed after every fill of U."""
    gram = model.U.T @ model.U
    if len(model.S) == 1:
        norm = float(np.sqrt(gram[0, 0]))
        return LowRank(model.U / np.float32(norm or 1.0), model.S * norm, model.V)
    Q, R = np.linalg.qr(model.U)
    G, S, Ht = np.linalg.svd(R.astype(np.float64) * model.S)
    return LowRank(_product(Q, G), S, model.V @ Ht.T)


def coefficients(basis: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.float64]:
    """The r coefficients with which `basis` (n, r) comes closest to `values` (n,), by least squares."""
    gram = (basis.T @ basis).astype(np.float64)
    ridge = 1e-9 * np.trace(gram) + np.finfo(np.float32).tiny
    return np.linalg.solve(gram + ridge * np.eye(len(gram)), (basis.T @ values).astype(np.float64))


def _split(basis: NDArray[np.float32], column: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[Any], float]:
    """The coefficients of `column` in the basis, the direction of what is left of it, and how long that is."""
    inside = (basis.T @ column).astype(np.float64)
    left = column - _combine(basis, inside)
    length = float(np.sqrt(left @ left))
    if length <= NEGLIGIBLE * float(np.sqrt(inside @ inside + length**2)):
        return inside, np.zeros_like(left), 0.0
    return inside, left / np.float32(length), length


def _row(right: NDArray[np.float64], index: int) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Row `index` of V (`right`), the direction of its unit vector outside V's span, and how long that part is."""
    row = right[index].copy()
    unit = np.zeros(len(right))
    unit[index] = 1.0
    rest = float(np.sqrt(max(1.0 - row @ row, 0.0)))
    other = (unit - right @ row) / rest if rest > NEGLIGIBLE else np.zeros(len(right))
    return row, other, rest if rest > NEGLIGIBLE else 0.0


def _rotated(
    basis: NDArray[np.float32],
    outside: NDArray[np.float32],
    core: NDArray[np.float64],
    right: NDArray[np.float64],
    rank: int | None,
) -> LowRank:
    """[basis outside] core rightᵀ as a model."""
    G, S, Ht = np.linalg.svd(core)
    keep = slice(rank)
    turned = _product(basis, G[:-1, keep])
    turned += np.multiply.outer(G[-1, keep].astype(np.float32), outside).T
    return LowRank(turned, S[keep], right @ Ht.T[:, keep])


def _truncated(
    left: NDArray[Any], values: NDArray[np.float64], right: NDArray[np.float64], rank: int | None
) -> LowRank:
    return LowRank(np.asfortranarray(left[:, :rank]), values[:rank], right[:, :rank])


def _combine(basis: NDArray[np.float32], weights: NDArray[np.float64]) -> NDArray[np.float32]:
    """Basis @ weights, in float32."""
    return basis @ weights.astype(np.float32)


def _product(basis: NDArray[np.float32], turn: NDArray[np.float64]) -> NDArray[np.float32]:
    """Basis @ turn, in float32; column after column in memory, or BLAS takes ten times as long on so tall a matrix."""
    return (turn.T.astype(np.float32) @ basis.T).T

"""Every update of a low-rank model equals the exact factorisation of the matrix written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluorodenoise.primitives.lowrank import (
    coefficients,
    dwn_svd,
    inc_svd,
    orthonormal,
    partial_svd,
    rep_svd,
)

shapes = given(seed=st.integers(0, 2**32 - 1), columns=st.integers(2, 6), rank=st.integers(1, 6))


def dense(model):
    return (model.U * model.S) @ model.V.T


def model_and_frame(seed, columns, rank):
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((60, columns)).astype(np.float32)
    return partial_svd(matrix, rank=min(rank, columns)), rng.standard_normal(60).astype(np.float32)


def is_svd_of(model, matrix, rank=None):
    exact = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
    truncated = (exact[0][:, :rank] * exact[1][:rank]) @ exact[2][:rank]
    np.testing.assert_allclose(dense(model), truncated, atol=1e-4)
    np.testing.assert_allclose(model.U.T @ model.U, np.eye(model.U.shape[1]), atol=1e-4)


@shapes
def test_appending_a_column(seed, columns, rank):
    model, frame = model_and_frame(seed, columns, rank)
    matrix = np.column_stack([dense(model), frame])
    np.testing.assert_allclose(dense(inc_svd(model, frame)), matrix, atol=1e-4)
    is_svd_of(inc_svd(model, frame, rank=1), matrix, rank=1)


@shapes
def test_replacing_a_column(seed, columns, rank):
    model, frame = model_and_frame(seed, columns, rank)
    for index in (0, -1):
        matrix = dense(model)
        matrix[:, index] = frame
        np.testing.assert_allclose(dense(rep_svd(model, frame, index=index)), matrix, atol=1e-4)
    is_svd_of(rep_svd(model, frame, rank=1), matrix, rank=1)


@shapes
def test_forgetting_a_column(seed, columns, rank):
    model, _ = model_and_frame(seed, columns, rank)
    matrix = np.delete(dense(model), 0, axis=1)
    np.testing.assert_allclose(dense(dwn_svd(model, index=0)), matrix, atol=1e-4)


def test_a_column_in_the_span_brings_no_new_direction():
    model, _ = model_and_frame(0, 3, 3)
    longer = inc_svd(model, dense(model)[:, 1])
    assert longer.S[3] == pytest.approx(0, abs=1e-4)
    assert np.isfinite(dense(longer)).all()


def test_a_blank_model_has_no_coefficients_and_stays_finite():
    blank = np.zeros((10, 2), np.float32)
    np.testing.assert_array_equal(coefficients(blank, np.ones(10, np.float32)), 0)
    model = orthonormal(partial_svd(np.zeros((10, 3), np.float32), rank=1))
    assert np.isfinite(dense(inc_svd(model, np.zeros(10, np.float32)))).all()

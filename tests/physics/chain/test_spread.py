import numpy as np
import pytest

from napari_fluorodenoise.physics.chain import Glare, Scatter


@pytest.fixture
def picture():
    smooth = np.random.default_rng(0).uniform(5, 100, (6, 7))
    return np.kron(smooth, np.ones((13, 11))).astype(np.float32)  # sizes that divide by little


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("width", [0.5, 6.0, 20.0, 500.0])
def test_scatter_is_the_asked_share_of_all_quanta(picture, fraction, width):
    total = Scatter(fraction=fraction, width=width).added(picture, pixel_size=0.3)
    scattered = (total - picture).astype(float)
    assert scattered.sum() / total.sum(dtype=float) == pytest.approx(fraction, rel=1e-4)
    assert (scattered >= 0).all()


@pytest.mark.parametrize("width", [0.2, 1.0, 6.0])
def test_scatter_is_a_gaussian_of_the_asked_width(width):
    point = np.zeros((201, 201), np.float32)
    point[100, 100] = 1e6
    spread = Scatter(fraction=0.5, width=width).added(point, pixel_size=0.2) - point
    axis = np.arange(201) - 100.0
    for along in (0, 1):
        profile = spread.sum(axis=along, dtype=float) / spread.sum(dtype=float)
        assert np.sqrt((profile * axis**2).sum()) == pytest.approx(width / 0.2, rel=0.05)


def test_glare_keeps_the_sum_and_fills_the_shadow(picture):
    picture[30:50, 30:50] = 0
    seen = Glare(fraction=0.1, width=5).added(picture, pixel_size=0.3)
    assert seen.sum(dtype=float) == pytest.approx(picture.sum(dtype=float), rel=1e-4)
    assert 0.02 < seen[40, 40] / picture.mean() < 0.1


def test_an_even_picture_stays_even():
    even = np.full((37, 50), 8, np.float32)
    np.testing.assert_allclose(Glare().added(even, pixel_size=0.3), even, rtol=1e-5)
    np.testing.assert_allclose(Scatter(fraction=0.5).added(even, pixel_size=0.3), 2 * even, rtol=1e-5)

import numpy as np
import pytest

from napari_fluorodenoise.physics.chain import Electronics

EVEN = np.full((300, 300), 50, np.float32)


def read(electronics, charge=EVEN):
    return electronics.read(charge, rng=np.random.default_rng(0)).astype(float)


def test_counts_have_the_stated_mean_and_variance():
    electronics = Electronics(gain=3, read_noise=1.5, offset=20)
    counts = read(electronics)
    assert counts.mean() == pytest.approx(electronics.amplified(EVEN).mean(), abs=0.1)
    assert electronics.amplified(EVEN)[0, 0] == 170
    assert counts.var() == pytest.approx(electronics.read_variance, rel=0.02)


def test_rounding_alone_has_the_variance_of_a_step():
    ramp = np.linspace(10, 90, 90_000, dtype=np.float32).reshape(300, 300)
    electronics = Electronics(gain=1, read_noise=0)
    assert (read(electronics, ramp) - ramp).var() == pytest.approx(electronics.read_variance, rel=0.01)


def test_row_noise_is_shared_by_a_row():
    counts = read(Electronics(read_noise=0, row_noise=1))
    assert not np.ptp(counts, axis=1).any()
    assert counts[:, 0].std() == pytest.approx(16, rel=0.15)


def test_the_pattern_has_the_stated_spread_about_one():
    pattern = Electronics(fixed_pattern=2).pattern((300, 300), rng=np.random.default_rng(0))
    assert pattern.std() == pytest.approx(0.02, rel=0.02)
    assert pattern.mean() == pytest.approx(1, abs=2e-4)


@pytest.mark.parametrize("bits, dtype", [(8, np.uint8), (12, np.uint16), (16, np.uint16)])
def test_the_adc_ends_at_its_bits(bits, dtype):
    electronics = Electronics(bits=bits, read_noise=0)
    counts = electronics.read(np.array([[-5, 1e6]], np.float32), rng=np.random.default_rng(0))
    assert counts.dtype == electronics.dtype == dtype
    assert counts.tolist() == [[0, 2**bits - 1]]

"""What a network sees goes back to intensities, with the noise it says it has."""

import dask.array as da
import numpy as np
import pytest

from napari_fluorodenoise.denoisers.domain import Logarithm, Root, Seen, Signed
from napari_fluorodenoise.physics.detector import Detector

ONE = np.ones((1, 1))
DETECTOR = Detector(
    slope=2.0, read_variance=9.0, floor=1.0, level=100.0, autocorrelation=ONE, response=ONE, field=ONE > 0
)


@pytest.mark.parametrize("domain", [Root(DETECTOR), Root(DETECTOR, 0.25), Logarithm(DETECTOR), Signed(DETECTOR)])
@pytest.mark.parametrize("intensity", [50.0, 400.0])
def test_noise_has_the_variance_that_is_said_and_clean_values_come_back(domain, intensity):
    rng = np.random.default_rng(0)
    share = getattr(domain, "share", 1.0)
    below = np.full((200, 200), intensity)
    clean = np.full((200, 200), 5.0 if isinstance(domain, Signed) else intensity)
    noise = np.sqrt(share * DETECTOR.variance(intensity)) * rng.standard_normal(clean.shape)
    values = domain.there(clean + noise, below)
    assert values.var() == pytest.approx(domain.noise(values).mean(), rel=0.25 if intensity < 100 else 0.05)
    assert domain.even(values).var() / share == pytest.approx(1, rel=0.1) or share != 1
    back = domain.back(domain.there(clean, below), below)
    np.testing.assert_allclose(back, clean, atol=DETECTOR.slope / 4 + 1e-3)
    slope = (domain.back(values[:1, :1] + 0.01, below[:1, :1]) - domain.back(values[:1, :1], below[:1, :1])) / 0.01
    steep = domain.steepness(domain.back(values[:1, :1], below[:1, :1]), below[:1, :1])
    assert float(slope[0, 0]) == pytest.approx(float(steep[0, 0]), rel=0.05)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_part_is_the_part_of_the_whole_and_only_what_may_be_seen_is(lazy):
    frames = np.random.default_rng(1).poisson(100, (6, 20, 24)).astype(np.float32)
    data = da.from_array(frames, chunks=(2, -1, -1)) if lazy else frames
    domain = Root(DETECTOR)
    whole = Seen(domain, data)
    np.testing.assert_allclose(whole[3, 2:9, 4:6], domain.there(frames)[3, 2:9, 4:6], rtol=1e-6)
    some = Seen(domain, data, times=(0, 2, 5))
    assert some.shape == (3, 20, 24)
    np.testing.assert_allclose(some[2], whole[5])
    np.testing.assert_allclose(some[1:3, :4], np.stack([whole[2, :4], whole[5, :4]]))


def test_a_foreground_is_divided_by_the_noise_of_the_background_in_the_same_place():
    rng = np.random.default_rng(2)
    below, values = rng.uniform(10, 500, (2, 3, 8, 8))
    seen = Seen(Signed(DETECTOR), values, below)
    np.testing.assert_allclose(seen[1, 2:5], values[1, 2:5] / np.sqrt(DETECTOR.variance(below[1, 2:5])), rtol=1e-6)

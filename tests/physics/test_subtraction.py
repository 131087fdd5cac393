import dask.array as da
import numpy as np
import pytest

from napari_fluorodenoise.physics.subtraction import subtract
from napari_fluorodenoise.video import Video


def test_contrast_agent_shows_as_minus_its_line_integral():
    scene = np.random.default_rng(0).uniform(500, 4000, (24, 24))
    agent = np.linspace(0, 0.5, 4)[:, None, None]
    found = subtract(Video(data=scene * np.exp(-agent), frame_interval=0.1), mask=0)
    assert found.dtype == np.float32
    assert found.frame_interval == 0.1
    np.testing.assert_allclose(found.data, np.broadcast_to(-agent, (4, 24, 24)), atol=1e-5)


def test_logarithms_are_subtracted_as_they_are():
    data = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_allclose(subtract(Video(data=data, intensity="log"), mask=1).data[0], -12)


def test_black_pixels_stay_finite():
    data = np.array([0, 65535], np.uint16)[:, None, None] * np.ones((2, 4, 4), np.uint16)
    assert np.isfinite(subtract(Video(data=data), mask=0).data).all()


def test_lazy_in_lazy_out():
    data = np.random.default_rng(0).integers(1, 255, (6, 8, 8), dtype=np.uint8)
    lazy = subtract(Video(data=da.from_array(data, chunks=(2, 8, 8))), mask=2)
    assert lazy.is_lazy
    assert lazy.dtype == np.float32
    np.testing.assert_array_equal(lazy.numpy(), subtract(Video(data=data), mask=2).data)


def test_a_mask_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="from 0 to 1, found 2"):
        subtract(Video(data=np.ones((2, 4, 4))), mask=2)


def test_what_described_the_stored_values_is_dropped():
    facts = {"window": (200, 3000), "bits_stored": 12, "kvp": 70}
    found = subtract(Video(data=np.full((2, 4, 4), 9, np.uint16), metadata=facts), mask=0)
    assert dict(found.metadata) == {"kvp": 70}
    assert found.intensity == "log"

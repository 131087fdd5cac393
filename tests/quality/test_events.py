"""What becomes of a wire of one frame, against filters whose answer is known."""

import numpy as np
import pytest

from napari_fluorodenoise.physics.chain import Electronics, GainDrift, ImagingChain, Lag
from napari_fluorodenoise.quality import event_response, temporal_mean


def response(denoise, **settings):
    return event_response(denoise, **{"contrast": 0.3, "photons": 60.0, "rng": np.random.default_rng(7), **settings})


def recursive(a):
    def denoise(video):
        frames = video.numpy().astype(np.float32)
        for t in range(1, len(frames)):
            frames[t] = (1 - a) * frames[t] + a * frames[t - 1]
        return video.with_data(frames)

    return denoise


def agrees(found, expected):
    assert (np.abs(found.values - expected) <= 4 * found.errors + 1e-6).all(), (found.values, found.errors)
    assert found.errors.max() < 0.05


def test_the_identity_keeps_an_event_where_it_is():
    found = response(lambda video: video)
    np.testing.assert_array_equal(found.around, [-2, -1, 0, 1, 2])
    agrees(found, [0, 0, 1, 0, 0])
    assert found.errors[2] > 0


@pytest.mark.parametrize("a", [0.2, 0.6])
def test_a_recursive_filter_leaves_a_trail(a):
    agrees(response(recursive(a)), [0, 0, 1 - a, (1 - a) * a, (1 - a) * a**2])


def test_a_mean_shows_the_future():
    agrees(response(temporal_mean), [0.2] * 5)


def test_what_would_leave_a_trail_by_itself_is_refused():
    for part in ({"lag": Lag()}, {"drift": GainDrift(percent=0.5)}):
        with pytest.raises(ValueError, match="without lag, drift, brightness control and display"):
            response(recursive(0.2), chain=ImagingChain(**part))
    with pytest.raises(ValueError, match="electronics without a fixed pattern"):
        response(recursive(0.2), chain=ImagingChain(electronics=Electronics(fixed_pattern=1.0)))
    with pytest.raises(ValueError, match="at least five frames around the event, found 3"):
        response(recursive(0.2), frames=3)

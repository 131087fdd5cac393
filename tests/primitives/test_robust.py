import numpy as np

from napari_fluorodenoise.primitives.robust import known_median


def test_equals_the_median_of_what_is_known():
    rng = np.random.default_rng(0)
    for count in (1, 2, 5, 6):
        frames = rng.standard_normal((count, 200)).astype(np.float32)
        known = rng.random(frames.shape) < 0.6
        expected = [
            np.median(column[seen]) if seen.any() else 0 for column, seen in zip(frames.T, known.T, strict=True)
        ]
        np.testing.assert_allclose(known_median(frames, known), expected, rtol=1e-6)
        np.testing.assert_allclose(known_median(frames, known | True), np.median(frames, axis=0), rtol=1e-6)

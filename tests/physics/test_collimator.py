from functools import cache

import numpy as np
import pytest

from napari_fluorodenoise.physics.collimator import field
from napari_fluorodenoise.physics.phantom import phantom


@cache
def anatomy(shape=(256, 256), seed=0):
    return phantom(frames=1, shape=shape, rng=seed, photons=200).noisy.data[0].astype(float)


def overlap(found, truth):
    return (found & truth).sum() / (found | truth).sum()


def masks(shape=(256, 256)):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    turned = columns + 0.04 * rows
    return {
        "circle": np.hypot(rows - 128, columns - 128) < 124,
        "left shutter": turned > 50,
        "two shutters": (rows > 30) & (turned < 230),
        "all four": (rows > 20) & (rows < 230) & (columns > 30) & (columns < 240),
    }


@pytest.mark.parametrize("name", masks())
@pytest.mark.parametrize("dark", [0.0, 0.03])
def test_borders_are_found(name, dark):
    truth = masks()[name]
    image = np.where(truth, anatomy(), dark * anatomy().mean())
    found = field(image)
    assert overlap(found, truth) > 0.93
    assert (found & ~truth).sum() < 0.02 * found.size
    assert overlap(field(image.max() - image, inverted=True), truth) > 0.93


def test_a_shutter_on_a_lifted_scale_is_found():
    truth = masks()["left shutter"]
    soft = 0.45 * anatomy().mean() + 0.4 * anatomy()
    found = field(np.where(truth, soft, 0.45 * anatomy().mean()))
    assert overlap(found, truth) > 0.9


@pytest.mark.parametrize("seed", range(4))
def test_anatomy_is_never_cut(seed):
    image = anatomy(seed=seed)
    for turns in range(4):
        assert field(np.rot90(image, turns)).all()


@pytest.mark.parametrize("shape", [(8, 8), (40, 300), (64, 64)])
def test_constant_and_small_images_are_all_field(shape):
    assert field(np.full(shape, 5.0)).all()
    assert field(np.zeros(shape)).shape == shape

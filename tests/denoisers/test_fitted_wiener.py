"""The fitted filter: as many frames as it says, the same in every block, and a bias read from few frames."""

from dataclasses import replace

import numpy as np
import pytest

from napari_fluorodenoise.denoisers import fitted_wiener
from napari_fluorodenoise.engine.blocks import Block
from napari_fluorodenoise.engine.progress import silent
from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.primitives.unbiased import Correction
from napari_fluorodenoise.video import Run, Video

SCENE = 100 + np.add.outer(np.arange(80.0), np.arange(96.0)) / 2
FRAMES = (SCENE + 8 * np.random.default_rng(0).standard_normal((7, 80, 96))).astype(np.float32)


def fitted(frames=FRAMES, radius=1):
    settings = {"radius": radius, "strength": 1.0, "step": 8}
    detector = measured(Run.of(Video(data=FRAMES))).detector
    run = Run({"frames": Video(data=frames)}, detector=detector)
    return fitted_wiener.fit(run, "frames", progress=silent, rng=np.random.default_rng(0), **settings)


def part(core, outer):
    whole = (slice(0, 80), slice(0, 96))
    return Block((slice(*core), *whole), (slice(*outer), *whole))


def test_a_frame_needs_its_radius_and_no_more():
    denoiser = fitted()
    assert denoiser.radius == 1
    whole, error = denoiser({"frames": FRAMES}, part((0, 7), (0, 7)))
    piece, _ = denoiser({"frames": FRAMES[2:5]}, part((3, 4), (2, 5)))
    np.testing.assert_allclose(piece[0], whole[3], rtol=1e-5)
    assert np.sqrt(np.mean((whole - SCENE) ** 2)) < 0.35 * 8
    assert error.shape == whole.shape


def test_what_is_due_is_given():
    denoiser = fitted()
    more = replace(denoiser, due=Correction(np.zeros(1), np.full(1, 3.0)))
    none = replace(denoiser, due=Correction(np.zeros(1), np.zeros(1)))
    first, second = (one({"frames": FRAMES}, part((3, 4), (0, 7)))[0] for one in (more, none))
    np.testing.assert_allclose(first - second, 3, rtol=1e-4)


@pytest.mark.parametrize("count", [2, 30, 200])
def test_few_frames_are_looked_at(count):
    looked = []

    class Frames:
        shape, dtype = (count, 80, 96), FRAMES.dtype

        def __getitem__(self, at):
            looked.append(at)
            return FRAMES[[index % 7 for index in range(at.start, at.stop)]]

    class Seen:
        shape, data = Frames.shape, Frames()

    fitted_wiener._due(fitted(), Seen(), silent)
    assert len(looked) == max(1, min(5, count // 24))
    assert all(0 <= at.start < at.stop <= count for at in looked)


def test_frames_that_are_not_finite_tell_nothing():
    broken = FRAMES.copy()
    broken[3, 4, 4] = np.nan
    assert np.isfinite(fitted(broken).due.due).all()

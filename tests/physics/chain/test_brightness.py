import numpy as np
import pytest

from napari_fluorodenoise.physics.chain import BrightnessControl


@pytest.mark.parametrize("start", [100.0, 3000.0])
def test_the_distance_from_the_target_falls_by_one_minus_kappa(start):
    control, dose = BrightnessControl(target=900, kappa=0.3), 1.0
    for _ in range(6):
        before = np.log(dose * start / 900)
        dose = control.after(dose, np.full((20, 20), 10 + dose * start), offset=10)
        assert np.log(dose * start / 900) == pytest.approx(0.7 * before)


def test_only_the_central_region_is_looked_at():
    counts = np.full((40, 41), 5e4)
    counts[10:30, 10:31] = 100
    assert BrightnessControl(target=100, region=0.5).after(1.0, counts, offset=0) == pytest.approx(1)


def test_darkness_drives_the_dose_to_its_limit_only():
    control, dose = BrightnessControl(limit=5), 1.0
    for _ in range(50):
        dose = control.after(dose, np.zeros((8, 8)), offset=0)
    assert dose == 5

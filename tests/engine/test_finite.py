"""What is no number is refused, and its frame named."""

import numpy as np
import pytest

from napari_fluorodenoise.engine.finite import refuse_infinite


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_frame_that_is_not_finite_is_named(value):
    values = np.zeros((4, 3, 3), np.float32)
    refuse_infinite(values, name="frames", first=0)
    refuse_infinite(values.astype(np.uint8), name="frames", first=0)
    values[2, 1, 1] = value
    with pytest.raises(ValueError, match="in frames, found NaN or infinity in frame 12; replace them first"):
        refuse_infinite(values, name="frames", first=10)

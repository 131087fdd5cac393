import gc

import numpy as np

from napari_fluorodenoise.engine.scratch import Scratch


def test_keeps_arrays_and_takes_its_folder_away_with_it():
    scratch = Scratch()
    scratch[3] = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(scratch[3], np.arange(6).reshape(2, 3))
    folder = scratch._folder
    assert folder.exists()
    del scratch
    gc.collect()
    assert not folder.exists()

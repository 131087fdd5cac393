from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from npe2 import PluginManifest
from npe2.manifest.utils import import_python_name

from napari_fluorodenoise.io import write
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.widgets.manifest import get_reader
from napari_fluorodenoise.widgets.show import open_in

NAME = "napari-fluorodenoise"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def plugin(npe2pm):
    """The plugin, registered in npe2's manager for tests, which discovers nothing by itself."""
    npe2pm.register(PluginManifest.from_distribution(NAME))
    return NAME


def test_the_installed_manifest_is_the_one_at_the_top_of_the_repository():
    assert PluginManifest.from_distribution(NAME) == PluginManifest.from_file(ROOT / "napari.yaml")


def test_every_command_is_there_and_used_once():
    manifest = PluginManifest.from_distribution(NAME)
    given = manifest.contributions
    used = [entry.command for kind in (given.readers, given.sample_data, given.widgets) for entry in kind]
    assert sorted(used) == sorted(command.id for command in given.commands)
    assert all(callable(import_python_name(command.python_name)) for command in given.commands)
    in_menus = {entry.command for entries in given.menus.values() for entry in entries}
    assert in_menus == {widget.command for widget in given.widgets}


@pytest.mark.parametrize("suffix", [".dcm", ".tif", ".zarr", ".npy"])
def test_files_open_whole_lazy_and_measured(tmp_path, plugin, video, suffix):
    path = tmp_path / f"clip{suffix}"
    write(path, video)
    viewer = ViewerModel()
    for (layer,) in (open_in(viewer, path), viewer.open(path, plugin=plugin)):
        assert layer.name.startswith("clip")
        assert isinstance(layer.data, da.Array)
        np.testing.assert_array_equal(layer.data, video.data)
        np.testing.assert_allclose(layer.scale, (0.1, 0.3, 0.2))
        assert tuple(str(unit) for unit in layer.units) == ("second", "millimeter", "millimeter")
        assert layer.axis_labels == ("t", "y", "x")
        assert 50 < layer.contrast_limits[0] < 100 < layer.contrast_limits[1] < 150


def test_a_folder_that_is_no_zarr_is_left_to_others(tmp_path):
    assert get_reader(str(tmp_path)) is None
    assert get_reader(["a.dcm", "b.dcm"]) is None


def test_a_file_that_is_no_sequence_is_refused_in_one_line(tmp_path):
    path = tmp_path / "clip.dcm"
    path.write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r"clip\.dcm") as refused:
        open_in(ViewerModel(), path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("sample", ["still_phantom", "panning_phantom", "low_dose_phantom"])
def test_samples_are_simulated(monkeypatch, plugin, sample):
    def short(**asked):
        return phantom(**asked | {"frames": 4})

    monkeypatch.setattr("napari_fluorodenoise.physics.phantom.phantom", short)
    viewer = ViewerModel()
    (layer,) = viewer.open_sample(plugin, sample)
    assert layer.data.ndim == 3
    assert layer.contrast_limits[0] < np.median(layer.data) < layer.contrast_limits[1]
    assert viewer.layers.extent.units is not None

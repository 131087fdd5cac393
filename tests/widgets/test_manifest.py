import threading
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.plugins.utils import get_preferred_reader
from napari.settings import get_settings
from npe2 import PluginManifest

import napari_fluorodenoise
from napari_fluorodenoise.engine.progress import Cancelled
from napari_fluorodenoise.io import write
from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.widgets.manifest import get_reader, prefer
from napari_fluorodenoise.widgets.preferences import NAME
from napari_fluorodenoise.widgets.show import open_in

ROOT = Path(__file__).parents[2]


@pytest.fixture
def plugin(npe2pm):
    """The plugin, registered in npe2's manager for tests, which discovers nothing by itself."""
    npe2pm.register(PluginManifest.from_distribution(NAME))
    return NAME


def test_the_installed_manifest_is_the_one_at_the_top_of_the_repository():
    assert PluginManifest.from_distribution(NAME) == PluginManifest.from_file(ROOT / "napari.yaml")


@pytest.mark.usefixtures("qapp")  # widgets may import Qt
def test_every_name_of_python_in_it_is_there():
    PluginManifest.from_distribution(NAME).validate_imports()


def test_every_command_is_there_and_used():
    given = PluginManifest.from_distribution(NAME).contributions
    kinds = (given.readers, given.writers, given.sample_data, given.widgets, *given.menus.values())
    assert {command.id for command in given.commands} == {entry.command for kind in kinds for entry in kind}


def test_every_widget_is_in_a_menu_and_the_one_for_all_comes_first():
    given = PluginManifest.from_distribution(NAME).contributions
    in_menus = {entry.command for entries in given.menus.values() for entry in entries}
    assert {widget.command for widget in given.widgets} <= in_menus
    assert given.widgets[0].display_name == "Fluoroscopy denoise"
    assert given.widgets[0].command == given.menus["napari/layers/filter"][0].command


def test_the_dialog_that_asks_for_a_reader_offers_this_one_first():
    names = ["napari builtins", PluginManifest.from_distribution(NAME).display_name]
    assert sorted(names)[0] == names[1]  # napari sorts them so, and marks the first


@pytest.mark.parametrize(
    ("name", "claimed"),
    [
        ("run.dcm", True),
        ("RUN.DCM", True),
        ("run.IMA", True),
        ("IM000001", True),
        ("im000001", True),
        ("00000012", True),
        ("1.2.840.113619.2.55.3.604", True),
        ("1.3.12.2.1107.5.4.5.1", True),
        ("2.25.329800735698586629295641978511506172918", True),
        ("notes.txt", False),
        ("picture.png", False),
        ("a.b.c.json", False),
        ("Pictures", False),
        ("letter_to_a_friend", False),
    ],
)
def test_dicom_is_known_by_its_usual_names(tmp_path, plugin, npe2pm, name, claimed):
    found = [reader.plugin_name for reader in npe2pm.iter_compatible_readers([str(tmp_path / name)])]
    assert found == [plugin] * claimed


@pytest.mark.parametrize("name", ["IM000001", "1.2.840.113619.2.55.3.604"])
def test_dicom_without_a_suffix_opens(tmp_path, plugin, video, name):
    write(tmp_path / "clip.dcm", video)
    (layer,) = ViewerModel().open((tmp_path / "clip.dcm").rename(tmp_path / name), plugin=None)
    np.testing.assert_array_equal(layer.data, video.data)


@pytest.mark.parametrize("name", ["20260101", "1.2.840.113619.2.55.3.604"])
def test_a_file_that_only_looks_like_dicom_by_its_name_is_left_to_others(tmp_path, plugin, name):
    (tmp_path / name).write_bytes(bytes(200))
    assert get_reader(str(tmp_path / name)) is None
    with pytest.raises(Exception, match="refused the file"):
        ViewerModel().open(tmp_path / name, plugin=None)


@pytest.mark.parametrize(
    ("inside", "ours"),
    [
        ([], False),
        (["notes.txt", "run.csv", "deeper"], False),
        (["notes.txt", "frame_0.png"], True),
        (["RUN.DCM"], True),
        (["zarr.json"], True),
        ([".zgroup"], True),
    ],
)
def test_a_folder_is_read_where_something_in_it_may_be_a_frame(tmp_path, inside, ours):
    for name in inside:
        (tmp_path / name).touch()
    assert (get_reader([str(tmp_path)]) is not None) is ours


@pytest.mark.parametrize("name", ["missing.dcm", "missing.zarr", "MISSING1"])
def test_what_is_missing_is_not_declined_but_said(tmp_path, name):
    with pytest.raises(ValueError, match="found none there"):
        get_reader(str(tmp_path / name))(str(tmp_path / name))


def test_a_file_is_read_on_a_thread_so_that_a_slow_disk_holds_up_nothing(tmp_path, monkeypatch):
    threads = []

    def slow(path):
        threads.append(threading.current_thread())
        return [path]

    monkeypatch.setattr("napari_fluorodenoise.widgets.manifest.read_layers", slow)
    assert get_reader("run.dcm")(["run.dcm", "other.dcm"]) == ["run.dcm", "other.dcm"]
    assert len(threads) == 2
    assert threading.current_thread() not in threads


def test_a_reading_that_the_user_stopped_opens_nothing(tmp_path, plugin, video, monkeypatch):
    def stopped(path):
        raise Cancelled

    write(tmp_path / "clip.npy", video)
    monkeypatch.setattr("napari_fluorodenoise.widgets.manifest.read_layers", stopped)
    assert ViewerModel().open(tmp_path / "clip.npy", plugin=plugin) == []


@pytest.mark.parametrize("pattern", ["run.dcm", "RUN.DCM", "run.dicom", "run.ima"])
def test_dicom_opens_with_this_plugin_where_the_user_said_so(plugin, monkeypatch, pattern):
    monkeypatch.setattr(get_settings().plugins, "extension2reader", {"*.tif": "other"})
    assert get_preferred_reader(f"/data/{pattern}") is None
    prefer()
    assert get_preferred_reader(f"/data/{pattern}") == plugin
    assert get_preferred_reader("/data/run.tif") == "other"


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


def test_a_folder_of_frames_is_one_sequence(tmp_path, plugin, video):
    write(tmp_path / "frames", video)
    (layer,) = ViewerModel().open(tmp_path / "frames", plugin=None)
    assert layer.name == "frames"
    np.testing.assert_array_equal(layer.data, video.data)


@pytest.mark.parametrize("stack", [False, True])
def test_several_files_at_once_are_a_layer_each(tmp_path, plugin, video, stack):
    paths = [tmp_path / "one.npy", tmp_path / "two.npy"]
    for path in paths:
        write(path, video)
    layers = ViewerModel().open(paths, plugin=plugin, stack=stack)
    assert [layer.name for layer in layers] == ["one", "two"]
    assert [layer.ndim for layer in layers] == [3, 3]


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
    again = eval(layer.metadata["fluorodenoise"]["made by"], {"fd": napari_fluorodenoise})
    np.testing.assert_array_equal(again.data, layer.data)

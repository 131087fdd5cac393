import numpy as np
import pytest
from napari.layers import Layer
from scipy.ndimage import gaussian_filter

import napari_fluorodenoise as fd
from napari_fluorodenoise.quality.checks import Map
from napari_fluorodenoise.widgets.layers import KEY, layer_of, opened
from napari_fluorodenoise.widgets.looking.trust import TrustReport


@pytest.fixture(scope="module")
def scene():
    return fd.phantom(frames=10, shape=(96, 96), photons=60, rng=0)


@pytest.fixture
def viewer(make_napari_viewer):
    """A real window."""
    return make_napari_viewer()


def docked(viewer, noisy, pixels):
    """The dock, with a sequence of the window and a result of these pixels chosen."""
    source = viewer.add_layer(Layer.create(*opened(noisy, name="clip")))
    result = noisy.with_data(np.asarray(pixels, np.float32))
    viewer.add_layer(Layer.create(*layer_of(result, name="frames_denoised", source=source)))
    dock = TrustReport(viewer)
    viewer.window.add_dock_widget(dock, name="Trust report")
    return dock


@pytest.fixture
def judged(qtbot, viewer, scene):
    """A function that checks a result of these pixels."""

    def check(pixels):
        dock = docked(viewer, scene.noisy, pixels)
        dock.check.click()
        qtbot.waitUntil(lambda: dock.found is not None and dock.check.isEnabled(), timeout=60_000)
        return dock

    return check


def verdicts(dock):
    table = dock.table
    return {table.item(row, 0).text(): table.item(row, 1).text() for row in range(table.rowCount())}


def test_the_truth_passes_all(judged, scene):
    dock = judged(scene.clean)
    assert len(verdicts(dock)) == 5
    assert set(verdicts(dock).values()) == {"pass"}
    assert "pass" in dock.summary.text()


def test_what_a_smoother_removed_is_shown_where_it_was(judged, scene):
    dock = judged(gaussian_filter(scene.noisy.numpy().astype(np.float32), (0, 3, 3)))
    assert verdicts(dock)["Removed structure"] == "fail"
    dock.table.setCurrentCell(0, 0)
    assert dock.found.checks[0].evidence[:20] in dock.told.text()
    _, over = dock.plot.axes.images
    picture = dock.found.checks[0].picture
    assert isinstance(picture, Map)
    red = np.asarray(over.get_array())[..., 3] > 0.39
    np.testing.assert_array_equal(red, ~(picture.values < picture.limit))


def test_it_is_saved_as_a_page(qtbot, judged, scene, tmp_path):
    dock = judged(scene.clean)
    dock.save_page(tmp_path / "report.html")
    qtbot.waitUntil(lambda: "saved" in dock.message.text(), timeout=60_000)
    assert "pass" in dock.summary.text()
    assert "Removed structure" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_another_result_is_not_the_one_that_was_checked(qtbot, viewer, judged, scene):
    dock = judged(scene.clean)
    other = scene.noisy.with_data(np.zeros(scene.noisy.shape, np.float32))
    layer = viewer.add_layer(Layer.create(*layer_of(other, name="fused", source=viewer.layers["clip"])))
    dock.after.value = layer
    qtbot.waitUntil(lambda: dock.found is None)
    assert (dock.table.rowCount(), dock.save.isEnabled()) == (0, False)


def test_a_detector_that_is_known_is_that_of_the_result_s_own_source(qtbot, viewer, scene):
    dock = docked(viewer, scene.noisy, scene.clean)
    result, known = dock.after.value, fd.measure(scene.noisy)
    result.metadata[KEY]["detector"] = known
    half = scene.noisy.with_data(scene.noisy.numpy().astype(np.float32) / 2)
    other = viewer.add_layer(Layer.create(*opened(half, name="half")))
    for before, slope in ((viewer.layers["clip"], known.slope), (other, known.slope / 2)):
        dock.before.value, dock.after.value = before, result
        dock.check.click()
        qtbot.waitUntil(lambda: dock.found is not None and dock.check.isEnabled(), timeout=60_000)
        assert dock.found.detector.slope == pytest.approx(slope, rel=1e-3)


def test_too_little_to_tell_from_is_said(qtbot, viewer):
    clip = fd.phantom(frames=6, shape=(24, 24), photons=60, rng=0)
    dock = docked(viewer, clip.noisy, clip.clean)
    dock.check.click()
    qtbot.waitUntil(lambda: "expected" in dock.summary.text(), timeout=60_000)
    qtbot.waitUntil(dock.check.isEnabled)

import threading

import dask.array as da
import numpy as np
import pytest

from napari_fluorodenoise.widgets.looking.kymograph import Kymograph


@pytest.fixture
def viewer(make_napari_viewer):
    """A real window."""
    return make_napari_viewer()


def test_the_kymograph_follows_its_line(qtbot, viewer, docked, video, smooth):
    dock = docked(Kymograph)
    dock.draw.click()
    shapes = dock.drawn.value

    def pictures():
        return [axes.images[0].get_array() for axes in dock.plot.panels if axes.images]

    shapes.add_lines(np.array([[4.0, 2.0], [4.0, 20.0]]))
    qtbot.waitUntil(lambda: len(pictures()) == 2, timeout=10_000)
    np.testing.assert_allclose(pictures()[0], video.data[:, 4, 2:21], rtol=1e-5)
    np.testing.assert_allclose(pictures()[1], smooth[:, 4, 2:21], rtol=1e-5)
    before, after = (axes.images[0] for axes in dock.plot.panels)
    assert before.get_clim() == after.get_clim()
    assert before.get_extent() == pytest.approx((0, 18 * 0.2, 1.0, 0))
    assert dock.plot.axes.get_ylabel() == "time [s]"
    shapes.data = [np.array([[8.0, 2.0], [8.0, 20.0]])]
    qtbot.waitUntil(lambda: len(pictures()) == 2 and np.allclose(pictures()[1], smooth[:, 8, 2:21]), timeout=10_000)
    viewer.layers.remove(shapes)
    qtbot.waitUntil(lambda: not pictures())


@pytest.fixture
def gate(source, video):
    """Closed, it holds whoever reads a frame of the sequence."""
    gate = threading.Event()

    def frame(block):
        assert gate.wait(20)
        return block

    source.visible = False
    source.data = da.from_array(video.data, chunks=(1, -1, -1)).map_blocks(
        frame, dtype=video.dtype, meta=video.data[:0]
    )
    yield gate
    gate.set()


@pytest.mark.parametrize("close", ["dock", "window"])
def test_closing_while_frames_are_read_ends_the_reading(qtbot, viewer, docked, gate, closed, close):
    dock = docked(Kymograph)
    dock.draw.click()
    dock.drawn.value.add_lines(np.array([[4.0, 2.0], [4.0, 20.0]]))
    qtbot.waitUntil(lambda: any(sweep.running for sweep in dock._sweeps), timeout=10_000)
    task = dock._sweeps[-1]
    threading.Timer(0.3, gate.set).start()
    if close == "dock":
        closed(dock)
    else:
        viewer.close()
    qtbot.waitUntil(lambda: not task.running, timeout=10_000)
    assert task.stopped


def test_closing_the_dock_does_not_wait_for_the_frame_that_is_read(qtbot, viewer, docked, gate):
    dock = docked(Kymograph)
    dock.draw.click()
    dock.drawn.value.add_lines(np.array([[4.0, 2.0], [4.0, 20.0]]))
    qtbot.waitUntil(lambda: any(sweep.running for sweep in dock._sweeps), timeout=10_000)
    (task,) = dock._sweeps
    viewer.window.remove_dock_widget(dock)  # the gate is closed: to wait here would be for ever
    assert task.stopped and task.running
    gate.set()
    qtbot.waitUntil(lambda: not task.running, timeout=10_000)
    dock.deleteLater()
    qtbot.wait(100)

"""Makes the README's pictures beside this file, from simulated sequences; needs a display, xvfb-run's will do.

NAPARI_CONFIG= xvfb-run -s "-screen 0 1400x900x24" python docs/images/make.py [demo detector napari ...]

Without names it makes all of them. An empty NAPARI_CONFIG keeps them free of one's own settings.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import napari
import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QDockWidget

import napari_fluorodenoise as fd
from napari_fluorodenoise.cli import main
from napari_fluorodenoise.engine.progress import silent
from napari_fluorodenoise.widgets.looking.overlays import show_panorama
from napari_fluorodenoise.widgets.running.order import Order
from napari_fluorodenoise.widgets.show import add

HERE = Path(__file__).parent
PLUGIN = "napari-fluorodenoise"
SIZE = (1400, 900)
LINE = ((104.0, 30.0), (104.0, 215.0))
"""Ends (row, column) of a line across the vessels, in pixels."""
LEVELS = 64
"""Grey values in a picture: more than the eye tells apart, and few enough to keep noise small as a file."""


def demo() -> None:
    """Write demo.png: one frame of the demo before and after, and their difference."""
    with tempfile.TemporaryDirectory() as folder:
        assert main(["demo", "--headless", "--out", folder]) == 0
        picture = cv2.imread(str(Path(folder, "before-after-residual.png")), cv2.IMREAD_GRAYSCALE)
    save("demo.png", picture)


def detector() -> None:
    """Write detector.png: what is measured of a simulated sequence."""
    with tempfile.TemporaryDirectory() as folder:
        sequence, plot = Path(folder, "simulated.tif"), Path(folder, "detector.png")
        assert main(["simulate", str(sequence), "--size", "256", "--pan", "0"]) == 0
        assert main(["info", str(sequence), "--plot", str(plot)]) == 0
        save("detector.png", cv2.imread(str(plot)))


def result() -> None:
    """Write napari.png: a sequence and what the dock for all made of it, side by side."""
    with window("dark", sample="still_phantom") as viewer:
        whole, dock = docked(viewer, "Fluoroscopy denoise")
        dock.recipe.value = "fast"
        wait(lambda: dock.facts.known is not None)
        finish(dock)
        beside, looking = docked(viewer, "Compare")
        looking.show_as.value = "side by side"
        share(whole, beside, heights=(600, 200))
        photograph(viewer, "napari.png")


def panorama() -> None:
    """Write panorama.png: a frame over the panorama, with the path of the frames."""
    with window("light", sample="panning_phantom") as viewer:
        finish(docked(viewer, "Stabilize")[1])
        show_panorama(viewer)
        path = viewer.layers["panning phantom · offsets"]
        path.visible = True
        viewer.layers.selection.active = path
        viewer.dims.set_current_step(0, 30)
        photograph(viewer, "panorama.png")


def training() -> None:
    """Write training.png: a training under way, and the frame being looked at as the network has it."""
    with window("dark", sample="still_phantom") as viewer:
        _, dock = docked(viewer, "Training")
        dock.form.fields["scheme"].value = "recorrupted"
        steps = [0]
        dock.work.run.click()
        dock.work.task.learned.connect(lambda report, *_: steps.append(report.step))
        wait(lambda: steps[-1] > 300)
        viewer.layers.selection.active = viewer.layers["phantom · in training"]
        photograph(viewer, "training.png")
        dock.work.cancel.click()
        wait(lambda: not dock.work.busy)


def compare() -> None:
    """Write compare.png: before and after on either side of a divider, and along a line in time."""
    with window("light", sample="still_phantom") as viewer:
        (phantom,) = viewer.layers
        add(viewer, Order.of(fd.Recipe.named("fast"), phantom, viewer.layers).results_only()(silent))
        above, looking = docked(viewer, "Compare")
        looking.show_as.value = "swipe"
        below, kymograph = docked(viewer, "Kymograph")
        share(above, below, heights=(230, 610))
        kymograph.draw.click()
        line = kymograph.drawn.value
        line.add_lines([line.world_to_data(phantom.data_to_world((0, *end))[1:]) for end in LINE])
        line.mode = "pan_zoom"
        wait(lambda: bool(kymograph.plot.axes.images))
        viewer.layers.selection.active = viewer.layers["phantom · fused_swipe"]
        photograph(viewer, "compare.png")


def report() -> None:
    """Write report.png: whether the result of `fast` may be trusted, and why."""
    with window("light", sample="still_phantom") as viewer:
        (phantom,) = viewer.layers
        add(viewer, Order.of(fd.Recipe.named("fast"), phantom, viewer.layers).results_only()(silent))
        _, looking = docked(viewer, "Trust report")
        looking.check.click()
        wait(lambda: looking.found is not None)
        photograph(viewer, "report.png")


def docked(viewer: napari.Viewer, name: str) -> tuple[QDockWidget, Any]:
    """The dock of the widget `name` of the manifest, on the right, and the widget."""
    return viewer.window.add_plugin_dock_widget(PLUGIN, name)


def share(*docks: QDockWidget, heights: tuple[int, ...]) -> None:
    """Give docks below each other these heights, in pixels."""
    QTest.qWait(200)  # a dock has no height before it is drawn
    docks[0].window().resizeDocks(list(docks), list(heights), Qt.Orientation.Vertical)


def finish(dock: Any) -> None:
    """Press Run, and wait for the layers."""
    dock.work.run.click()
    wait(lambda: not dock.work.busy)


@contextmanager
def window(theme: str, *, sample: str) -> Iterator[napari.Viewer]:
    """A window of `SIZE` with a simulated sequence."""
    viewer = napari.Viewer()
    viewer.theme = theme
    viewer.window.resize(*SIZE)
    viewer.open_sample(PLUGIN, sample)
    yield viewer
    viewer.close()


def photograph(viewer: napari.Viewer, name: str) -> None:
    """Write the whole window, once it has drawn itself."""
    drawn = time.monotonic() + 1
    wait(lambda: time.monotonic() > drawn)
    save(name, cv2.cvtColor(viewer.screenshot(canvas_only=False, flash=False), cv2.COLOR_RGBA2BGR))


def wait(until: Callable[[], bool]) -> None:
    """Let the window work."""
    while not until():
        QTest.qWait(20)


def save(name: str, picture: np.ndarray) -> None:
    """Write `picture` (Y, X) or (Y, X, 3), in `LEVELS` values per channel."""
    step = 256 // LEVELS
    few = (picture // step * step + step // 2).astype(np.uint8)
    cv2.imwrite(str(HERE / name), few, [cv2.IMWRITE_PNG_COMPRESSION, 9])


PICTURES = {
    "demo": demo,
    "detector": detector,
    "napari": result,
    "panorama": panorama,
    "training": training,
    "compare": compare,
    "report": report,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name]()

"""Makes the README's pictures beside this file, from the simulated sequences; needs a display, xvfb-run's will do.

xvfb-run -s "-screen 0 1400x900x24" python docs/images/make.py
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from napari_fluorodenoise.cli import main

HERE = Path(__file__).parent
PLUGIN = "napari-fluorodenoise"
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


def window() -> None:
    """Write napari.png: a simulated sequence, the form of Denoise, and what it made."""
    viewer = napari.Viewer()
    viewer.theme = "dark"
    viewer.window.resize(1400, 900)
    viewer.open_sample(PLUGIN, "panning_phantom")
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Denoise")
    widget.run()
    wait(lambda: len(viewer.layers) == 3)
    for layer in viewer.layers:
        layer.visible = True
    viewer.canvas.grid.enabled = True
    viewer.reset_view()
    drawn = time.monotonic() + 1
    wait(lambda: time.monotonic() > drawn)
    save("napari.png", cv2.cvtColor(viewer.screenshot(canvas_only=False, flash=False), cv2.COLOR_RGBA2BGR))
    viewer.close()


def wait(until: Callable[[], bool]) -> None:
    """Let the window work."""
    while not until():
        QApplication.processEvents()
        time.sleep(0.02)


def save(name: str, picture: np.ndarray) -> None:
    """Write `picture` (Y, X) or (Y, X, 3), in `LEVELS` values per channel."""
    step = 256 // LEVELS
    few = (picture // step * step + step // 2).astype(np.uint8)
    cv2.imwrite(str(HERE / name), few, [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    demo()
    detector()
    window()

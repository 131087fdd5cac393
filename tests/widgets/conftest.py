"""Real windows need Qt and a display: pytest-xvfb brings one where Xvfb is installed; napari's images need more than
Qt's offscreen platform. Where no Qt is installed at all, what needs it is skipped, and the rest runs."""

import os
import sys
import threading
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated, ClassVar

import annotated_types
import numpy as np
import pydantic
import pytest
from napari.components import ViewerModel
from napari.layers import Layer
from napari.utils.notifications import notification_manager

from napari_fluorodenoise.engine.blocks import stream
from napari_fluorodenoise.engine.progress import silent
from napari_fluorodenoise.primitives.declaration import STRICT
from napari_fluorodenoise.stages.stage import Added, FittedStage, Stage
from napari_fluorodenoise.video import Image, Table, Video
from napari_fluorodenoise.widgets.layers import opened

os.environ["NAPARI_CONFIG"] = ""  # nobody's settings are read, and none are written
os.environ["NAPARI_ASYNC"] = "0"
os.environ["NAPARI_STRICT_QT"] = "1"


WITH_QT = any(find_spec(binding) for binding in ("PyQt6", "PySide6"))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    if report.failed and not WITH_QT and "QtBindingsNotFoundError" in str(report.longrepr):
        report.outcome, report.longrepr = "skipped", (str(collector.path), 0, "Skipped: no Qt is installed")
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if not {"qtbot", "qapp"} & set(item.fixturenames):
        return
    if not WITH_QT:
        pytest.skip("no Qt is installed")
    if _display():
        return
    reason = "no display: install Xvfb, or run where there is a screen (Qt's offscreen platform cannot show images)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _display():
    if os.environ.get("QT_QPA_PLATFORM") == "offscreen":
        return False
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@dataclass(frozen=True)
class FittedToy(FittedStage):
    add: int
    results: dict
    cuts: str = "tyx"
    halo: tuple = (0, 0, 0)

    def apply(self, block, at):
        frames = block["frames"][at.inner]
        return {"brighter": frames + np.float32(self.add), "minus": np.float32(frames) - frames.mean()}


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class Toy(Stage):
    """Adds a number to every pixel.

    A second paragraph that no form shows.
    """

    add: Annotated[int, annotated_types.Ge(1), annotated_types.Le(50)] = 3
    """Counts added to every pixel."""

    gate: ClassVar[threading.Event] = threading.Event()
    """Closed, it holds the work; cancelling still gets through."""
    threads: ClassVar[set] = set()

    def reads(self, run):
        return ("frames",)

    def adds(self, run):
        return {
            "brighter": Added("tyx", np.dtype(np.float32), "counts"),
            "minus": Added("tyx", np.dtype(np.float32), "counts"),
            "mean": Added("yx", np.dtype(np.float32), "counts"),
            "offsets": Added("table", np.dtype(np.float64), "pixels"),
        }

    def fit(self, run, *, progress=silent, rng=None):
        Toy.threads.add(threading.get_ident())
        while not Toy.gate.wait(0.005):
            progress(0.1, "waiting")
        frames = run.video("frames")
        total = sum(block["frames"].sum(0) for _, block in stream({"frames": frames.data}, progress=progress))
        offsets = np.column_stack([np.arange(frames.shape[0]), np.zeros(frames.shape[0])])
        if self.add == 13:
            raise ValueError("expected luck,\nfound 13; take another number")
        mean = Image(data=np.float32(total / frames.shape[0]), origin=frames.origin)
        table = Table(data=offsets, columns=("row [px]", "column [px]"))
        return FittedToy(add=self.add, results={"mean": mean, "offsets": table})


@pytest.fixture
def toy():
    """The toy stage, its gate open."""
    Toy.gate.set()
    Toy.threads.clear()
    yield Toy
    Toy.gate.set()


@pytest.fixture
def video():
    """A small sequence with everything known: (10, 24, 32) uint16."""
    data = np.random.default_rng(0).poisson(100, (10, 24, 32)).astype(np.uint16)
    return Video(data=data, frame_interval=0.1, pixel_size=(0.3, 0.2), origin=(4.0, 6.0), metadata={"kvp": 70})


@pytest.fixture
def viewer():
    """A viewer without a window."""
    return ViewerModel()


@pytest.fixture
def clip(viewer, video):
    """The layer of the sequence, in the viewer."""
    return viewer.add_layer(Layer.create(*opened(video, name="clip")))


@pytest.fixture
def complaints():
    """The notifications that come."""
    seen = []
    notification_manager.notification_ready.connect(seen.append)
    yield seen
    notification_manager.notification_ready.disconnect(seen.append)


@pytest.fixture
def heard(qtbot, viewer):
    """A function that lets a widget hear of the layers as in a dock; a dock is stopped and idle before it is closed."""

    from napari_fluorodenoise.widgets.docks.dock import Dock

    def idle(widget):
        if isinstance(widget, Dock):
            for stop in widget.stopped:
                stop()
            qtbot.waitUntil(lambda: not widget.work.busy, timeout=20_000)

    def heard(widget):
        qtbot.addWidget(widget, before_close_func=idle)
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed, viewer.layers.events.renamed):
            event.connect(widget.reset_choices)
        return widget

    return heard


@pytest.fixture
def tiny_training(monkeypatch):
    """Small batches on one thread, so that a step takes some milliseconds, and a check after every step."""
    import torch

    from napari_fluorodenoise.denoisers import learning, lessons
    from napari_fluorodenoise.denoisers import training as steps

    monkeypatch.setattr(lessons, "BATCH", 2)
    monkeypatch.setattr(lessons, "CROP", 32)
    monkeypatch.setattr(steps, "CHECKS", 1_000_000)
    monkeypatch.setattr(learning, "PATIENCE", 1_000_000)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)

"""The first line of every benchmark: on what, with which versions."""

import os
import platform
from importlib.metadata import version

PACKAGES = (
    "napari-fluorodenoise", "numpy", "scipy", "scikit-image", "opencv-python-headless", "dask", "torch", "pydicom",
)  # fmt: skip


def described() -> str:
    """The machine, Python and the packages that take part."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return ", ".join((machine, *(f"{name} {version(name)}" for name in PACKAGES)))

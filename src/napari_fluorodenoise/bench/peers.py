"""Denoisers that a user has at hand beside ours: those that are installed, each favoured where it can be.

Nothing here is a dependency but scikit-image: BM3D and BM4D are free for non-commercial use alone, and run where they
are installed. What they are told is the truth, which is a favour to them; ours are told nothing:

* TV and NLM (scikit-image), frame by frame, have a strength in units of the noise's standard deviation. A few are tried
  and the one nearest to the truth is kept; where there is no truth it is `UNTUNED`.
* BM3D (frame by frame) and BM4D (the sequence as a volume) get the stabilised frames and the true noise spectrum.
* Noise2Void by CAREamics runs in a Python of its own, since it asks for another torch, with its defaults.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_fluorodenoise.bench.systems import Outcome, System
from napari_fluorodenoise.primitives.anscombe import stabilize, unstabilize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.bench.cases import Case
    from napari_fluorodenoise.engine.progress import Progress

    Method: TypeAlias = Callable[[NDArray[Any], float], NDArray[Any]]

__all__ = ["FAVOUR", "STRENGTHS", "UNTUNED", "peers"]

STRENGTHS: Mapping[str, tuple[float, ...]] = {"TV": (1.0, 1.5, 2.0, 3.0), "NLM": (0.6, 0.8, 1.0, 1.2)}
"""The strengths that are tried, in standard deviations of the noise."""
UNTUNED = {"TV": 1.5, "NLM": 0.6}
"""The strengths without a truth: for NLM what scikit-image's example of its fast mode takes, for TV one between."""
FAVOUR = (
    "TV and NLM are shown at the strength, of a few, that is nearest to the truth (where there is none, at a fixed one "
    "by the measured noise); BM3D and BM4D are told the noise's true spectrum. Ours are told nothing"
)
EPOCHS = 20
"""Epochs that CAREamics' Noise2Void is trained for."""


def peers(*, careamics: Path | None = None, epochs: int = EPOCHS) -> tuple[dict[str, System], tuple[str, ...]]:
    """The peers that can run here, by name, and a sentence for each that cannot.

    `careamics` is a Python interpreter that has CAREamics. Raises ValueError where it is none.
    """
    found: dict[str, System] = {"TV": partial(_tuned, "TV", _tv), "NLM": partial(_tuned, "NLM", _nlm)}
    missing = []
    for name, system in (("BM3D", _bm3d), ("BM4D", _bm4d)):
        if find_spec(name.lower()) is None:
            missing.append(f"{name} is left out: {name.lower()} is not installed (non-commercial licence).")
        else:
            found[name] = partial(system, _module(name.lower()))
    if careamics is None:
        missing.append("CAREamics' Noise2Void is left out: no --careamics-python names a Python that has it.")
    elif not careamics.is_file():
        raise ValueError(f"{careamics}: expected a Python interpreter that has CAREamics, found no file; name another")
    else:
        found["Noise2Void (CAREamics)"] = partial(_careamics, careamics, epochs)
    return found, tuple(missing)


def _tuned(name: str, method: Method, case: Case, progress: Progress) -> Outcome:
    """The result at the best strength by the truth; the seconds are for one strength."""
    top = float(np.abs(case.noisy).max()) or 1.0
    scaled, sigma = (case.noisy / top).astype(np.float64), case.sigma / top
    strengths = STRENGTHS[name] if case.clean is not None else (UNTUNED[name],)
    method(scaled[0, :16, :16], sigma)  # what is imported late is no part of the rate
    start = time.perf_counter()
    results = {s: np.stack([method(frame, s * sigma) for frame in scaled]) * top for s in strengths}
    seconds = (time.perf_counter() - start) / len(strengths)
    clean = case.clean
    best = strengths[0] if clean is None else min(strengths, key=lambda s: float(((results[s] - clean) ** 2).mean()))
    return Outcome(frames=results[best].astype(np.float32), seconds=seconds, note=f"{best:g} sd")


def _tv(frame: NDArray[Any], strength: float) -> NDArray[Any]:
    from skimage.restoration import denoise_tv_chambolle

    return np.asarray(denoise_tv_chambolle(frame, weight=strength))


def _nlm(frame: NDArray[Any], strength: float) -> NDArray[Any]:
    from skimage.restoration import denoise_nl_means

    return np.asarray(denoise_nl_means(frame, h=strength, patch_size=5, patch_distance=6, fast_mode=True))


def _bm3d(module: Any, case: Case, progress: Progress) -> Outcome:
    frames = _stabilised(case)
    spectrum = _spectrum(case, frames.shape[1:])
    return Outcome(frames=_back(case, np.stack([module.bm3d(frame, spectrum) for frame in frames])), note="true noise")


def _bm4d(module: Any, case: Case, progress: Progress) -> Outcome:
    volume = np.moveaxis(_stabilised(case), 0, 2)
    result = module.bm4d(volume, _spectrum(case, volume.shape))
    return Outcome(frames=_back(case, np.moveaxis(result, 2, 0)), note="true noise")


def _module(name: str) -> Any:
    # bm3d 4.0.3 and bm4d 4.2.5 call what numpy 2.4 no longer has under this name
    if not hasattr(np, "trapz"):
        np.trapz = np.trapezoid  # type: ignore[attr-defined,unused-ignore]  # noqa: NPY201
    return import_module(name)


def _line(case: Case) -> dict[str, float]:
    """The true photon-transfer line; its variance never falls below a hundredth of that at the mean intensity."""
    floor = 0.01 * case.sigma**2 or 1e-12
    return {"slope": case.slope, "read_variance": case.read_variance, "floor": floor, "level": case.level}


def _stabilised(case: Case) -> NDArray[np.float64]:
    """The noisy frames with noise of unit variance."""
    return np.asarray(stabilize(case.noisy, **_line(case)), np.float64)


def _back(case: Case, values: NDArray[Any]) -> NDArray[np.float32]:
    return unstabilize(values.astype(np.float32), residual=0.0, **_line(case))


def _spectrum(case: Case, shape: Sequence[int]) -> NDArray[np.float64] | float:
    """The power of the stabilised noise at each frequency of the first two axes, times the number of values.

    White noise is 1, its deviation, which lets both methods take their shorter way.
    """
    correlation = case.autocorrelation
    if correlation.size == 1:
        return 1.0
    placed, radius = np.zeros(tuple(shape[:2])), len(correlation) // 2
    placed[: len(correlation), : len(correlation)] = correlation
    power = np.fft.fft2(np.roll(placed, (-radius, -radius), (0, 1))).real.clip(0) * np.prod(shape)
    return np.asarray(power if len(shape) == 2 else np.repeat(power[:, :, None], shape[2], axis=2))


def _careamics(python: Path, epochs: int, case: Case, progress: Progress) -> Outcome:
    """What CAREamics' Noise2Void, trained on the frames in another interpreter, makes of them.

    Raises ValueError with the last line that it said where it fails.
    """
    from napari_fluorodenoise.bench import noise2void

    with tempfile.TemporaryDirectory() as folder:
        noisy, clean = Path(folder, "noisy.npy"), Path(folder, "clean.npy")
        np.save(noisy, case.noisy)
        # no -m: the package is not installed there
        words = (str(python), str(noise2void.__file__), str(noisy), str(clean), str(epochs))
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
        if done.returncode or not clean.exists():
            said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
            raise ValueError(f"{python}: expected CAREamics to denoise, found: {said}; try it there by hand")
        return Outcome(frames=np.load(clean).astype(np.float32), note=f"{epochs} epochs")

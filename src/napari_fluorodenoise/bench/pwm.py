"""Motion blur, lag and gain drift undone: the Physics World Model benchmark's parameters, ranges and scores.

    y = D L Poisson(B x) + read noise          B motion blur, L lag, D drift: `physics.operator`

The phantom in [0, 1] is x; the parameters are drawn evenly from a tier's ranges, where times below 0 ms count as 0.
Drift and lag are inverted exactly, `fast` takes the noise away, and motion blur is undone last, as far as the error
that is left allows. Three rows say what the parameters are worth: `known` is told the true ones, `estimated` has
those that `physics.lag` and `physics.drift` read from y itself and the tier's ranges allow, and `nominal` takes all
to be 0. Motion blur is nominal where it is estimated too: nothing in a sequence tells blur from a scene that is soft.

Lags of a few ms are nothing between frames 33 ms apart: of the three parameters drift alone matters much. The page's
leaderboard is no measurement, and no row of it stands here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.bench import cases
from napari_fluorodenoise.bench.result import Column, Row, Table
from napari_fluorodenoise.bench.systems import BASE, Outcome, System, closeness, tried, warm
from napari_fluorodenoise.engine.progress import Progress, portion
from napari_fluorodenoise.physics.lag import CERTAIN
from napari_fluorodenoise.physics.operator import FluoroscopyOperator
from napari_fluorodenoise.quality.challenge import (
    RANGES,
    Sample,
    Submitted,
    blind_score,
    consistency,
    standard_score,
)
from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.video import Run, Video

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Frames = NDArray[np.float32]
    Ranges = Mapping[str, tuple[float, float]]

__all__ = ["COLUMNS", "INTERVAL", "estimated", "pwm", "reconstructed", "simulated", "submission"]

INTERVAL = 1 / 30
"""Time from frame to frame, in s: the faster end of what the page names, where milliseconds count most."""
READ_NOISE = 2.0
"""Read noise, in quanta (rms)."""
LEAST = 0.1
"""Smallest response to a change in time that is inverted; the page's motion blur leaves 0.4 at least."""
NAMES = ("motion_blur", "lag", "gain_drift")
COLUMNS = (
    Column("tier"),
    Column("sample"),
    Column("true ms, ms, %"),
    Column("system"),
    Column("taken ms, ms, %"),
    Column("PSNR dB", ".2f"),
    Column("SSIM", ".3f"),
    Column("standard", ".3f"),
    Column("blind", ".3f"),
    Column("frames/s", ".1f"),
)
SETTING = (
    "{frames} frames of {size}², {rate:.0f} frames/s, {photons:g} quanta per pixel at 1 and read noise of {read:g}; "
    "motion blur, lag and gain drift drawn evenly from the page's ranges; PSNR and SSIM over a range of 1"
)


def pwm(
    *, frames: int, size: int, photons: float, samples: int, tiers: Sequence[str] = tuple(RANGES), seed: int = 0
) -> Table:
    """The table, `samples` for each of the `tiers`; raises ValueError that lists the tiers."""
    for tier in tiers:
        if tier not in RANGES:
            raise ValueError(f"expected tiers ({', '.join(RANGES)}), found {tier!r}")
    setting = SETTING.format(frames=frames, size=size, rate=1 / INTERVAL, photons=photons, read=READ_NOISE)
    make = partial(simulated, frames=frames, size=size, photons=photons)
    return Table(
        title="Motion blur, lag and gain drift undone, by the challenge's scores",
        setting=f"{setting}.",
        columns=COLUMNS,
        seed=seed,
        rows=partial(_rows, make, tuple(tiers), samples, seed),
    )


def simulated(tier: str, *, frames: int, size: int, photons: float, rng: np.random.Generator) -> Sample:
    """A sample of the `tier`: a phantom of its own in [0, 1] and what the operator and the noise make of it."""
    spec = {name: float(rng.uniform(*RANGES[tier][name])) for name in NAMES}
    (scene,) = cases.phantoms(frames=frames, size=size, seed=int(rng.integers(2**31)), pans=(1.0,))
    truth, operator = scene.clean(), _operator(spec)
    quanta = rng.poisson(photons * replace(operator, lag=0.0, gain_drift=0.0).forward(truth))
    seen = _behind(operator).forward(quanta / photons)
    noisy = seen + rng.normal(0, READ_NOISE / photons, seen.shape)
    return Sample(
        measured=noisy.astype(np.float32),
        ideal=_operator(dict.fromkeys(NAMES, 0.0)).matrix(frames),
        truth=truth,
        ranges=RANGES[tier],
        metadata={"frame_interval": INTERVAL, "photons": photons, "read_noise": READ_NOISE},
        true_spec=spec,
    )


def estimated(measured: Frames, *, ranges: Ranges, interval: float = INTERVAL) -> dict[str, float]:
    """The parameters as the noise and the brightness of `measured` (T, Y, X) tell them, within the `ranges`.

    A drift and its standard error meet an even spread over the range, of which what is told is the linear estimate:
    the middle of the range where nothing is. A lag that is not certain is taken to be none, and so is motion blur.
    """
    from napari_fluorodenoise.physics.detector import measure

    found = measure(Video(data=measured, frame_interval=interval))
    share, error = found.lag
    lag = -1000 * interval / np.log(share) if share > CERTAIN * error else 0.0
    drift = _expected(100 * found.gain_drift, 100 * found.gain_drift_error, ranges.get("gain_drift"))
    told = {"motion_blur": 0.0, "lag": float(lag), "gain_drift": drift}
    return {name: float(np.clip(value, *ranges.get(name, (-np.inf, np.inf)))) for name, value in told.items()}


def _expected(value: float, error: float, limits: tuple[float, float] | None) -> float:
    """The linear estimate of what was found as `value` with that standard `error`, evenly spread in `limits`."""
    if limits is None:
        return value
    middle, variance = sum(limits) / 2, (limits[1] - limits[0]) ** 2 / 12
    return middle + (value - middle) * variance / (variance + error**2)


def reconstructed(measured: Frames, spec: Mapping[str, float], *, interval: float = INTERVAL) -> Frames:
    """The estimate (T, Y, X) of x from `measured` (T, Y, X), with the operator's parameters taken to be `spec`."""
    matrix = _behind(_operator(spec, interval)).matrix(len(measured))
    undone = np.linalg.solve(matrix, measured.reshape(len(measured), -1)).reshape(measured.shape)
    recipe = Recipe.named("fast")
    run = recipe.run(Run.of(Video(data=undone.astype(np.float32), frame_interval=interval)))
    clean = run.video(recipe.result(Video(data=undone))).numpy()
    if spec["motion_blur"] <= 0:
        return np.asarray(clean, np.float32)
    error = float((run.video("uncertainty").numpy().astype(np.float64) ** 2).mean())
    return _deblurred(clean, _operator({**spec, "lag": 0.0, "gain_drift": 0.0}, interval).matrix(len(clean)), error)


def submission(samples: Mapping[str, Sample], *, progress: Progress) -> dict[str, Submitted]:
    """What to hand in for the `samples` of a challenge file: parameters estimated, sequences reconstructed.

    The time between frames, in s, is what a sample's metadata say as `frame_interval`, or else `INTERVAL`. Raises
    ValueError for a sample that is no sequence: one frame tells no lag, no drift and no noise.
    """
    done = {}
    for index, (name, sample) in enumerate(samples.items()):
        if sample.measured.ndim != 3 or len(sample.measured) < 2:
            raise ValueError(f"{name}: expected a sequence (T, Y, X) as y, found {sample.measured.shape}; leave it out")
        measured = np.asarray(sample.measured, np.float32)
        interval = float(sample.metadata.get("frame_interval", INTERVAL))
        spec = estimated(measured, ranges=sample.ranges, interval=interval)
        done[name] = Submitted(estimate=reconstructed(measured, spec, interval=interval), spec=spec)
        progress((index + 1) / len(samples), name)
    return done


def _deblurred(clean: Frames, blur: NDArray[np.float64], error: float) -> Frames:
    """`clean` (T, Y, X), of an error of variance `error`, without `blur` (T, T): Wiener's filter along time.

    By cosines; the error is taken to be the same at all of them, which is more than it is at the fast ones, where most
    is undone. Nothing is made fainter: what is left of the noise is the denoiser's business.
    """
    from scipy.fft import dct, idct

    waves = dct(clean.astype(np.float64), axis=0, norm="ortho")
    power = (waves**2).mean(axis=(1, 2))
    signal = np.divide(np.maximum(power - error, 0), power, out=np.zeros_like(power), where=power > 0)
    middle, steps = len(blur) // 2, np.arange(len(blur))
    response = np.cos(np.pi / len(blur) * np.outer(steps, steps - middle)) @ blur[middle]
    boost = np.maximum(signal / np.maximum(response, LEAST), 1)
    return np.asarray(idct(boost[:, None, None] * waves, axis=0, norm="ortho"), np.float32)


def _rows(
    make: Callable[..., Sample], tiers: Sequence[str], samples: int, seed: int, progress: Progress
) -> Iterator[Row]:
    warm(Recipe.named("fast"))
    total = len(tiers) * samples
    for index, tier in enumerate(tiers):
        for number in range(samples):
            # the same for a tier, whatever other tiers and however many samples there are
            rng = np.random.default_rng([seed, list(RANGES).index(tier), number])
            done = index * samples + number
            yield from _of_sample(
                tier, number, make(tier, rng=rng), portion(progress, done / total, (done + 1) / total)
            )


def _of_sample(tier: str, number: int, sample: Sample, progress: Progress) -> Iterator[Row]:
    assert sample.true_spec is not None
    case, nominal = _case(f"{tier} {number}", sample), dict.fromkeys(NAMES, 0.0)
    began = time.perf_counter()
    told = estimated(case.noisy, ranges=sample.ranges)
    spent = time.perf_counter() - began  # it counts where it is needed
    found = {"known": sample.true_spec, "estimated": told, "nominal": nominal}
    specs = {f"fast, {how}": spec for how, spec in found.items()}
    systems: dict[str, System] = {**BASE, **{name: partial(_system, spec) for name, spec in specs.items()}}
    for name, outcome in tried(case, systems, progress=progress):
        taken = specs.get(name, nominal)
        psnr, ssim = closeness(outcome, case)
        assert psnr is not None and ssim is not None
        agrees = consistency(case.noisy, _operator(taken).forward(outcome.frames))
        scores = (psnr, ssim, standard_score(psnr, ssim), blind_score(psnr, ssim, agrees))
        if taken is told:
            outcome = replace(outcome, seconds=(outcome.seconds or 0.0) + spent)
        yield (tier, f"{number}", _text(sample.true_spec), name, _text(taken), *scores, outcome.rate)


def _system(spec: Mapping[str, float], case: cases.Case, progress: Progress) -> Outcome:
    return Outcome(frames=reconstructed(case.noisy, spec))


def _case(name: str, sample: Sample) -> cases.Case:
    noisy, truth = np.asarray(sample.measured, np.float32), np.asarray(sample.truth, np.float32)
    return cases.Case(name=name, noisy=noisy, clean=truth, span=1.0, read_variance=0.0, response=np.ones((1, 1)))


def _operator(spec: Mapping[str, float], interval: float = INTERVAL) -> FluoroscopyOperator:
    return FluoroscopyOperator(**{name: spec[name] for name in NAMES}, frame_interval=interval)


def _behind(operator: FluoroscopyOperator) -> FluoroscopyOperator:
    """The part of the `operator` behind the quanta: lag and drift."""
    return replace(operator, motion_blur=0.0)


def _text(spec: Mapping[str, float]) -> str:
    return ", ".join(f"{spec[name]:.2f}" for name in NAMES)

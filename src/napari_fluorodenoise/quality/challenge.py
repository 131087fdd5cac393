"""The Physics World Model benchmark's fluoroscopy challenge: its two scores, and its files in and out.

    standard = 0.5 clip((PSNR - 15) / 30, 0, 1) + 0.5 SSIM
    blind    = 0.4 clip((PSNR - 10) / 40, 0, 1) + 0.4 SSIM + 0.2 (1 - |y - H x| / |y|)

The formulas are those of its page. What its leaderboard lists is not measured anywhere: its numbers are no reference.

A challenge file (HDF5) holds a group per sample, `sample_00` and on, with the datasets `y` (what was measured),
`H_ideal` (the operator without mismatch) and, in the open tier, `x_true`, and the attributes `spec_ranges`, `metadata`
and `true_spec` as JSON. A submission holds `x_hat` and the attribute `corrected_spec` (JSON) under the same names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "RANGES",
    "Sample",
    "Submitted",
    "blind_score",
    "consistency",
    "read_challenge",
    "read_submission",
    "standard_score",
    "write_challenge",
    "write_submission",
]

RANGES: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "public": {"motion_blur": (-5.0, 10.0), "lag": (-3.0, 6.0), "gain_drift": (-0.5, 1.0)},
    "dev": {"motion_blur": (-6.0, 9.0), "lag": (-3.6, 5.4), "gain_drift": (-0.6, 0.9)},
    "hidden": {"motion_blur": (-3.5, 11.5), "lag": (-2.1, 6.9), "gain_drift": (-0.35, 1.15)},
}
"""The page's ranges by tier: motion blur and lag in ms, gain drift in % per frame."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """One sample: `measured` as the file's `y`, of any shape, `ideal` its `H_ideal`, `truth` its `x_true` or None.

    `ranges` are (least, most) by parameter, `true_spec` the true parameters where the file tells them.
    """

    measured: NDArray[Any]
    ideal: NDArray[Any]
    truth: NDArray[Any] | None = None
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    true_spec: Mapping[str, float] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Submitted:
    """What is handed in for a sample: the `estimate` of its truth, and the parameters that were found."""

    estimate: NDArray[Any]
    spec: Mapping[str, float]


def standard_score(psnr: float, ssim: float) -> float:
    """The page's score where the operator is known, of a PSNR in dB and an SSIM: 1 at best."""
    return 0.5 * float(np.clip((psnr - 15) / 30, 0, 1)) + 0.5 * ssim


def blind_score(psnr: float, ssim: float, consistent: float) -> float:
    """The page's score where it is not, of a PSNR in dB, an SSIM and the `consistency`: 1 at best."""
    return 0.4 * float(np.clip((psnr - 10) / 40, 0, 1)) + 0.4 * ssim + 0.2 * consistent


def consistency(measured: ArrayLike, predicted: ArrayLike) -> float:
    """1 - |y - H x| / |y| for what was `measured` and what an estimate predicts of it; 0 or less if no better than 0.

    Noise keeps the truth itself below 1, and what keeps all of the noise is rewarded: the term is no measure alone.
    """
    y, again = np.asarray(measured, np.float64), np.asarray(predicted, np.float64)
    if y.shape != again.shape:
        raise ValueError(
            f"expected a prediction of the measured shape {y.shape}, found {again.shape}; predict them all"
        )
    norm = float(np.linalg.norm(y))
    if not norm:
        raise ValueError("expected measured values other than 0, found none; leave this sample out")
    return 1 - float(np.linalg.norm(y - again)) / norm


def read_challenge(path: Path | str) -> dict[str, Sample]:
    """The samples of the challenge file at `path` by name, in order.

    Raises `ValueError`, one line that names the file, where it is none, or lacks a dataset.
    """
    with _opened(Path(path), "r") as file:
        samples = {name: _sample(file[name], f"{path}, {name}") for name in sorted(file) if name.startswith("sample_")}
    if not samples:
        raise ValueError(f"{path}: expected groups sample_00 and on, found none; this is no challenge file")
    return samples


def write_challenge(path: Path | str, samples: Mapping[str, Sample], *, tier: str = "public") -> None:
    """Write `samples` by name as a challenge file of a `tier`."""
    with _opened(Path(path), "w") as file:
        file.attrs.update({"variant": "fluoroscopy", "tier": tier})
        for name, sample in samples.items():
            group = file.create_group(name)
            group["y"], group["H_ideal"] = sample.measured, sample.ideal
            if sample.truth is not None:
                group["x_true"] = sample.truth
            texts = {"spec_ranges": sample.ranges, "metadata": sample.metadata, "true_spec": sample.true_spec}
            group.attrs.update({key: json.dumps(value) for key, value in texts.items() if value is not None})


def read_submission(path: Path | str) -> dict[str, Submitted]:
    """What was handed in by the file at `path`, by sample; raises ValueError as `read_challenge`."""
    with _opened(Path(path), "r") as file:
        return {
            name: Submitted(
                estimate=_dataset(file[name], "x_hat", f"{path}, {name}"),
                spec=_json(file[name], "corrected_spec", f"{path}, {name}") or {},
            )
            for name in sorted(file)
        }


def write_submission(path: Path | str, submitted: Mapping[str, Submitted]) -> None:
    """Write what is handed in, by sample, as a submission file."""
    with _opened(Path(path), "w") as file:
        for name, one in submitted.items():
            group = file.create_group(name)
            group["x_hat"] = np.asarray(one.estimate, np.float32)
            group.attrs["corrected_spec"] = json.dumps(dict(one.spec))


def _sample(group: Any, where: str) -> Sample:
    ranges = _json(group, "spec_ranges", where) or {}
    return Sample(
        measured=_dataset(group, "y", where),
        ideal=_dataset(group, "H_ideal", where),
        truth=_dataset(group, "x_true", where) if "x_true" in group else None,
        ranges={name: (float(low), float(high)) for name, (low, high) in ranges.items()},
        metadata=_json(group, "metadata", where) or {},
        true_spec=_json(group, "true_spec", where),
    )


def _dataset(group: Any, name: str, where: str) -> NDArray[Any]:
    if name not in group:
        raise ValueError(f"{where}: expected a dataset {name}, found {', '.join(group) or 'none'}")
    return np.asarray(group[name][()])


def _json(group: Any, name: str, where: str) -> Any:
    """What the attribute `name` says; None where it is absent."""
    if name not in group.attrs:
        return None
    try:
        return json.loads(group.attrs[name])
    except (TypeError, json.JSONDecodeError):
        raise ValueError(f"{where}: expected JSON as attribute {name}, found {group.attrs[name]!r:.60}") from None


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[Any]:
    """The HDF5 file at `path`, closed at the end."""
    import h5py

    try:
        file = h5py.File(path, mode)
    except OSError as error:
        expected = "an HDF5 file" if mode == "r" else "a place for an HDF5 file"
        raise ValueError(f"{path}: expected {expected}, found none ({error})") from None
    with file:
        yield file

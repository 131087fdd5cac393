"""A trained network in a file, with all that is needed to apply it again: safetensors with a header in JSON.

Nothing in such a file is ever run. Whatever is not as it was written is refused, with a line that says why.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_fluorodenoise.denoisers.networks import NETWORKS, network
from napari_fluorodenoise.denoisers.schedule import Schedule

if TYPE_CHECKING:
    from torch import Tensor

    from napari_fluorodenoise.denoisers.networks.parts import Network

__all__ = ["Model", "header", "load", "save"]

KEY = "fluorodenoise"
"""Of the header's entry that holds the JSON."""
FORMAT = 1
PARTS = ("settings", "options", "noise", "normalisation", "training")
"""The header's objects; besides there are the names of the network and of the scheme."""


@dataclass(frozen=True, eq=False)
class Model:
    """A trained `net`, by the names of its `network` and `scheme`, and what it was trained on.

    `options` are the scheme's; `noise` says slope, read_variance and autocorrelation of the noise it was trained with,
    `normalisation` how intensities become what the network sees, `training` on what, how long and how well. All of
    them are fit for JSON; arrays among them become lists.
    """

    network: str
    scheme: str
    net: Network
    options: Mapping[str, Any] = field(default_factory=dict)
    noise: Mapping[str, Any] = field(default_factory=dict)
    normalisation: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """How the trainings that led to it went, in their order; none in a model that does not know."""
        return tuple(Schedule(**told) for told in self.training.get("schedules", ()))

    @property
    def settings(self) -> Mapping[str, Any]:
        """The network's arguments."""
        return self.net.settings


def save(path: Path | str, model: Model, *, half: bool = False) -> Path:
    """The file at `path` that now holds `model`; it appears whole or not at all, in place of an earlier one.

    `half` rounds the weights to float16. Raises ValueError where it cannot be written.
    """
    import safetensors.torch

    header = {"format": FORMAT, "version": version("napari-fluorodenoise"), "network": model.network}
    header |= {"scheme": model.scheme, **{part: dict(getattr(model, part)) for part in PARTS}}
    weights = {name: values.detach().cpu().contiguous() for name, values in model.net.state_dict().items()}
    if half:
        weights = {name: values.half() for name, values in weights.items()}
    text = json.dumps(header, default=_listed, allow_nan=False)
    _write(Path(path), safetensors.torch.save(weights, metadata={KEY: text}))
    return Path(path)


def load(path: Path | str) -> Model:
    """The model in the file at `path`, on the CPU, ready to be applied.

    Raises ValueError, in one line, for a file that is missing, foreign or damaged, or that another version wrote.
    """
    header, weights = _read(Path(path))
    _check(Path(path), header)
    net = _network(Path(path), header, weights)
    return Model(header["network"], header["scheme"], net, **{p: header[p] for p in PARTS if p != "settings"})


def header(path: Path | str) -> Mapping[str, Any]:
    """What the model file at `path` says of itself: network, scheme, and the parts of a `Model`; needs no torch.

    Raises ValueError as `load` does.
    """
    with _opened(Path(path), framework="np") as (told, _):
        _check(Path(path), told)
    return told


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The header and the weights, by name."""
    with _opened(path, framework="pt") as (told, file):
        weights = {name: _whole(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118  (it is no mapping)
    return told, weights


@contextmanager
def _opened(path: Path, *, framework: str) -> Iterator[tuple[dict[str, Any], Any]]:
    """The header and the open file; raises ValueError, in one line, for what cannot be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework=framework) as file:
            found = (file.metadata() or {}).get(KEY)
            if found is None:
                raise _refused(path, f"safetensors without an entry {KEY!r}, of another program")
            told = json.loads(found)
            if not isinstance(told, dict):
                raise _refused(path, f"a header that is {type(told).__name__} and no object")
            yield told, file
    except (SafetensorError, OSError, json.JSONDecodeError, RecursionError) as error:
        raise _refused(path, " ".join(str(error).split())[:200] or type(error).__name__) from error


def _whole(weights: Tensor) -> Tensor:
    """`weights` in float32 where they were rounded to less."""
    import torch

    return weights.float() if weights.dtype == torch.float16 else weights


def _check(path: Path, header: Mapping[str, Any]) -> None:
    """Raise ValueError unless the header is one that this version writes."""
    from napari_fluorodenoise.denoisers.schemes import SCHEMES

    if header.get("format") != FORMAT:
        raise _refused(path, f"format {header.get('format')!r} where this version reads {FORMAT}", "update the package")
    for kind, names in (("network", tuple(NETWORKS)), ("scheme", ("best", *SCHEMES))):
        if header.get(kind) not in names:
            raise _refused(path, f"{kind} {header.get(kind)!r}, which is none of {', '.join(names)}")
    missing = [part for part in PARTS if not isinstance(header.get(part), dict)]
    if missing:
        raise _refused(path, f"a header without the object {missing[0]!r}")


def _network(path: Path, header: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Network:
    """The network of the header with these weights. It is made without memory first: sizes may be anything."""
    import torch

    try:
        with torch.device("meta"):
            net = network(header["network"], **{**header["settings"], "seed": 0})
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise _refused(path, f"settings that make no {header['network']} ({' '.join(str(error).split())})") from error
    expected = {name: (tuple(values.shape), values.dtype) for name, values in net.state_dict().items()}
    found = {name: (tuple(values.shape), values.dtype) for name, values in weights.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise _refused(path, f"weights {name} {_told(found.get(name))} instead of {_told(expected.get(name))}")
        if not torch.isfinite(weights[name]).all():
            raise _refused(path, f"weights {name} that are not finite", "train again")
    net.load_state_dict(dict(weights), assign=True)
    return net.eval()


def _refused(path: Path, found: str, advice: str = "name a model that was saved by this package") -> ValueError:
    return ValueError(f"{path}: expected a trained model, found {found}; {advice}")


def _told(weights: tuple[tuple[int, ...], Any] | None) -> str:
    return "none" if weights is None else f"{weights[0]} {weights[1]}"


def _listed(value: Any) -> Any:
    """Arrays, numbers of arrays and paths as JSON has them."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value.tolist()


def _write(path: Path, content: bytes) -> None:
    """Put `content` at `path` in one step: it is written in a hidden folder beside it first."""
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", suffix=".part", dir=path.parent) as folder:
            part = Path(folder) / path.name
            part.write_bytes(content)
            part.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ValueError(f"{path}: cannot be written ({reason}); free space or name another") from error

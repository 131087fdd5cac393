"""Every denoiser on sequences whose truth is known, beside what else there is: prints the tables in docs/benchmarks.md.

    python benchmarks/denoisers.py [--cases pan-30 p2c3-.003] [--methods best BM4D] [--set denoise.budget=60] > table.md

Cases are named as `cases.py` says; the default eight hold every kind. PSNR and SSIM are over the range of the phantom's
clean frames, and over 1 where values are in [0, 1]. Rivals know more than a user does: TV and NLM get the best of their
strengths by PSNR against the truth, BM3D and BM4D, where they are installed, the true photon-transfer line, by which
frames are stabilised for them, and the true spectrum of correlated noise with the read noise in it. `fast`, `best` and
the schemes get the noisy frames alone. `supervised` is `best` trained on the truth of the sequence that it denoises:
the bound for its network, inputs and steps. A scheme that assumes noise independent from pixel to pixel is run on
correlated noise as it comes and after Decorrelate. Without --methods the schemes run on two cases only.

Seconds count everything: measuring, training, applying. --set changes the stages of all recipes but `fast`. What
cannot be run (not installed, no recipe, a case refused) is named on stderr and left out. --pictures DIR keeps the
middle frame of every result between noisy frame and truth, and under it what was taken away.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np

import napari_fluorodenoise as fd
from cases import DATA, Case, named
from machine import described
from napari_fluorodenoise.denoisers import DENOISERS, best
from napari_fluorodenoise.denoisers.model import save
from napari_fluorodenoise.engine.blocks import Output, map_blocks
from napari_fluorodenoise.engine.progress import silent
from napari_fluorodenoise.physics.detector import measured
from napari_fluorodenoise.quality import scores
from napari_fluorodenoise.stages.denoise import FittedDenoise
from rivals import bm3d, bm4d, installed, tuned

CASES = ("still-30", "still-100", "pan-30", "pan-100", "p5c3-80", "still-.001", "p2c3-.003", "p3c3-.005")
FOR_SCHEMES = ("pan-30", "p2c3-.003")
"""The cases on which the schemes are run one by one: correlated noise, and noise independent from pixel to pixel."""
INDEPENDENT = {
    "noise2void": {"denoiser": "noise2void"},
    "n2v2": {"denoiser": "noise2void", "n2v2": True},
    "noise2self": {"denoiser": "noise2self"},
    "self2self": {"denoiser": "self2self", "student": False},
    "self2self-student": {"denoiser": "self2self"},
    "neighbor2neighbor": {"denoiser": "neighbor2neighbor"},
}
"""Schemes that assume noise independent from pixel to pixel, as settings of Denoise."""
SCHEMES = {**INDEPENDENT, **{name: {"denoiser": name} for name in ("temporal", "recorrupted", "sure")}}
SPLIT, SDD = "split-self2self", "sdd-self2self"
"""Self2Self's student in the two halves of a split, as published, and beside them in the whole frames."""
AFTER = "decorrelated-"
RIVALS = ("5-frame mean", "TV", "NLM", "BM3D", "BM4D")
CLOCK = (40, 256)
"""Frames, and rows and columns, of the sequence on which `best` may take no longer than BM4D."""

LARGE = (24, 1024)
"""Frames, and rows and columns, on which the speed of trained models is measured."""
APPLIED = {"student of self2self": "self2self", "default network, of recorrupted": "recorrupted", "best": "best"}

Method = Callable[[Case], tuple[np.ndarray, float]]
"""From a case to a result (T, Y, X) and the seconds it took."""


@dataclass(frozen=True)
class Row:
    """How near a method's result is to the truth, and how long it took; the noisy input takes no time."""

    case: str
    method: str
    psnr: float
    ssim: float
    seconds: float | None = None

    def __str__(self) -> str:
        seconds = "" if self.seconds is None else f"{self.seconds:.1f}"
        return f"| {self.case} | {self.method} | {self.psnr:.2f} | {self.ssim:.3f} | {seconds} |"


def methods(settings: Sequence[str]) -> dict[str, Method]:
    """What can be run, by name, in the order of the table; what cannot is named on stderr."""
    found: dict[str, Method] = {name: partial(rival, name=name) for name in RIVALS[:3]}
    found |= {name: partial(timed, method) for name, method in (("BM3D", bm3d), ("BM4D", bm4d)) if installed(name)}
    recipes: dict[str, Callable[[], fd.Recipe]] = {"fast": partial(fd.Recipe.named, "fast")}
    recipes |= {name: partial(scheme, own, settings) for name, own in SCHEMES.items()}
    recipes |= {f"{AFTER}{name}": partial(scheme, own, settings, after=True) for name, own in INDEPENDENT.items()}
    recipes |= {SPLIT: partial(sdd, settings, whole=False), SDD: partial(sdd, settings, whole=True)}
    recipes |= {"best": partial(best_recipe, settings)}
    for name, made in recipes.items():
        try:
            found[name] = partial(timed, partial(cleaned, recipe=made()))
        except ValueError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    return found | {"supervised": partial(timed, partial(bound, settings=settings))}


def rival(case: Case, *, name: str) -> tuple[np.ndarray, float]:
    """The best of the rival's results; the seconds are for one."""
    found = tuned(case, name)
    return found.video, found.seconds


def timed(method: Callable[[Case], np.ndarray], case: Case) -> tuple[np.ndarray, float]:
    start = time.perf_counter()
    result = method(case)
    return result, time.perf_counter() - start


def scheme(own: Mapping[str, object], settings: Sequence[str], *, after: bool = False) -> fd.Recipe:
    """The recipe that trains a denoiser on the frames, or on what Decorrelate makes of them."""
    of = "frames_decorrelated" if after else "frames"
    first = [{"decorrelate": {"of": ["frames"]}}] if after else []
    stages = [*first, {"denoise": {"of": [of], **own}}, {"fuse": {}}]
    return fd.Recipe.from_json(json.dumps({"recipe": str(own["denoiser"]), "stages": stages})).set(*settings)


def sdd(settings: Sequence[str], *, whole: bool) -> fd.Recipe:
    """Recipe `sdd` with Self2Self's student; without the `whole` frames as in doi 10.1007/978-3-031-16452-1_2."""
    recipe = fd.Recipe.named("sdd")
    stages = (
        replace(stage, denoiser="self2self") if isinstance(stage, fd.Denoise) else stage
        for stage in recipe.stages
        if whole or not (isinstance(stage, fd.Denoise) and stage.of == ("frames",))
    )
    return replace(recipe, stages=tuple(stages)).set(*settings)


def best_recipe(settings: Sequence[str]) -> fd.Recipe:
    return fd.Recipe.named("best").set(*settings)


def bound(case: Case, *, settings: Sequence[str]) -> np.ndarray:
    """The result (T, Y, X) of recipe `best` where its network learns from the truth of the same sequence."""
    *before, stage, _ = best_recipe(settings).stages
    run = fd.Recipe(name="before", stages=tuple(before)).run(fd.Video(data=case.noisy))
    own = {key: getattr(stage, key) for key in best.SETTINGS}
    fitted = best.fit(run, "frames", progress=silent, rng=np.random.default_rng(0), truth=case.clean, **own)
    kinds = dict.fromkeys(("frames_denoised", "frames_uncertainty"), Output(np.dtype(np.float32)))
    return map_blocks(FittedDenoise({"frames": fitted}), {"frames": case.noisy}, outputs=kinds)["frames_denoised"]


def cleaned(case: Case, *, recipe: fd.Recipe) -> np.ndarray:
    """The result (T, Y, X) of `recipe`."""
    run = fd.Run.of(fd.Video(data=case.noisy))
    return recipe.run(run, rng=np.random.default_rng(0)).video(recipe.result(run)).numpy()


def chosen(name: str, case: Case, known: Mapping[str, Method], asked: Sequence[str] | None) -> dict[str, Method]:
    """The `known` methods that suit the case called `name`: those that were `asked` for, or the default ones."""
    correlated = case.response.size > 1
    suited = {key: method for key, method in known.items() if correlated or not key.startswith(AFTER)}
    if asked is not None:
        return {key: method for key, method in suited.items() if key in asked}
    alone = {*SCHEMES, SPLIT, SDD}
    return {key: m for key, m in suited.items() if name in FOR_SCHEMES or key.removeprefix(AFTER) not in alone}


def rows(case: Case, used: Mapping[str, Method], pictures: Path | None) -> Iterator[Row]:
    """The row of the noisy input, then one for each method as soon as it is known."""
    near = partial(scores, truth=case.clean, data_range=case.span)
    yield Row(case.name, "noisy", *near(case.noisy))
    for name, method in used.items():
        try:
            result, seconds = method(case)
        except ValueError as error:  # a long table goes on without what refuses a case
            print(f"{name} is left out of {case.name}: {error}", file=sys.stderr)
            continue
        yield Row(case.name, name, *near(result), seconds)
        if pictures is not None:
            draw(case, result, pictures / f"{case.name}, {name}.png".replace(" ", "_").replace("/", "_per_"))


def draw(case: Case, result: np.ndarray, path: Path) -> None:
    """Write the middle frame: noisy, result, truth; below them what was taken away, 4 times the error, the noise."""
    noisy, result, clean = (np.asarray(v[len(v) // 2], np.float32) for v in (case.noisy, result, case.clean))
    low, high = np.percentile(clean, (0.5, 99.5))
    noise = float(np.std(noisy - clean))
    above = [grey(picture, low, high) for picture in (noisy, result, clean)]
    below = [grey(part, -4 * noise, 4 * noise) for part in (noisy - result, 4 * (result - clean), noisy - clean)]
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.vstack([np.hstack(above), np.hstack(below)]))


def grey(picture: np.ndarray, low: float, high: float) -> np.ndarray:
    scaled = np.clip((picture - low) / (high - low), 0, 1)
    return cv2.resize(np.rint(255 * scaled).astype(np.uint8), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)


def summary(table: Sequence[Row]) -> None:
    """Print how far `best` is above its rivals and below its bound, by case."""
    found = {(row.case, row.method): row.psnr for row in table}
    if not any(method == "best" for _, method in found):
        return
    print("\n| case | best - BM3D, dB | best - BM4D | best - the next best | which | bound - best |")
    print("|---|---|---|---|---|---|")
    for name in dict.fromkeys(row.case for row in table):
        own = found.get((name, "best"))
        others = {
            method: psnr for (case, method), psnr in found.items() if case == name and method in (*RIVALS, "fast")
        }
        if own is None or not others:
            continue
        next_best = max(others, key=others.__getitem__)
        above = [f"{own - others[other]:+.2f}" if other in others else "" for other in ("BM3D", "BM4D")]
        left = f"{found[name, 'supervised'] - own:+.2f}" if (name, "supervised") in found else ""
        print(f"| {name} | {' | '.join(above)} | {own - others[next_best]:+.2f} | {next_best} | {left} |")


def clock(known: Mapping[str, Method], seed: int) -> None:
    """Print how long BM4D and `best` take on one sequence of the size for which there is a limit."""
    frames, size = CLOCK
    case = named("pan-30", frames=frames, size=size, seed=seed)
    print(f"\n| {frames} frames of {size}² | s |\n|---|---|")
    for name in ("BM4D", "best"):
        if name in known:
            print(f"| {name} | {known[name](case)[1]:.1f} |", flush=True)


def rates(seed: int) -> None:
    """Print how many frames of 1024² a second a trained model denoises: once it is fitted, and with all before."""
    count, size = LARGE
    video = fd.phantom(frames=count, shape=(size, size), photons=30, pan=2.0, rng=seed).noisy
    small = measured(fd.Run.of(fd.phantom(frames=8, shape=(64, 64), photons=30, rng=seed).noisy))
    kinds = dict.fromkeys(("frames_denoised", "frames_uncertainty"), Output(np.dtype(np.float32)))
    print(f"\n| {count} frames of {size}², a trained model | frames/s | with measuring and fitting |\n|---|---|---|")
    for name, denoiser in APPLIED.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.safetensors"
            one = fd.Denoise(denoiser=denoiser, training_steps=1)
            own = {key: getattr(one, key) for key in import_module(DENOISERS[denoiser]).SETTINGS}
            train = import_module(DENOISERS[denoiser]).train
            save(path, train([small], "frames", progress=silent, rng=np.random.default_rng(0), **own))
            start = time.perf_counter()
            fitted = replace(one, model=str(path)).fit(measured(fd.Run.of(video)))
            begun = time.perf_counter()
            map_blocks(fitted, {"frames": video.data}, outputs=kinds)
            done = time.perf_counter()
        print(f"| {name} | {count / (done - begun):.2f} | {count / (done - start):.2f} |", flush=True)


def setting(options: argparse.Namespace) -> str:
    """The table's first line: on what, and with what."""
    rivals = "".join(f", {name.lower()} {version(name.lower())}" for name in ("BM3D", "BM4D") if installed(name))
    changed = f", {' '.join(options.set)}" if options.set else ""
    sizes = f"at most {options.frames} frames of {options.size}²"
    return f"{described()}{rivals}{accelerator()}; seed {options.seed}, {sizes}{changed}\n"


def accelerator() -> str:
    """The GPU's name, where torch finds one."""
    import torch

    return f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", default=CASES, help="SCENE-NUMBER: quanta, or below 1 a variance")
    parser.add_argument("--methods", nargs="+", help="only these, on every case (default: schemes on two cases only)")
    parser.add_argument("--set", action="append", default=[], help="STAGE.FIELD=VALUE, for trained recipes")
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--pictures", type=Path, metavar="DIR")
    parser.add_argument("--no-clock", action="store_true", help="do not time larger sequences at the end")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    known = methods(options.set)
    unknown = set(options.methods or ()) - set(known)
    if unknown:
        sys.exit(f"expected --methods among {', '.join(known)}, found {', '.join(sorted(unknown))}")
    print(f"{setting(options)}\n| case | method | PSNR dB | SSIM | s |\n|---|---|---|---|---|", flush=True)
    some = named("still-30", frames=6, size=64, seed=0)
    for name in {"fast", "NLM"} & set(known):
        known[name](some)  # what is imported late is not part of the seconds
    table = []
    for name in options.cases:
        try:
            case = named(name, frames=options.frames, size=options.size, seed=options.seed, data=options.data)
        except ValueError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
            continue
        for row in rows(case, chosen(name, case, known, options.methods), options.pictures):
            print(row, flush=True)
            table.append(row)
    summary(table)
    if not options.no_clock:
        clock({name: known[name] for name in known if name in (options.methods or known)}, options.seed)
        rates(options.seed)


if __name__ == "__main__":
    main()

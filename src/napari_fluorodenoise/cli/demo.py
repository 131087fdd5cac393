"""`fluorodenoise demo`: a simulated sequence with known truth through every stage, shown in napari or written."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from napari_fluorodenoise.cli.bar import bars
from napari_fluorodenoise.quality import scores
from napari_fluorodenoise.video import Image, Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_fluorodenoise.physics.phantom import Phantom
    from napari_fluorodenoise.recipe import Recipe

__all__ = ["demo"]


def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Write files even where there is a display.")] = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the files go.")] = Path("fluorodenoise-demo"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the simulation.")] = 0,
) -> None:
    """Denoise a simulated sequence and compare it with its truth: opens napari, or writes pictures and an OME-Zarr."""
    from napari_fluorodenoise.physics.phantom import phantom

    if out.exists() and not out.is_dir():
        raise ValueError(f"{out}: expected a folder to write to, found a file; name another with --out")
    with bars() as start:
        start("simulating")(0.0, "a beating heart, a wire, a panning detector")
        sample = phantom(pan=1.5, rng=seed)
        run = _recipe()(sample.noisy, progress=start("every stage"), rng=np.random.default_rng(seed))
    fused = run.video("fused").numpy()
    for title, frames in (("before", sample.noisy.numpy()), ("after", fused)):
        psnr, ssim = scores(frames, truth=sample.clean)
        print(f"{title:8}PSNR {psnr:5.2f} dB   SSIM {ssim:.3f}")
    if headless or not _has_display():
        _write(run, sample, out)
    else:
        from napari_fluorodenoise.widgets.show import show

        show(run, name="phantom", result="fused")


def _recipe() -> Recipe:
    """Every stage once: `sdd`, and beside it the view without the detector's blur."""
    from napari_fluorodenoise.recipe import Recipe
    from napari_fluorodenoise.stages.decorrelate import Decorrelate

    stabilize, decompose, *rest = Recipe.named("sdd").stages
    return Recipe(name="demo", stages=(stabilize, decompose, Decorrelate(of=("frames",)), *rest))


def _has_display() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _write(run: Run, sample: Phantom, out: Path) -> None:
    """Put pictures of one frame and the denoised sequence into `out`; all of them or, when stopped, none."""
    import cv2

    from napari_fluorodenoise.io import write

    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        for name, picture in _pictures(run, sample).items():
            cv2.imwrite(str(Path(folder, name)), picture)
        write(Path(folder, "denoised.ome.zarr"), run.video("fused"))
        out.mkdir(exist_ok=True)
        for made in sorted(Path(folder).iterdir()):
            target = out / made.name
            if target.is_dir():
                shutil.rmtree(target)
            made.replace(target)
            print(f"wrote {target}")


def _pictures(run: Run, sample: Phantom) -> dict[str, NDArray[np.uint8]]:
    """What to look at, by file name: the panorama, the split of one frame, and before, after and their difference."""
    t = sample.noisy.shape[0] * 2 // 3
    names = ("frames", "fused", "background", "foreground", "foreground_denoised")
    before, after, background, foreground, moving = (run.video(name).numpy()[t].astype(np.float32) for name in names)
    low, high = (float(v) for v in np.percentile(sample.clean[t], (0.5, 99.5)))
    noise = float(np.std(before - after))
    faint = (high - low) / 3
    panorama = run["panorama"]
    assert isinstance(panorama, Image)
    return {
        "panorama.png": _grey(panorama.data, low, high),
        "background.png": _grey(background, low, high),
        "foreground.png": _beside(
            ("foreground", _grey(foreground, -faint, faint)), ("denoised", _grey(moving, -faint, faint))
        ),
        "before-after-residual.png": _beside(
            ("before", _grey(before, low, high)),
            ("after", _grey(after, low, high)),
            ("before - after", _grey(before - after, -4 * noise, 4 * noise)),
        ),
    }


def _grey(picture: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """The picture (Y, X) in 8 bits, from `low` black to `high` white."""
    scaled = np.nan_to_num((picture.astype(np.float32) - low) / (high - low))
    grey: NDArray[np.uint8] = np.rint(255 * scaled.clip(0, 1)).astype(np.uint8)
    return grey


def _beside(*titled: tuple[str, NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Pictures (Y, X) of one size side by side at twice their size, each under its title."""
    import cv2

    columns = []
    for title, picture in titled:
        large = cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
        column = cv2.copyMakeBorder(large, 36, 0, 4, 4, cv2.BORDER_CONSTANT, value=0)
        columns.append(cv2.putText(column, title, (10, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 1, cv2.LINE_AA))
    return np.hstack(columns)

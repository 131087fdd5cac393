"""`fluorodenoise simulate`: a noisy sequence with its truth, of a drawn chest or of a CT volume."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from napari_fluorodenoise.cli.bar import bars
from napari_fluorodenoise.cli.errors import naming
from napari_fluorodenoise.video import Video

if TYPE_CHECKING:
    from napari_fluorodenoise.engine.progress import Progress
    from napari_fluorodenoise.physics.chain import ImagingChain
    from napari_fluorodenoise.physics.projection import Geometry, Pose, Volume
    from napari_fluorodenoise.video import Intensity

__all__ = ["simulate"]

Target = Annotated[Path | None, typer.Argument(metavar="OUT", help="Where to write; the suffix picks the format.")]
Ct = Annotated[Path | None, typer.Option(metavar="VOLUME", help="A CT: folder of DICOM slices, DICOM or NIfTI file.")]
Chain = Annotated[Path | None, typer.Option(metavar="CHAIN.json", help="The imaging chain; see --print-chain.")]
Frames = Annotated[int, typer.Option(metavar="N", min=1, help="How many frames.")]
Size = Annotated[int, typer.Option(metavar="N", min=16, help="Rows and columns of a frame.")]
Photons = Annotated[float | None, typer.Option(metavar="N", help="Quanta detected per pixel, on average in the field.")]
Pan = Annotated[float, typer.Option(metavar="PX", min=0, help="How far the view moves per frame, in pixels.")]
View = Annotated[str | None, typer.Option(metavar="LAO,CRA", help="Of a CT: where the detector stands, degrees.")]
Turn = Annotated[float | None, typer.Option(metavar="DEG", help="Of a CT: degrees per second to the patient's left.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed for what is random.")]
Truth = Annotated[Path | None, typer.Option(metavar="FILE", help="Also write the noise-free sequence, float32.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]
PrintChain = Annotated[bool, typer.Option("--print-chain", help="Print the imaging chain as JSON to edit, and stop.")]


def simulate(
    target: Target = None,
    ct: Ct = None,
    chain: Chain = None,
    frames: Frames = 40,
    size: Size = 512,
    photons: Photons = None,
    pan: Pan = 1.5,
    view: View = None,
    turn: Turn = None,
    seed: Seed = 0,
    truth: Truth = None,
    overwrite: Overwrite = False,
    print_chain: PrintChain = False,
) -> None:
    """Simulate a noisy sequence: of a drawn chest, or of a CT volume with a guidewire."""
    from napari_fluorodenoise.io import write

    plan = _Plan(chain=_chain(chain, photons=photons), frames=frames, size=size, pan=pan, seed=seed)
    if print_chain:
        print(plan.chain.to_json())
        return
    if ct is None and (view is not None or turn is not None):
        raise ValueError("expected --view and --turn only with --ct; the drawn chest is seen from one side")
    pose = _pose(view)
    target = _checked(target, truth, plan, overwrite=overwrite)
    with bars() as start:
        if ct is None:
            noisy, clean = _drawn(plan, progress=start("simulating"))
        else:
            noisy, clean = _projected(plan, ct, pose=pose, turn=turn or 0.0, progress=start("simulating"))
        write(target, noisy, overwrite=overwrite, progress=start(f"writing {target.name}"))
        if truth is not None:
            write(truth, clean, overwrite=overwrite, progress=start(f"writing {truth.name}"))
    print(f"wrote {target}: {frames} frames of {size} x {size}, {clean.numpy().mean():.0f} counts on average")


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What both kinds of scene need."""

    chain: ImagingChain
    frames: int
    size: int
    pan: float
    seed: int


def _chain(file: Path | None, *, photons: float | None) -> ImagingChain:
    """The chain in `file`, or the default one, with so many `photons`; raises ValueError naming the file."""
    from napari_fluorodenoise.physics.chain import ImagingChain

    chain = ImagingChain()
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{file}: expected an imaging chain as JSON, found none ({error})") from None
        with naming(file):
            chain = ImagingChain.from_json(text)
    if photons is None:
        return chain
    try:
        return replace(chain, beam=replace(chain.beam, photons=photons))
    except ValueError:
        raise ValueError(f"expected --photons above 0, found {photons:g}") from None


def _checked(target: Path | None, truth: Path | None, plan: _Plan, *, overwrite: bool) -> Path:
    """The `target`, after everything that can be refused before the work is done was looked at."""
    from napari_fluorodenoise.io import check_output

    if target is None:
        raise ValueError("expected OUT, the file to write, or --print-chain; found neither")
    if truth is not None and target.resolve() == truth.resolve():
        raise ValueError(f"{truth}: expected --truth to be another file than OUT, found the same; name another")
    check_output(target, overwrite=overwrite, dtype=plan.chain.dtype)
    if truth is not None:
        check_output(truth, overwrite=overwrite, dtype=np.dtype(np.float32))
    return target


def _pose(view: str | None) -> Pose:
    """The pose at the angles of `LAO,CRA`."""
    from napari_fluorodenoise.physics.projection import Pose

    try:
        lao, cra = map(float, (view or "0,0").split(","))
    except ValueError:
        raise ValueError(f"expected --view LAO,CRA as two numbers of degrees, found {view!r}") from None
    if not (abs(lao) <= 180 and abs(cra) <= 90):
        raise ValueError(f"expected --view within 180 and 90 degrees, found {view!r}")
    return Pose(lao, cra)


def _drawn(plan: _Plan, *, progress: Progress) -> tuple[Video, Video]:
    """The drawn chest, noisy and clean."""
    from napari_fluorodenoise.physics.phantom import phantom

    progress(0.0, "a beating heart, a wire, a panning detector")
    shape = (plan.size, plan.size)
    sample = phantom(frames=plan.frames, shape=shape, pan=plan.pan, chain=plan.chain, rng=plan.seed)
    progress(1.0, "")
    noisy = _told(sample.noisy, plan, of="a drawn chest")
    return noisy, replace(noisy, data=sample.clean, intensity="linear")


def _projected(plan: _Plan, ct: Path, *, pose: Pose, turn: float, progress: Progress) -> tuple[Video, Video]:
    """The CT volume and a guidewire, noisy and clean."""
    from napari_fluorodenoise.physics.guidewire import Guidewire
    from napari_fluorodenoise.physics.projection import Geometry, Route, scene

    chain = plan.chain
    geometry = Geometry(pixel=chain.pixel_size, shape=(plan.size, plan.size))
    speed = plan.pan * geometry.pixel / geometry.magnification / chain.frame_interval
    progress(0.0, "reading the volume")
    route = Route(start=pose, turn=turn, speed=speed)
    look = scene(_read(ct), geometry=geometry, route=route, wire=Guidewire())
    noisy = np.empty((plan.frames, *geometry.shape), chain.dtype)
    clean = np.empty(noisy.shape, np.float32)
    for t, exposed in enumerate(chain.expose(look, frames=plan.frames, rng=plan.seed)):
        noisy[t], clean[t] = exposed.frame, exposed.mean
        progress((t + 1) / plan.frames, f"frame {t + 1} of {plan.frames}")
    video = _told(Video(data=noisy, frame_interval=chain.frame_interval), plan, of="a CT volume")
    video = replace(video, metadata={**video.metadata, **_arm(geometry, pose)})
    return video, replace(video, data=clean, intensity="linear")


def _read(ct: Path) -> Volume:
    from napari_fluorodenoise.io.volume import read_volume

    try:
        return read_volume(ct)
    except ImportError as error:  # says what to install
        raise ValueError(str(error)) from None


def _told(video: Video, plan: _Plan, *, of: str) -> Video:
    """The sequence with where it comes from, for the one who finds the file later."""
    pixel = plan.chain.pixel_size
    derivation = f"Simulated by napari-fluorodenoise {version('napari-fluorodenoise')}: {of}, seed {plan.seed}"
    facts = {"derivation": derivation, "pixel_size_plane": "detector", "burned_in_annotation": "NO"}
    meaning: Intensity = "linear" if plan.chain.display is None else "display"
    return replace(video, pixel_size=(pixel, pixel), intensity=meaning, metadata={**video.metadata, **facts})


def _arm(geometry: Geometry, pose: Pose) -> dict[str, float]:
    """Where the arm stands in the first frame, under the names that the readers use."""
    return {
        "source_to_detector_mm": geometry.source_detector,
        "source_to_patient_mm": geometry.source_patient,
        "magnification": geometry.magnification,
        "positioner_primary_angle_deg": pose.lao,
        "positioner_secondary_angle_deg": pose.cra,
    }

"""The trust report as one HTML page: pictures, checks, noise and dose, without a network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

import numpy as np

from napari_fluorodenoise.physics.described import container, described
from napari_fluorodenoise.quality.checks import Check, Curve, Map
from napari_fluorodenoise.quality.checks.texture import left
from napari_fluorodenoise.quality.report.picture import NOISE, Shown, overlay, shown
from napari_fluorodenoise.quality.report.plot import plot
from napari_fluorodenoise.quality.spectrum import SIZE

if TYPE_CHECKING:
    from napari_fluorodenoise.physics.detector import Detector
    from napari_fluorodenoise.quality.trust import Trust
    from napari_fluorodenoise.video import Video

__all__ = ["dose", "page"]

SUMMARY = {
    "pass": "No fault was found that is certain and large enough to matter.",
    "doubtful": "Look twice: at least one check has a doubt.",
    "fail": "Do not trust this result in what the failed checks are about.",
}


def page(trust: Trust, noisy: Video, denoised: Video, *, names: tuple[str, str] = ("before", "after")) -> str:
    """The report on `denoised`, made of `noisy` (T, Y, X both), as one HTML document; `names` are the two files'."""
    frames, factor = shown(noisy, denoised, detector=trust.detector)
    count = noisy.shape[0]
    template = Template(files(__package__).joinpath("template.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(names[1]),
        before_name=escape(names[0]),
        after_name=escape(names[1]),
        verdict=trust.verdict,
        summary=SUMMARY[trust.verdict],
        overview="".join(_overview(check) for check in trust.checks),
        before="".join(_image(n, one.before) for n, one in enumerate(frames)),
        after=f'<div class="after">{"".join(_image(n, one.after) for n, one in enumerate(frames))}</div>',
        residual="".join(_image(n, one.residual) for n, one in enumerate(frames)),
        smaller=f" Shown at 1/{factor} of its size, which averages noise." if factor > 1 else "",
        noise=NOISE,
        first=frames[0].frame,
        last=len(frames) - 1,
        count=count,
        numbers=json.dumps([one.frame for one in frames]),
        checks="".join(_check(check, frames, noisy.shape[1:]) for check in trust.checks),
        noise_facts=_facts([*container(noisy), *described(trust.detector, linear=noisy.intensity == "linear")]),
        transfer=plot(_transfer(trust.detector)),
        removed_facts=_facts(_removed(trust)),
        looked=_looked(trust, count),
    )


def dose(trust: Trust) -> str:
    """The dose equivalence in one sentence."""
    factor, least = trust.dose
    if not left_is_known(trust):
        return "cannot be told: no part of the picture rests"
    wide = factor > min(3 * least, 100)
    told = f"at least {_times(least)}" if wide else f"about {_times(factor)} (at least {_times(least)})"
    return (
        f"without processing, as little noise would have taken {told} the dose. It compares noise where nothing moves, "
        "and says nothing of structure: a result can have little noise and have lost, or made up, what matters"
    )


def left_is_known(trust: Trust) -> bool:
    """Whether any part of the picture rested for long enough to tell the noise that is left."""
    return bool(trust.tiles.still.any())


def _times(factor: float) -> str:
    return f"{factor:.1f} times" if factor < 10 else f"{factor:.0f} times" if factor < 100 else "100 times"


def _overview(check: Check) -> str:
    link = f'<a href="#{_anchor(check)}">{escape(check.name)}</a>'
    return f'<li><span class="badge {check.verdict}">{check.verdict}</span>{link}</li>'


def _anchor(check: Check) -> str:
    return check.name.lower().replace(" ", "-")


def _image(number: int, source: str) -> str:
    hidden = " hidden" if number else ""
    return f'<img data-frame="{number}"{hidden} alt="" src="{source}">'


def _check(check: Check, frames: Sequence[Shown], shape: Sequence[int]) -> str:
    picture = check.picture
    figure = _map(picture, frames[len(frames) // 2], shape) if isinstance(picture, Map) else _curve(picture)
    return (
        f'<section class="card check" id="{_anchor(check)}"><div><div class="head">'
        f'<span class="badge {check.verdict}">{check.verdict}</span><h3>{escape(check.name)}</h3></div>'
        f'<p>{escape(check.meaning)}</p><p class="faint">{escape(check.evidence)}</p></div>{figure}</section>'
    )


def _map(found: Map, behind: Shown, shape: Sequence[int]) -> str:
    """The map of tiles over a frame; the tiles do not reach the end of every frame."""
    height, width = (100 * (n // SIZE * SIZE) / n for n in shape)
    style = f"width:{width:.3f}%;height:{height:.3f}%"
    told = (
        f"Red: {escape(found.label)}, full from {2 * found.limit:g} on; clear: 0 or not certain. Grey: not looked at."
    )
    return (
        f'<figure class="map"><div class="stack"><img alt="" src="{behind.after}">'
        f'<img class="over" style="{style}" alt="" src="{overlay(found)}"></div>'
        f"<figcaption>{told}</figcaption></figure>"
    )


def _curve(curve: Curve) -> str:
    note = "Dashed: before. Line: after." if curve.before is not None else "Bars: standard errors."
    return f"<figure>{plot(curve)}<figcaption>{note}</figcaption></figure>"


def _transfer(detector: Detector) -> Curve:
    """The photon-transfer points, and the line through them; two points of the line where none were measured."""
    bins = detector.bins
    x = bins.mean if len(bins.mean) else np.array([0.5, 1.5]) * detector.level
    line = np.asarray(detector.variance(x), np.float64)
    y, error = (bins.variance, bins.error) if len(bins.mean) else (line, np.zeros(2))
    return Curve(x=x, y=y, error=error, before=line, x_label="mean intensity", y_label="noise variance")


def _removed(trust: Trust) -> Iterable[tuple[str, str]]:
    share, error = left(trust.tiles)
    energy = trust.tiles.energy[trust.tiles.known][:, 1].mean() / trust.tiles.freedom[1]
    yield "in all", f"what was taken away has {energy:.0%} of the variance that the noise has"
    if left_is_known(trust):
        yield "noise left", f"{share:.1%} ± {error:.1%} of the noise variance, where nothing moves"
    yield "dose", dose(trust)


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    def mark(title: str) -> str:
        return ' class="warning"' if title == "warning" else ""

    return "".join(f"<dt>{escape(title)}</dt><dd{mark(title)}>{escape(text)}</dd>" for title, text in facts)


def _looked(trust: Trust, count: int) -> str:
    tiles = trust.tiles
    seen = len(np.unique(tiles.start[:, None] + np.arange(tiles.frames)))
    return (
        f"Looked at {seen} of {count} frames, in {len(tiles.start)} groups of {tiles.frames} consecutive ones spread "
        f"over the sequence, and in {tiles.count} tiles of {SIZE} x {SIZE} pixels in them: {tiles.known.mean():.0%} of "
        "all there are."
    )

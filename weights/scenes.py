"""Random sequences that look like X-ray: what the shipped weights have seen. No real picture is in them.

Line integrals of layers that move on their own are added, as X-ray adds them: clouds of soft tissue, bodies with hard
and soft edges, bones, trees of vessels, wires. The view may pan; a heart beats; a wire may be there in one frame only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from napari_fluorodenoise.motion.warp import shifted
from napari_fluorodenoise.physics.phantom import phantom

MARGIN = {False: 24, True: 64}
"""Pixels around the view at rest and where it pans."""
FINER = 3
"""Vessels are drawn so much finer than pixels."""


@dataclass(frozen=True, eq=False)
class Scene:
    """Noise-free frames (T, Y, X) float32 of any scale, and the `offsets` (T, 2) px of the view."""

    clean: np.ndarray
    offsets: np.ndarray


def scene(rng: np.random.Generator, *, frames: int, side: int) -> Scene:
    """A random scene: one in eight is the phantom, the others are put together from layers."""
    if rng.random() < 1 / 8:
        return simulated(rng, frames=frames, side=side)
    pans = rng.random() < 0.5
    margin = MARGIN[pans]
    shape = (side + 2 * margin,) * 2
    offsets = path(rng, frames=frames, most=margin - 4) if pans else np.zeros((frames, 2))
    still = tissue(shape, rng)
    layers = [moving(shape, rng, first=index == 0) for index in range(int(rng.integers(1, 4)))]
    wires = [wire(shape, rng, frames=frames) for _ in range(int(rng.integers(0, 3)))]
    clean = np.empty((frames, side, side), np.float32)
    for t in range(frames):
        integral = still + sum(layer(t, frames) for layer in (*layers, *wires))
        view = shifted(integral.astype(np.float32), offsets[t])
        clean[t] = view[margin : margin + side, margin : margin + side]
    return Scene(np.exp(np.clip(0.6 * clean, -3, 2)) if rng.random() < 0.6 else clean, offsets)


def simulated(rng: np.random.Generator, *, frames: int, side: int) -> Scene:
    """The phantom of `physics`, its intensities or their logarithm."""
    pan = 0.0 if rng.random() < 0.5 else float(rng.uniform(0.5, 4))
    made = phantom(frames=frames, shape=(side, side), photons=1000, pan=pan, rng=rng)
    return Scene(made.clean if rng.random() < 0.5 else np.log(made.clean), made.offsets)


def path(rng: np.random.Generator, *, frames: int, most: float) -> np.ndarray:
    """Offsets (frames, 2) of a view that moves, and rests now and then."""
    velocity = rng.normal(0, 1, 2)
    velocity *= rng.uniform(0.3, 4) / np.hypot(*velocity)
    swing = 1 + np.sin(rng.uniform(0, 0.5) * np.arange(frames))
    steps = swing[:, None] * velocity + rng.normal(0, 0.2, (frames, 2))
    if rng.random() < 0.5:
        steps[rng.random(frames) < 0.3] = 0
    steps[0] = 0
    offsets = np.cumsum(steps, axis=0)
    return np.clip(offsets - offsets.mean(axis=0), -most, most)


def tissue(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """What stands still behind the view (Y, X): clouds, bodies, texture, bones."""
    integral = cloud(shape, rng.uniform(1.7, 2.8), rng) * rng.uniform(0.2, 1.5)
    integral += rng.uniform(0.1, 0.8) * bodies(shape, rng, int(rng.integers(3, 25)))
    if rng.random() < 0.6:
        integral += cloud(shape, rng.uniform(0, 0.9), rng) * rng.uniform(0, 0.12)
    if rng.random() < 0.4:
        for _ in range(int(rng.integers(2, 7))):
            bone = drawn(shape, curve(shape, rng, wild=0.4), width=rng.uniform(2, 9))
            integral += rng.normal(0, 0.4) * smoothed(bone, rng.uniform(0.6, 1.5))
    return integral.astype(np.float32)


def moving(shape: tuple[int, int], rng: np.random.Generator, *, first: bool) -> Callable[[int, int], np.ndarray]:
    """A layer that beats, `layer(t, frames)` (Y, X): vessels, bodies or a cloud; the first is mostly vessels."""
    kind = rng.random() * (0.6 if first else 1.0)
    if kind < 0.65:
        picture = vessels(shape, rng) * -rng.uniform(0.5, 2.5)
    elif kind < 0.8:
        picture = rng.uniform(0.1, 0.6) * bodies(shape, rng, int(rng.integers(1, 6)))
    else:
        picture = cloud(shape, rng.uniform(1, 2), rng) * rng.uniform(0.1, 0.5)
    reach, rate, phase = rng.uniform(0.5, 10), rng.uniform(0.02, 0.15), rng.uniform(0, 2 * np.pi)
    coarse = (shape[0] // 8, shape[1] // 8)
    way = [0.6 * cloud(coarse, 2.0, rng) + rng.normal() for _ in range(2)]
    way = [reach * cv2.resize(part.astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC) for part in way]
    flows_in, speed = rng.random() < 0.5, rng.uniform(0.3, 3)
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    picture = picture.astype(np.float32)

    def layer(t: int, frames: int) -> np.ndarray:
        beat = np.float32(np.sin(2 * np.pi * rate * t + phase))
        places = [(at + beat * part).astype(np.float32) for at, part in zip((columns, rows), way, strict=True)]
        moved = cv2.remap(picture, *places, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        return moved * np.float32(np.clip(speed * t / frames - 0.2, 0, 1) if flows_in else 1)

    return layer


def wire(shape: tuple[int, int], rng: np.random.Generator, *, frames: int) -> Callable[[int, int], np.ndarray]:
    """A wire that slides, `layer(t, frames)` (Y, X); three in ten are there in one frame only."""
    points, width, depth = curve(shape, rng, wild=0.8), rng.uniform(1, 2.6), -rng.uniform(0.15, 1.0)
    jitter, ways = rng.uniform(0, 4), rng.normal(0, 1, (2, 2))
    only = int(rng.integers(frames)) if rng.random() < 0.3 else None
    along = np.linspace(0, 1, len(points))[:, None]

    def layer(t: int, frames: int) -> np.ndarray:
        if only is not None and t != only:
            return np.zeros(shape, np.float32)
        slid = np.sin(0.4 * np.pi * t) * ways[0] * along + np.cos(0.26 * np.pi * t + 1) * ways[1] * (1 - along)
        return depth * smoothed(drawn(shape, points + jitter * slid, width=width), 0.5)

    return layer


def cloud(shape: tuple[int, int], slope: float, rng: np.random.Generator) -> np.ndarray:
    """A random field (Y, X) of mean 0 and deviation 1, whose amplitude falls with frequency to the power `slope`."""
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None])
    frequency[0, 0] = 1
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) / frequency**slope, shape)
    field -= field.mean()
    return field / field.std()


def bodies(shape: tuple[int, int], rng: np.random.Generator, number: int) -> np.ndarray:
    """Thicknesses (Y, X) of overlapping ellipses and polygons, with edges of several sharpnesses."""
    total = np.zeros(shape, np.float32)
    for _ in range(number):
        size = float(np.exp(rng.uniform(np.log(3), np.log(0.4 * min(shape)))))
        centre, body = (rng.uniform(0, 1, 2) * shape[::-1]).astype(int), np.zeros(shape, np.float32)
        if rng.random() < 0.7:
            axes = (max(1, int(size)), max(1, int(size * rng.uniform(0.2, 1))))
            cv2.ellipse(body, centre.tolist(), axes, rng.uniform(0, 180), 0, 360, 1.0, -1, cv2.LINE_AA)
        else:
            corners = centre + rng.normal(0, size, (int(rng.integers(3, 6)), 2))
            cv2.fillPoly(body, [corners.astype(np.int32)], 1.0, cv2.LINE_AA)
        total += np.float32(rng.normal()) * smoothed(body, float(rng.choice([0.5, 1, 2, 5])))
    return total


def vessels(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Trees (Y, X) that branch and taper, 1 where a vessel of 6 px lies."""
    fine = np.zeros([n * FINER for n in shape], np.float32)

    def branch(at: np.ndarray, angle: float, width: float, length: int, level: int) -> None:
        points, turn = [at], rng.normal(0, 0.01)
        for _ in range(length):
            turn = 0.9 * turn + rng.normal(0, 0.025)
            angle += turn
            points.append(points[-1] + 4 * np.array([np.cos(angle), np.sin(angle)]))
            if level < 3 and rng.random() < (0.09, 0.08, 0.06)[level]:
                aside = angle + rng.choice([-1, 1]) * rng.uniform(0.3, 1.2)
                branch(
                    points[-1], aside, width * rng.uniform(0.45, 0.85), int(length * rng.uniform(0.3, 0.9)), level + 1
                )
        widths = np.linspace(width, max(0.7, 0.4 * width), len(points))
        for start, stop, w in zip(points, points[1:], widths, strict=False):
            ends = [(point * FINER * 8).astype(int).tolist() for point in (start, stop)]
            cv2.line(fine, *ends, float(w) / 6, max(1, round(w * FINER)), cv2.LINE_AA, 3)

    for _ in range(int(rng.integers(1, 6))):
        start = rng.uniform(0, 1, 2) * shape[::-1]
        inwards = np.arctan2(shape[0] / 2 - start[1], shape[1] / 2 - start[0])
        length = int(max(shape) / 4 * rng.uniform(0.5, 1.2))
        branch(start, inwards + rng.normal(0, 0.6), rng.uniform(1.5, 6.5), length, 0)
    soft = smoothed(fine, 0.8 * FINER * rng.uniform(0.5, 1.2))
    return cv2.resize(soft, shape[::-1], interpolation=cv2.INTER_AREA)


def curve(shape: tuple[int, int], rng: np.random.Generator, *, wild: float) -> np.ndarray:
    """The points (61, 2) as (column, row) of a curve across the picture."""
    turns = np.zeros(60)
    for index in range(1, 60):
        turns[index] = 0.85 * turns[index - 1] + rng.normal(0, 0.12 * wild)
    angles = rng.uniform(0, 2 * np.pi) + 0.5 * np.cumsum(turns)
    steps = max(shape) / 60 * rng.uniform(0.4, 1.4) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    start = rng.uniform(0, 1, 2) * shape[::-1]
    return np.concatenate([start[None], start + np.cumsum(steps, axis=0)])


def drawn(shape: tuple[int, int], points: np.ndarray, *, width: float) -> np.ndarray:
    """A line (Y, X) along the `points`, 1 on it."""
    picture = np.zeros(shape, np.uint8)
    cv2.polylines(picture, [np.round(points * 8).astype(np.int32)], False, 255, max(1, round(width)), cv2.LINE_AA, 3)
    return picture.astype(np.float32) / 255


def smoothed(picture: np.ndarray, sigma: float) -> np.ndarray:
    """`picture` (Y, X) after a Gaussian."""
    return cv2.GaussianBlur(picture.astype(np.float32), (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)

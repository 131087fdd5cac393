import json
import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from napari_fluorodenoise.physics import chain as parts
from napari_fluorodenoise.physics.chain import Electronics, ImagingChain, Lag, Scintillator

PARTS = {
    "beam": parts.Beam,
    "exposure": parts.Exposure,
    "scatter": parts.Scatter,
    "glare": parts.Glare,
    "scintillator": Scintillator,
    "lag": Lag,
    "drift": parts.GainDrift,
    "electronics": Electronics,
    "brightness": parts.BrightnessControl,
    "display": parts.Display,
}
EVERYTHING = ImagingChain(
    frame_interval=1 / 30,
    pixel_size=0.194,
    exposure=parts.Exposure(),
    scatter=parts.Scatter(),
    glare=parts.Glare(),
    lag=Lag(time_constants=(40, 200), fractions=(0.06, 0.02)),
    drift=parts.GainDrift(percent=-0.3),
    brightness=parts.BrightnessControl(),
    display=parts.Display(curve="gamma"),
)


@pytest.mark.parametrize("chain", [ImagingChain(), EVERYTHING, ImagingChain(scintillator=None, electronics=None)])
def test_json_brings_back_the_same_chain(chain):
    assert ImagingChain.from_json(chain.to_json()) == chain
    assert list(json.loads(chain.to_json())) == [field.name for field in fields(ImagingChain)]


def test_what_json_leaves_out_keeps_its_default():
    chain = ImagingChain.from_json('{"beam": {"photons": 12}, "scintillator": null}')
    assert chain == ImagingChain(beam=parts.Beam(photons=12), scintillator=None)


@pytest.mark.parametrize(
    "text, problem",
    [
        ("{", "a chain as JSON, found a mistake at line 1"),
        ("[1]", "a chain as .*, found \\[1\\]"),
        ('{"foo": 1}', r"a setting of chain \(frame_interval, .*display\), found 'foo'"),
        ('{"beam": {"fotons": 3}}', r"a setting of chain.beam \(photons\), found 'fotons'"),
        ('{"drift": {"gain": 3}}', r"a setting of chain.drift \(percent\), found 'gain'"),
        ('{"beam": {"photons": -3}}', "chain.beam.photons to be greater than 0, found -3"),
        ('{"beam": {"photons": NaN}}', "chain.beam.photons to be a finite number, found nan"),
        ('{"beam": null}', "chain.beam to be a dictionary"),
        ('{"display": {"curve": "x"}}', "chain.display.curve to be 'log' or 'gamma', found 'x'"),
        ('{"lag": {"time_constants": [1, 2]}}', "^chain.lag: expected a fraction for each of 2"),
    ],
)
def test_mistakes_in_json_are_told_in_one_line(text, problem):
    with pytest.raises(ValueError, match=problem) as caught:
        ImagingChain.from_json(text)
    assert "\n" not in str(caught.value)


def test_every_part_of_a_chain_is_listed_for_its_errors():
    for field in fields(ImagingChain):
        if field.name not in ("frame_interval", "pixel_size"):
            with pytest.raises(ValueError, match=f"expected a setting of chain.{field.name} "):
                ImagingChain.from_json(json.dumps({field.name: {"typo": 1}}))


def test_slope_and_read_variance_follow_from_the_parts():
    chain = ImagingChain(
        scintillator=Scintillator(swank=0.8), electronics=Electronics(gain=5, read_noise=3, row_noise=4, offset=10)
    )
    assert chain.slope == pytest.approx(5 * (chain.response**2).sum() / 0.8)
    assert chain.read_variance == pytest.approx(25 * 25 + 1 / 12)
    assert chain.offset == 10
    bare = replace(chain, scintillator=None, electronics=None)
    assert (bare.slope, bare.read_variance, bare.offset, bare.dtype) == (1, 0, 0, np.float32)
    assert bare.response.tolist() == [[1]]


def test_the_page_lists_every_setting_with_its_default():
    page = (Path(__file__).parents[3] / "docs" / "physics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (on|off) \| `(\w+)` \| (.+?) \| ", page, re.MULTILINE)
    listed = {(part, setting): (state, value) for part, state, setting, value in rows}
    actual = {}
    for name, kind in PARTS.items():
        state = "off" if getattr(ImagingChain(), name) is None else "on"
        for field in fields(kind):
            value = getattr(kind(), field.name)
            actual[name, field.name] = (state, str(list(value)) if isinstance(value, tuple) else str(value))
    assert listed == actual

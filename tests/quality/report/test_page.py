"""The page stands alone, says what was found, and shows nothing that a file name could slip in."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.quality.checks import Curve, Map
from napari_fluorodenoise.quality.report.page import dose, page
from napari_fluorodenoise.quality.report.picture import overlay, shown
from napari_fluorodenoise.quality.report.plot import plot
from napari_fluorodenoise.quality.trust import trust

VOID = {"meta", "img", "input", "br"}


class Outline(HTMLParser):
    """The tags of a page, which must close in the order in which they opened."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def judged():
    sample = phantom(frames=24, shape=(160, 176), rng=1, collimated=True)
    clean = sample.noisy.with_data(1.03 * sample.clean)
    return trust(sample.noisy, clean), sample.noisy, clean


@pytest.fixture(scope="module")
def outline(judged):
    parser = Outline()
    parser.feed(page(*judged, names=("a.dcm", "<b>&.dcm")))
    assert not parser.open
    return parser


def test_nothing_is_fetched(judged, outline):
    sources = [attrs[key] for _, attrs in outline.tags for key in ("src", "href") if key in attrs]
    assert sources
    assert all(source.startswith(("data:image/png;base64,", "#")) for source in sources)
    assert not re.search(r"https?://|@import|url\(", page(*judged))


def test_every_check_is_told_with_its_verdict_evidence_and_meaning(judged, outline):
    text = " ".join(" ".join(outline.text).split())
    for check in judged[0].checks:
        for part in (check.name, check.meaning, check.evidence):
            assert " ".join(part.split()) in text
    badges = [attrs["class"].split()[1] for tag, attrs in outline.tags if attrs.get("class", "").startswith("badge")]
    verdicts = [check.verdict for check in judged[0].checks]
    assert badges == [judged[0].verdict, *verdicts, *verdicts]
    assert dose(judged[0]) in text
    assert "Looked at 24 of 24 frames" in text


def test_links_lead_somewhere_and_names_are_text(outline):
    ids = {attrs["id"] for _, attrs in outline.tags if "id" in attrs}
    assert {attrs["href"][1:] for tag, attrs in outline.tags if tag == "a"} <= ids
    assert "b" not in [tag for tag, _ in outline.tags]
    assert any("<b>&.dcm" in part for part in outline.text)


def test_three_pictures_of_every_frame_one_of_them_in_sight(outline):
    frames = [attrs for tag, attrs in outline.tags if tag == "img" and "data-frame" in attrs]
    assert len(frames) == 18
    assert [attrs["data-frame"] for attrs in frames if "hidden" not in attrs] == ["0", "0", "0"]


def test_frames_are_told_apart_and_large_ones_shown_smaller(judged):
    _, noisy, clean = judged
    frames, factor = shown(noisy, clean, detector=judged[0].detector)
    assert factor == 1
    assert [one.frame for one in frames] == sorted({one.frame for one in frames})
    assert len({one.before for one in frames}) == len(frames)
    wide = noisy.with_data(np.tile(noisy.data, (1, 1, 8)))
    detector = replace(judged[0].detector, field=np.tile(judged[0].detector.field, (1, 8)))
    assert shown(wide, wide, detector=detector)[1] == 3


def test_a_frame_with_nan_is_not_shown_as_if_it_were_one(judged):
    _, noisy, clean = judged
    broken = clean.numpy().copy()
    broken[:, 5, 5] = np.nan
    with pytest.raises(ValueError, match="finite pixels in OUT, found NaN or infinity in frame"):
        shown(noisy, clean.with_data(broken), detector=judged[0].detector)


@pytest.mark.parametrize("y", [np.array([1e-9, 2e-9, 1.5e-9]), np.array([-4e5, 3.0, 8e6]), np.zeros(3)])
def test_a_plot_is_sound_whatever_its_range(y):
    curve = Curve(x=np.array([0.1, 0.2, 0.4]), y=y, error=np.abs(y) / 3, before=y / 2, x_label="a < b", y_label="c")
    svg = ElementTree.fromstring(plot(curve))
    numbers = [float(part) for one in svg.iter("polyline") for part in re.split("[ ,]", one.get("points"))]
    assert all(0 <= number <= 380 for number in numbers)
    assert 3 <= sum(one.get("text-anchor") == "end" for one in svg.iter("text")) <= 9


def test_an_overlay_is_clear_red_and_grey():
    import base64

    import cv2

    uri = overlay(Map(values=np.array([[0.0, 9.0, np.nan]]), label="", limit=1.0))
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(uri.partition(",")[2]), np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture[0, 0, 3] == 0
    assert picture[0, 1, 2] > picture[0, 1, 0] + 100
    assert len(set(picture[0, 2, :3])) == 1

"""The JSON block holds every fact, and refuses what it does not know."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_fluorodenoise.io import facts
from napari_fluorodenoise.video import Video

positive = st.floats(1e-6, 1e6)
finite = st.floats(-1e6, 1e6)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | finite | st.text(),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=40, deadline=None)
@given(
    frame_interval=st.none() | positive,
    pixel_size=st.none() | st.tuples(positive, positive),
    origin=st.tuples(finite, finite),
    intensity=st.sampled_from(["linear", "log", "display"]),
    photometric=st.sampled_from(["MONOCHROME1", "MONOCHROME2"]),
    metadata=st.dictionaries(st.text().filter(lambda key: key != "overlays"), plain, max_size=4),
)
def test_the_block_holds_every_fact(**known):
    block = json.loads(json.dumps(facts.dumped(Video(data=np.zeros((1, 1, 1)), **known))))
    again = facts.loaded(block)
    assert {name: getattr(again, name) for name in known} == known


def test_numpy_s_numbers_become_python_s():
    video = Video(data=np.zeros((1, 1, 1)), metadata={"a": np.float32(0.5), "b": np.arange(2)})
    assert facts.loaded(facts.dumped(video)).metadata == {"a": 0.5, "b": (0, 1)}


@pytest.mark.parametrize("wrong", [{"frame_interval": 0}, {"pixel_size": [1]}, {"unknown": 1}, {"intensity": "pink"}])
def test_a_wrong_block_is_refused(wrong):
    with pytest.raises(ValueError, match="validation error"):
        facts.loaded({"metadata": {}, **wrong})

from importlib import import_module
from typing import get_args, get_type_hints

import pytest

from napari_fluorodenoise.denoisers import DENOISERS
from napari_fluorodenoise.stages.denoise import Denoise


@pytest.mark.parametrize("name", DENOISERS)
def test_every_denoiser_has_a_fit_and_its_settings_are_the_stages(name):
    module = import_module(DENOISERS[name])
    assert callable(module.fit)
    for setting in module.SETTINGS:
        assert hasattr(Denoise(), setting)


def test_the_stage_offers_every_denoiser():
    assert set(get_args(get_type_hints(Denoise)["denoiser"])) == set(DENOISERS)

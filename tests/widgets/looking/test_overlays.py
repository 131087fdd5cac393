import numpy as np
import pytest
from napari.layers import Layer

from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.stages.stabilize import Stabilize
from napari_fluorodenoise.video import Image
from napari_fluorodenoise.widgets.layers import layer_of
from napari_fluorodenoise.widgets.looking.overlays import show_foreground, show_panorama, show_uncertainty
from napari_fluorodenoise.widgets.show import open_in


def shown(viewer):
    return [layer for layer in viewer.layers if layer.visible]


def test_the_uncertainty_is_shown_from_zero_over_its_own_result(viewer, source, result, made, smooth):
    of_frames = made("frames_uncertainty", smooth)
    whole, fused = made("uncertainty", smooth), made("fused")
    viewer.layers.selection.active = result
    assert show_uncertainty(viewer) is of_frames
    assert shown(viewer) == [result, of_frames]
    assert of_frames.contrast_limits[0] == 0
    assert of_frames.colormap.name == "inferno"
    viewer.layers.selection.active = source
    assert show_uncertainty(viewer) is whole
    assert shown(viewer) == [fused, whole]


def test_dark_vessels_are_opaque_and_orange_over_the_background(viewer, made, smooth):
    dark = np.zeros_like(smooth)
    dark[:, 5:9] = -20
    foreground, background = made("foreground", dark), made("background", smooth)
    assert show_foreground(viewer) is foreground
    assert shown(viewer) == [background, foreground]
    assert foreground.contrast_limits[0] == -foreground.contrast_limits[1] == pytest.approx(-20)
    vessel, nothing = foreground.colormap.map(np.array([0.0, 0.5]))
    assert vessel[3] == 1
    assert vessel[0] > vessel[2]
    assert nothing[3] == 0


@pytest.fixture(scope="module")
def panned():
    return Stabilize()(phantom(frames=6, shape=(64, 64), pan=3.0, photons=60, rng=0).noisy)


def test_the_frames_lie_over_a_dimmed_panorama_and_end_at_their_edges(viewer, panned):
    open_in(viewer, panned, name="pan")
    frames, panorama = show_panorama(viewer), viewer.layers["pan · panorama"]
    assert shown(viewer) == [panorama, frames]
    assert panorama.colormap.colors[:, :3].max() < 0.6
    assert frames.contrast_limits == panorama.contrast_limits
    low, high = frames.contrast_limits
    outside, inside = frames.colormap.map(np.array([-low / (high - low), 0.5]))  # 0, as a share of the contrast
    assert (outside[3], inside[3]) == (0, 1)
    show_panorama(viewer)
    assert frames.colormap.name == "gray, clear"


def test_a_panorama_whose_contrast_begins_below_zero_has_clear_edges_too(viewer, source, made, video):
    frames = made("stabilized")
    picture = Layer.create(*layer_of(Image(data=np.ones((24, 32))), name="panorama", source=source))
    viewer.add_layer(picture).contrast_limits = (-5, 90)
    show_panorama(viewer)
    assert 0 < frames.contrast_limits[0] < 1


@pytest.mark.parametrize(
    ("show", "below", "above"),
    [
        (show_uncertainty, "frames_denoised", "frames_uncertainty"),
        (show_foreground, "background", "foreground"),
        (show_panorama, "panorama", "stabilized"),
    ],
)
def test_results_of_a_part_are_shown_too(viewer, source, made, part, show, below, above):
    picture = Image(data=np.ones((16, 20)), origin=(8.0, 11.0))
    layer = layer_of(picture, name="panorama", source=source, record={"part": part})
    viewer.add_layer(Layer.create(*layer))
    results = {name: made(name, part=part) for name in ("frames_denoised", "background", "stabilized")}
    shifted = np.linspace(-1, 1, 6 * 16 * 20, dtype=np.float32).reshape(6, 16, 20)
    results |= {name: made(name, shifted, part=part) for name in ("frames_uncertainty", "foreground")}
    viewer.layers.selection.active = results["frames_denoised"]
    assert show(viewer) is results[above]
    assert [layer.metadata["fluorodenoise"]["name"] for layer in shown(viewer)] == [below, above]


@pytest.mark.parametrize("show", [show_foreground, show_panorama, show_uncertainty])
def test_what_is_not_there_is_said_in_one_line(viewer, source, show):
    with pytest.raises(ValueError, match=r"among the results of 'clip', found none; run \w+") as refused:
        show(viewer)
    assert "\n" not in str(refused.value)

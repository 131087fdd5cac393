import dask.array as da
import numpy as np
import pytest
import zarr
from napari.layers import Image as ImageLayer
from napari.layers import Labels, Layer

from napari_fluorodenoise.video import Image, Run, Table, Video
from napari_fluorodenoise.widgets.layers import (
    current,
    fits,
    is_result,
    layer_of,
    name_of,
    opened,
    results_of,
    run_of,
    video_of,
)


def shown(viewer, layer):
    return viewer.add_layer(Layer.create(*layer))


@pytest.fixture
def source(viewer, video):
    return shown(viewer, opened(video, name="clip"))


def facts(video):
    return (video.frame_interval, video.pixel_size, video.origin, video.intensity, video.photometric, video.metadata)


def units(layer):
    return tuple(str(unit) for unit in layer.units)


@pytest.mark.parametrize("interval", [None, 0.04])
@pytest.mark.parametrize("size", [None, (0.3, 0.2)])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_an_opened_video_comes_back_from_its_layer(viewer, video, interval, size, photometric):
    video = Video(
        data=video.data, frame_interval=interval, pixel_size=size, origin=(2.0, 3.0), intensity="log",
        photometric=photometric, metadata={"kvp": 70},
    )  # fmt: skip
    layer = shown(viewer, opened(video, name="clip"))
    back = video_of(layer)
    assert back.data is video.data
    assert facts(back) == facts(video)
    assert layer.colormap.name == ("gray_r" if photometric == "MONOCHROME1" else "gray")
    assert units(layer)[0] == ("pixel" if interval is None else "second")
    assert units(layer)[1:] == (("pixel",) * 2 if size is None else ("millimeter",) * 2)
    assert viewer.layers.extent.units is not None
    assert viewer.dims.axis_labels == ("t", "y", "x")


def test_an_opened_layer_lies_where_the_video_says(source):
    np.testing.assert_allclose(source.scale, (0.1, 0.3, 0.2))
    np.testing.assert_allclose(source.translate, (0, 4 * 0.3, 6 * 0.2))


def test_contrast_is_the_window_where_one_is_stated(video):
    stated = Video(data=video.data, metadata={"window": (10.0, 90.0)})
    assert opened(stated, name="clip")[1]["contrast_limits"] == (10.0, 90.0)


def test_contrast_of_a_lazy_sequence_reads_three_frames(viewer, video):
    read = []

    def frame(block, block_info):
        read.append(block_info[0]["chunk-location"][0])
        return block

    lazy = da.from_array(np.tile(video.data, (4, 1, 1)), chunks=(1, -1, -1)).map_blocks(frame, dtype=np.uint16)
    _, attributes, _ = opened(Video(data=lazy), name="clip")
    assert set(read) == {0, 20, 39}
    assert 50 < attributes["contrast_limits"][0] < 100 < attributes["contrast_limits"][1] < 150


@pytest.mark.parametrize("value", [7.0, np.nan])
def test_contrast_of_a_flat_or_empty_picture_is_an_interval(value):
    low, high = opened(Video(data=np.full((3, 4, 4), value)), name="flat")[1]["contrast_limits"]
    assert low < high


@pytest.mark.parametrize(
    ("layer", "complaint"),
    [
        (ImageLayer(np.zeros((4, 8, 8, 3), np.uint8), rgb=True), "in colour"),
        (ImageLayer([np.zeros((4, 8, 8)), np.zeros((4, 4, 4))], multiscale=True), "one resolution"),
        (ImageLayer(np.zeros((8, 8))), "found 2 in 'still'"),
        (ImageLayer(np.zeros((2, 4, 8, 8))), "found 4 in 'still'"),
        (Labels(np.zeros((4, 8, 8), int)), "a Labels layer"),
    ],
)
def test_a_layer_that_is_no_grey_sequence_is_refused_in_one_line(layer, complaint):
    layer.name = "still"
    with pytest.raises(ValueError, match=complaint) as refused:
        video_of(layer)
    assert "\n" not in str(refused.value)
    assert not fits(layer)


def test_a_layer_from_elsewhere_says_what_its_units_say(viewer):
    plain = viewer.add_image(np.zeros((4, 8, 8)))
    assert facts(video_of(plain)) == (None, None, (0.0, 0.0), "linear", "MONOCHROME2", {})
    measured = viewer.add_image(np.zeros((4, 8, 8)), scale=(40, 0.03, 0.02), units=("ms", "cm", "cm"))
    assert facts(video_of(measured))[:2] == (pytest.approx(0.04), pytest.approx((0.3, 0.2)))


def test_a_layer_of_a_zarr_array_is_lazy(viewer, video):
    layer = viewer.add_image(zarr.array(video.data), contrast_limits=(0, 200))
    assert isinstance(video_of(layer).data, da.Array)
    np.testing.assert_array_equal(video_of(layer).data, video.data)


def test_results_are_placed_like_their_turned_source(viewer, video):
    data, attributes, kind = opened(video, name="clip")
    turned = {"rotate": [[1, 0, 0], [0, 0, -1], [0, 1, 0]], "shear": (0, 0, 0.2)}
    affine = np.diag([1.0, 2.0, 2.0, 1.0])
    source = shown(viewer, (data, {**attributes, **turned, "affine": affine}, kind))
    corner = (0, 5, 7)
    inner = video.crop(rows=slice(5, None), columns=slice(7, None))
    result = shown(viewer, layer_of(inner, name="inner", source=source))
    still = shown(viewer, layer_of(Image(data=inner.data[0], origin=inner.origin), name="still", source=source))
    for there, here in [((0, 0, 0), corner), ((3, 2, 1), (3, 7, 8))]:
        np.testing.assert_allclose(result.data_to_world(there), source.data_to_world(here))
        np.testing.assert_allclose(still.data_to_world(there[1:]), source.data_to_world(here)[1:])
    assert (units(result), result.axis_labels) == (units(source), source.axis_labels)
    assert (units(still), still.axis_labels) == (units(source)[1:], source.axis_labels[1:])
    assert viewer.layers.extent.units is not None


COLUMNS = ("row [px]", "column [px]", "segment", "confidence")


@pytest.fixture
def path(viewer, source):
    """The points layer of five offsets, over frames of 24 x 32 pixels."""
    offsets = np.column_stack([np.linspace(0, 2.2, 5), np.linspace(0, -7.3, 5), np.zeros(5), np.linspace(1, 0.2, 5)])
    return shown(viewer, layer_of(Table(data=offsets, columns=COLUMNS), name="offsets", source=source))


def table_of(source, viewer):
    return run_of(source, viewer.layers)["offsets"]


def test_offsets_become_the_path_of_the_middle_of_the_frames(viewer, source):
    table = Table(data=np.array([[0.0, 0.0], [1.0, -2.0]]), columns=COLUMNS[:2])
    points = shown(viewer, layer_of(table, name="offsets", source=source))
    np.testing.assert_allclose(points.data, [[11.5, 15.5], [12.5, 13.5]])
    np.testing.assert_allclose(points.data_to_world((12.5, 13.5)), source.data_to_world((0, 12.5, 13.5))[1:])
    assert (units(points), points.axis_labels) == (units(source)[1:], source.axis_labels[1:])
    assert viewer.layers.extent.units is not None
    back = table_of(source, viewer)
    assert (back.columns, back.data.tolist()) == (table.columns, table.data.tolist())


def test_a_path_is_coloured_by_confidence_and_its_points_know_their_frame(path):
    assert list(path.features.columns) == ["frame", "segment", "confidence"]
    assert path.features["frame"].tolist() == [0, 1, 2, 3, 4]
    assert len(np.unique(path.face_color, axis=0)) == 5


def test_a_point_moved_by_hand_changes_its_row_of_the_table(viewer, source, path):
    before = table_of(source, viewer).data.copy()
    moved = path.data.copy()
    moved[3] += (2.5, -1.0)
    path.data = moved
    after = table_of(source, viewer)
    assert after.columns == COLUMNS
    np.testing.assert_allclose(after.data - before, np.outer(np.arange(5) == 3, (2.5, -1.0, 0, 0)), atol=1e-12)


def test_a_frame_whose_point_was_deleted_has_no_offset(viewer, source, path):
    before = table_of(source, viewer).data
    path.selected_data = {1}
    path.remove_selected()
    after = table_of(source, viewer).data
    assert np.isnan(after[1]).all()
    np.testing.assert_array_equal(after[[0, 2, 3, 4]], before[[0, 2, 3, 4]])
    path.add([[3.0, 4.0]])  # napari gives it the features of the point that was selected last
    np.testing.assert_allclose(table_of(source, viewer).data[1], (3.0 - 11.5, 4.0 - 15.5, 0, 0.8))
    path.selected_data = {3, 4}
    path.remove_selected()
    assert len(table_of(source, viewer).data) == 4


def test_points_are_never_under_the_result_that_is_shown(viewer, source, video):
    run = Run(
        {
            "frames": video,
            "stabilized": video,
            "offsets": Table(data=np.zeros((10, 2)), columns=COLUMNS[:2]),
            "panorama": Image(data=np.zeros((30, 40))),
        }
    )
    made = results_of(run, ["stabilized", "offsets", "panorama"], source=source)
    assert [layer[1]["name"] for layer in made] == ["clip · panorama", "clip · stabilized", "clip · offsets"]
    assert [layer[1]["visible"] for layer in made] == [False, True, False]


def test_contrast_of_results_follows_the_source_or_shows_the_sign(source, video):
    def limits(data):
        return layer_of(video.with_data(data), name="result", source=source)[1]["contrast_limits"]

    assert tuple(limits(video.data + np.float32(1))) == tuple(source.contrast_limits)
    low, high = limits(video.data.astype(np.float32) - 100)
    assert -high == low < -15
    assert limits(video.data / np.float32(1e4))[1] < 1


def test_contrast_of_a_count_map_is_its_own(source):
    counts = np.tile(np.arange(120, dtype=np.float32), (9, 1))
    limits = layer_of(Image(data=counts), name="times_seen", source=source)[1]["contrast_limits"]
    assert limits == pytest.approx((0, 118), abs=1)
    pictured = layer_of(Image(data=counts + np.float32(0.25)), name="panorama", source=source)[1]["contrast_limits"]
    assert tuple(pictured) == tuple(source.contrast_limits)


def test_layers_of_one_source_make_one_run(viewer, source, video):
    other = shown(viewer, opened(video, name="another"))
    detector = object()
    for name in ("background", "foreground"):
        shown(viewer, layer_of(video, name=name, source=source, record={"detector": detector}))
    shown(viewer, layer_of(Image(data=np.zeros((9, 9))), name="panorama", source=source))
    shown(viewer, layer_of(video, name="foreign", source=other))
    assert viewer.layers["clip · background"].metadata["fluorodenoise"]["name"] == "background"
    source.name = "renamed"
    for layer in (source, viewer.layers["clip · foreground"]):
        run = run_of(layer, viewer.layers)
        assert set(run) == {"frames", "background", "foreground", "panorama"}
        assert run.detector is detector
        assert facts(run["background"]) == facts(video)
    assert run_of(other, viewer.layers).detector is None


def test_of_two_results_with_one_name_the_chosen_or_upper_one_counts(viewer, source, video):
    first, second = (
        shown(viewer, layer_of(video.with_data(video.data + n), name="fused", source=source)) for n in (1, 2)
    )
    assert run_of(source, viewer.layers)["fused"].data is second.data
    assert run_of(first, viewer.layers)["fused"].data is first.data
    assert name_of(first, viewer.layers) == "fused"


def test_what_was_made_from_a_replaced_layer_does_not_count(viewer, source, video):
    def made(name, **made_from):
        return shown(viewer, layer_of(video, name=name, source=source, made_from=made_from))

    def counted(layer=source):
        return {name: found for name, found in current(layer, viewer.layers).items() if name != "frames"}

    old = made("background", frames=source)
    clean = made("background_denoised", background=old)
    fused = made("fused", background_denoised=clean)
    made_of_frames = made("frames_denoised", frames=source)
    everything = {"background": old, "background_denoised": clean, "fused": fused, "frames_denoised": made_of_frames}
    assert counted() == everything
    new = made("background", frames=source)
    assert counted() == {"background": new, "frames_denoised": made_of_frames}
    assert counted(old) == everything
    assert counted(fused) == {"background": new, "frames_denoised": made_of_frames, "fused": fused}
    viewer.layers.remove(old)
    assert counted() == {"background": new, "frames_denoised": made_of_frames}
    viewer.layers.remove(new)
    del everything["background"]
    assert counted() == everything


def test_a_result_without_its_source_is_a_source(viewer, source, video):
    result = shown(viewer, layer_of(video, name="fused", source=source))
    assert is_result(result, viewer.layers)
    viewer.layers.remove(source)
    assert not is_result(result, viewer.layers)
    assert name_of(result, viewer.layers) == "frames"
    assert isinstance(run_of(result, viewer.layers), Run)

import dask.array as da
import numpy as np
import pytest

from napari_fluorodenoise.part import WHOLE, Part
from napari_fluorodenoise.video import Video


@pytest.fixture
def video():
    data = np.random.default_rng(0).integers(10, 200, (6, 8, 10)).astype(np.uint16)
    return Video(data=data, origin=(2.0, 3.0), metadata={"kvp": 70})


def test_all_of_a_video_is_itself(video):
    assert WHOLE.of(video).data.base is video.data
    assert WHOLE.of(video).origin == video.origin


def test_a_part_knows_where_it_lies(video):
    part = Part(frames=(1, 5), rows=(2, 8), columns=(3, 7)).of(video)
    np.testing.assert_array_equal(part.data, video.data[1:5, 2:8, 3:7])
    assert part.origin == (4.0, 6.0)


@pytest.mark.parametrize("lazy", [False, True])
def test_what_is_covered_is_as_dark_as_the_darkest_and_the_rest_is_untouched(video, lazy):
    given = video.with_data(da.from_array(video.data, chunks=(1, -1, -1))) if lazy else video
    before = video.data.copy()
    part = Part(covered=((0, 2, 0, 4), (6, 20, 8, 20))).of(given)
    mask = np.zeros((8, 10), bool)
    mask[:2, :4] = mask[6:, 8:] = True
    assert (part.is_lazy, part.dtype) == (lazy, video.dtype)
    assert set(np.asarray(part.data)[:, mask].ravel()) == {video.data[0][~mask].min()}
    np.testing.assert_array_equal(np.asarray(part.data)[:, ~mask], video.data[:, ~mask])
    np.testing.assert_array_equal(video.data, before)


def test_boxes_are_of_the_whole_frame(video):
    covered = Part(covered=((0, 4, 0, 5),))
    both = Part(rows=(2, 8), columns=(3, 9), covered=((0, 4, 0, 5),)).of(video)
    np.testing.assert_array_equal(both.data, covered.of(video).data[:, 2:8, 3:9])


@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        (Part(frames=(0, 7)), "frames within 0 to 6, found 0 to 7"),
        (Part(rows=(4, 4)), "rows within 0 to 8, found 4 to 4"),
        (Part(columns=(-1, 4)), "columns within 0 to 10, found -1 to 4"),
    ],
)
def test_what_is_not_there_is_refused(video, part, complaint):
    with pytest.raises(ValueError, match=complaint):
        part.of(video)

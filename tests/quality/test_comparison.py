"""Tables against the measures they are made of, whatever the blocks; and what is refused or warned of."""

import dask.array as da
import numpy as np
import pytest

from napari_fluorodenoise.physics.phantom import phantom
from napari_fluorodenoise.quality import (
    compare,
    entropy,
    gradient_rmse,
    markdown,
    psnr,
    reblur,
    snr,
    ssim,
    temporal_mean,
    temporal_psnr,
)
from napari_fluorodenoise.quality.comparison import HEADS, Row
from napari_fluorodenoise.video import Video


@pytest.fixture(scope="module")
def sample():
    return phantom(frames=7, shape=(48, 56), rng=1)


@pytest.fixture(scope="module")
def truth(sample):
    return Video(data=sample.clean)


def lazy(video):
    return video.with_data(da.from_array(video.data, chunks=(3, 20, -1)))


@pytest.mark.parametrize("made", [lambda video: video, lazy], ids=["numpy", "dask"])
def test_a_row_holds_the_measures_of_the_whole_sequence(made, sample, truth):
    (row,) = compare({"noisy": made(sample.noisy)}, reference=made(truth)).rows
    frames, clean = sample.noisy.numpy(), truth.numpy()
    limits = (float(clean.min()), float(clean.max()))
    assert row.psnr == pytest.approx(psnr(frames, truth=clean))
    assert row.ssim == pytest.approx(ssim(frames, truth=clean))
    assert row.gradient_rmse == pytest.approx(gradient_rmse(frames, truth=clean))
    assert row.temporal_psnr == pytest.approx(temporal_psnr(frames, truth=clean))
    assert row.entropy == pytest.approx(np.mean([entropy(frame, limits=limits) for frame in frames]))
    assert row.reblur == pytest.approx(np.mean([reblur(frame) for frame in frames]))
    assert row.snr is row.cnr is None


def test_regions_are_measured_frame_by_frame(sample):
    region, background = (slice(4, 20), slice(8, 24)), (slice(24, 40), slice(8, 24))
    (row,) = compare({"noisy": sample.noisy}, region=region, background=background).rows
    assert row.snr == pytest.approx(np.mean([snr(frame[region]) for frame in sample.noisy.numpy()]))
    assert row.cnr is not None
    assert row.psnr is None


@pytest.mark.parametrize("made", [lambda video: video, lazy], ids=["numpy", "dask"])
def test_the_mean_is_that_of_five_frames_where_there_are_five(made, sample):
    mean, frames = temporal_mean(made(sample.noisy)), sample.noisy.numpy().astype(np.float64)
    assert mean.is_lazy == made(sample.noisy).is_lazy
    for t in range(2, 5):
        np.testing.assert_allclose(mean.numpy()[t], frames[t - 2 : t + 3].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(mean.numpy()[0], (3 * frames[0] + frames[1] + frames[2]) / 5, rtol=1e-5)


def test_the_reference_itself_scores_as_well_as_can_be(truth):
    found = compare({"truth": truth}, reference=truth)
    (row,) = found.rows
    assert (row.psnr, row.ssim, row.gradient_rmse, row.temporal_psnr) == (np.inf, pytest.approx(1), 0, np.inf)
    assert found.warnings == ()


def test_the_table_has_the_columns_that_somebody_has(sample, truth):
    table = markdown(compare({"a|b": sample.noisy}, reference=truth)).splitlines()
    assert table[0] == ("| sequence | PSNR, dB | SSIM | gradient RMSE | temporal PSNR, dB | entropy, bits | reblur |")
    assert table[1].count("---") == 7
    assert table[2].startswith(r"| a\|b | ")
    assert "PSNR" not in markdown(compare({"x": sample.noisy}))
    assert set(HEADS) == set(Row.__dataclass_fields__) - {"name"}


def test_what_cannot_be_compared_is_refused(sample, truth):
    with pytest.raises(ValueError, match=r"short: expected \(7, 48, 56\) .* found \(6, 48, 56\); crop"):
        compare({"short": sample.noisy.crop(frames=slice(1, None))}, reference=truth)
    values = truth.numpy().copy()
    values[5, 3, 3] = np.nan
    broken = truth.with_data(values)
    with pytest.raises(ValueError, match="finite pixels in bad, found NaN or infinity in frame 5"):
        compare({"bad": broken}, reference=truth)
    with pytest.raises(ValueError, match="finite pixels in the reference, found NaN or infinity in frame 5"):
        compare({"good": truth}, reference=broken)
    with pytest.raises(ValueError, match="vary in the reference, found 2 everywhere"):
        compare({"x": truth}, reference=truth.with_data(np.full(truth.shape, 2.0)))
    with pytest.raises(ValueError, match="x: expected columns of a region within 0:56, found 50:57"):
        compare({"x": truth}, region=(slice(0, 4), slice(50, 57)))


def test_there_has_to_be_something_and_a_range(truth):
    with pytest.raises(ValueError, match="at least one sequence to compare, found none"):
        compare({}, reference=truth)
    with pytest.raises(ValueError, match=r"the lower one first, found \(5, 1\)"):
        compare({"x": truth}, limits=(5, 1))


def test_any_name_will_do(sample, truth):
    (row,) = compare({"the reference": sample.noisy}, reference=truth).rows
    assert row.psnr == pytest.approx(psnr(sample.noisy.numpy(), truth=truth.numpy()))


def test_a_frame_without_structure_leaves_no_number_that_is_none(truth):
    values = truth.numpy().copy()
    values[2] = 7
    found = compare({"dark": truth.with_data(values)}, region=(slice(0, 4), slice(0, 4)))
    assert found.rows[0].reblur is found.rows[0].snr is None
    assert "nan" not in markdown(found)


def test_other_units_are_warned_of(truth):
    clean = truth.numpy()
    (scaled,) = compare({"unit": truth.with_data(clean / clean.max())}, reference=truth).warnings
    assert "rises by" in scaled
    (moved,) = compare({"moved": truth.with_data(clean + 2 * np.ptp(clean))}, reference=truth).warnings
    assert "more than its range apart" in moved
    whole = truth.with_data(np.uint16(clean))
    (other,) = compare({"other": whole.with_data(np.int32(clean))}, reference=whole).warnings
    assert "other is int32 and the reference uint16" in other
    assert compare({"whole": whole}, reference=truth).warnings == ()
    assert compare({"faint": truth.with_data(0.7 * clean)}, reference=truth).warnings == ()


def test_one_frame_and_small_frames_are_measured_as_far_as_they_go(truth):
    one = truth.crop(frames=slice(0, 1))
    found = compare({"one": one.with_data(one.numpy() + 1)}, reference=one)
    assert found.rows[0].temporal_psnr is None
    assert "one has one frame" in found.warnings[0]
    small = truth.crop(rows=slice(0, 9))
    found = compare({"small": small}, reference=small)
    assert found.rows[0].ssim is None
    assert "window of SSIM" in found.warnings[0]

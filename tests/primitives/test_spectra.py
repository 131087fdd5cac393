import numpy as np
import pytest
from scipy import signal
from scipy.linalg import sqrtm
from scipy.ndimage import correlate

from napari_fluorodenoise.primitives.spectra import filtered, root, transfer


def gaussian(radius=6, sigma=0.6):
    axis = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    kernel = np.outer(axis, axis)
    return kernel / kernel.sum()


def test_transfer_starts_at_the_sum_and_matches_the_dft():
    kernel = gaussian()
    found = transfer(kernel, (40, 33))
    assert found.shape == (40, 17)
    assert found[0, 0] == pytest.approx(1)
    row = np.arange(-6, 7)
    expected = (kernel * np.cos(2 * np.pi * (3 * row[:, None] / 40 + 5 * row[None, :] / 33))).sum()
    assert found[3, 5] == pytest.approx(expected)


def test_transfer_refuses_a_grid_smaller_than_the_kernel():
    with pytest.raises(ValueError, match="expected a grid"):
        transfer(gaussian(), (12, 40))


def test_root_of_an_autocorrelation_is_its_kernel():
    kernel = gaussian(sigma=0.55)
    spectrum = transfer(kernel, (64, 64)) ** 2
    index = np.arange(-6, 7)
    autocorrelation = np.fft.irfft2(spectrum, (64, 64))[np.ix_(index, index)]
    np.testing.assert_allclose(root(autocorrelation / autocorrelation.max()), kernel, atol=1e-4)


def matrix_root(autocorrelation):
    """The kernel as the paper takes it: the middle row of the root of the covariance of a small image's pixels.

    doi 10.1088/1361-6501/addc06; the image is as large as the kernel, (s // 2 + 1)² for an autocorrelation of s².
    """
    size = len(autocorrelation) // 2 + 1
    pixels = np.eye(size**2).reshape(size**2, size, size)
    covariance = np.stack([signal.correlate(pixel, autocorrelation, "same").ravel() for pixel in pixels], axis=1)
    kernel = np.real(sqrtm(covariance))[size**2 // 2].reshape(size, size)
    return kernel / kernel.sum()


@pytest.mark.parametrize("read_share", [0.0, 0.1, 0.3], ids=["Poisson", "a tenth read noise", "a third read noise"])
@pytest.mark.parametrize(("sigma", "atol"), [(0.5, 1e-4), (0.6, 2e-4), (0.7, 5e-4)])
def test_root_agrees_with_the_root_of_the_papers_covariance_matrix(sigma, atol, read_share):
    kernel = gaussian(radius=3, sigma=sigma)
    autocorrelation = (1 - read_share) * signal.correlate(kernel, kernel) / (kernel**2).sum()
    autocorrelation[6, 6] += read_share
    found = root(autocorrelation)
    np.testing.assert_allclose(found[3:-3, 3:-3], matrix_root(autocorrelation), atol=atol)
    assert np.abs(found).sum() == pytest.approx(np.abs(found[3:-3, 3:-3]).sum(), abs=0.005)  # nothing lies further out
    if read_share:
        assert found[6, 6] > kernel[3, 3] + 0.02  # white noise sharpens the root: it is no point response
    else:
        np.testing.assert_allclose(found[3:-3, 3:-3], kernel, atol=atol)


def test_filtering_mirrors_at_the_edges():
    frames = np.random.default_rng(0).random((3, 21, 30)).astype(np.float32)
    kernel = gaussian(radius=3)
    factor = transfer(kernel, (21 + 16, 30 + 16)).astype(np.float32)
    expected = correlate(frames, kernel[None], mode="reflect")
    np.testing.assert_allclose(filtered(frames, factor, pad=8), expected, atol=1e-5)
    np.testing.assert_array_equal(filtered(frames, factor, pad=8)[1], filtered(frames[1:2], factor, pad=8)[0])

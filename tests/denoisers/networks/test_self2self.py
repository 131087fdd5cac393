import pytest
import torch
from torch.nn import functional

from napari_fluorodenoise.denoisers.networks.self2self import Self2Self, _Partial


@pytest.fixture
def net():
    torch.manual_seed(0)
    net = Self2Self(channels=4, depth=2).eval()
    torch.nn.init.normal_(net.last.weight)
    return net


@pytest.mark.parametrize("fold", [1, 2])
@pytest.mark.parametrize("kept", [0.7, 0.05, 0.0])
def test_what_is_hidden_has_no_influence(fold, kept):
    torch.manual_seed(0)
    net = Self2Self(channels=4, depth=2, fold=fold, offset=2.0).eval()
    torch.nn.init.normal_(net.last.weight)
    mask = torch.rand(2, 1, 30, 41) < kept
    picture = torch.randn(2, 1, 30, 41)
    other = torch.where(mask, picture, 50.0)
    with torch.inference_mode():
        found = net(picture, mask)
        assert found.isfinite().all()
        torch.testing.assert_close(net(other, mask), found, rtol=1e-5, atol=1e-5)
        if kept:
            assert not torch.allclose(net(other), net(picture))


def test_offset_moves_with_the_picture(net):
    moved = Self2Self(channels=4, depth=2, offset=40.0).eval()
    moved.load_state_dict(net.state_dict())
    picture = torch.randn(1, 1, 24, 24)
    with torch.inference_mode():
        torch.testing.assert_close(moved(picture + 40), net(picture) + 40, rtol=1e-4, atol=1e-4)


def test_without_a_mask_all_is_seen(net):
    picture = torch.randn(1, 1, 24, 24)
    with torch.inference_mode():
        torch.testing.assert_close(net(picture, torch.ones_like(picture, dtype=torch.bool)), net(picture))


def test_features_are_dropped_where_it_is_asked_for(net):
    picture = torch.randn(1, 1, 24, 24)
    with torch.inference_mode():
        assert torch.equal(net(picture), net(picture))
        assert not torch.equal(net(picture, drops=True), net(picture, drops=True))
        assert torch.equal(net.train()(picture, drops=False), net(picture, drops=False))
        assert not torch.equal(net(picture), net(picture))


def test_a_partial_convolution_is_the_textbook_one():
    torch.manual_seed(1)
    layer = _Partial(2, 3)
    torch.nn.init.normal_(layer.bias)
    features, known = torch.randn(1, 2, 5, 5), (torch.rand(1, 2, 5, 5) < 0.3).float()
    known[..., :3, :3] = 0
    found, some = layer(features, known)
    around, seen = (functional.pad(values, (1,) * 4, mode="reflect") for values in (features * known, known))
    for y in range(5):
        for x in range(5):
            window, count = around[0, :, y : y + 3, x : x + 3], seen[0, :, y : y + 3, x : x + 3].sum()
            expected = torch.zeros(3)
            if count:
                expected = (layer.layer.weight * window).sum((1, 2, 3)) * 18 / count + layer.bias[:, 0, 0]
            torch.testing.assert_close(found[0, :, y, x], functional.leaky_relu(expected, 0.1))
            assert bool(some[0, 0, y, x]) == (count > 0)

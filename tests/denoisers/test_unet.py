import pytest
import torch

from napari_fluorodenoise.denoisers.unet import UNet


@pytest.mark.parametrize("shape", [(64, 64), (37, 50), (5, 3), (1, 1), (16, 129)])
@pytest.mark.parametrize("fold", [1, 2])
def test_any_size_comes_back(shape, fold):
    net = UNet(channels=4, fold=fold)
    with torch.inference_mode():
        assert net(torch.zeros(2, 1, *shape)).shape == (2, 1, *shape)


def test_an_untrained_network_smooths():
    picture = torch.zeros(1, 1, 24, 24)
    picture[..., 12, 12] = 25.0
    with torch.inference_mode():
        found = UNet(channels=4)(picture)
    torch.testing.assert_close(found[..., 10:15, 10:15], torch.ones(1, 1, 5, 5))
    assert found.sum().item() == pytest.approx(25)


def test_a_picture_does_not_depend_on_its_neighbours_in_a_batch():
    torch.manual_seed(0)
    net = UNet(channels=4)
    torch.nn.init.normal_(net.last.weight)
    pictures = torch.randn(3, 1, 21, 30)
    with torch.inference_mode():
        torch.testing.assert_close(net(pictures)[1:2], net(pictures[1:2]))


def test_the_gradient_reaches_every_weight():
    torch.manual_seed(0)
    net = UNet(channels=4)
    torch.nn.init.normal_(net.last.weight)
    net(torch.randn(1, 1, 32, 32)).square().mean().backward()
    assert all(values.grad is not None and values.grad.abs().max() > 0 for values in net.parameters())

import pytest
import torch

from napari_fluorodenoise.denoisers.networks import network
from napari_fluorodenoise.denoisers.networks.parts import binomial
from napari_fluorodenoise.denoisers.networks.unet import UNet


@pytest.mark.parametrize("fold", [1, 2])
def test_an_untrained_network_smooths(fold):
    picture = torch.zeros(1, 1, 24, 24)
    picture[..., 12, 12] = 25.0
    with torch.inference_mode():
        found = UNet(channels=4, fold=fold)(picture)
    torch.testing.assert_close(found[..., 10:15, 10:15], torch.ones(1, 1, 5, 5))
    assert found.sum().item() == pytest.approx(25)


def test_the_centre_is_what_is_smoothed_and_the_mean_where_there_is_none():
    pictures = torch.stack([torch.full((12, 12), value) for value in (1.0, 5.0, 9.0, 1.0)])[None]
    with torch.inference_mode():
        assert UNet(inputs=4, centre=2, channels=4)(pictures).mean() == 9
        assert UNet(inputs=4, centre=None, channels=4)(pictures).mean() == 4


def test_without_the_first_skip_the_finest_features_are_not_passed_on():
    whole, without = (UNet(channels=4, first_skip=skip) for skip in (True, False))
    assert [block[0].in_channels for block in whole.up] == [24, 12]
    assert [block[0].in_channels for block in without.up] == [24, 8]


def test_blur_pooling_lets_no_chequerboard_through():
    board = (torch.arange(16)[:, None] + torch.arange(16)) % 2
    found = binomial(board[None, None].float())
    torch.testing.assert_close(found[..., 1:-1, 1:-1], torch.full((1, 1, 6, 6), 0.5))


def test_a_change_alone_is_not_added_to_anything():
    pictures = torch.randn(2, 3, 24, 30, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert not UNet(inputs=3, channels=4, change_only=True)(pictures).any()
        torch.manual_seed(0)
        whole, change = (UNet(inputs=3, centre=1, channels=4, change_only=only) for only in (False, True))
        torch.nn.init.normal_(whole.last.weight)
        change.load_state_dict(whole.state_dict())
        rest = whole(pictures) - change(pictures)
        torch.testing.assert_close(rest, UNet(inputs=3, centre=1, channels=4)(pictures), atol=1e-5, rtol=1e-5)


def test_the_refiner_is_a_change_alone_and_says_so():
    net = network("refiner", seed=0, inputs=16)
    assert net.settings["change_only"]
    again = network("refiner", seed=0, **net.settings)
    assert [values.shape for values in again.parameters()] == [values.shape for values in net.parameters()]

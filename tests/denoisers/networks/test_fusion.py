import torch

from napari_fluorodenoise.denoisers.networks.fusion import Fusion

SCENE = 3 * torch.sin(torch.arange(48)[:, None] / 9) * torch.cos(torch.arange(48) / 7)


def frames(count=5, *, seed=0):
    return SCENE + torch.randn(1, count, 48, 48, generator=torch.Generator().manual_seed(seed))


def left(net, pictures):
    with torch.inference_mode():
        return (net(pictures)[0, 0] - SCENE).square().mean().item()


def test_an_untrained_network_fuses_frames_that_stand_still():
    assert left(Fusion(inputs=5, centre=2), frames()) < 0.35
    assert left(Fusion(inputs=5, centre=None), frames()) < 0.25


def test_a_frame_that_disagrees_is_not_trusted():
    pictures = frames()
    pictures[:, 0] += 20
    assert left(Fusion(inputs=5, centre=2), pictures) < 0.5


def test_a_single_frame_comes_back():
    picture = frames(1)
    with torch.inference_mode():
        torch.testing.assert_close(Fusion(inputs=1, centre=0)(picture), picture)

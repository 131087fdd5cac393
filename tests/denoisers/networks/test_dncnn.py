import pytest
from torch import nn

from napari_fluorodenoise.denoisers.networks.dncnn import DnCNN


@pytest.mark.parametrize(("depth", "fold"), [(2, 1), (17, 1), (5, 2)])
def test_a_chain_of_so_many_convolutions_without_normalisation(depth, fold):
    net = DnCNN(channels=4, depth=depth, fold=fold)
    assert sum(isinstance(layer, nn.Conv2d) for layer in net.modules()) == depth
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in net.modules())


def test_a_chain_of_one_is_refused():
    with pytest.raises(ValueError, match="at least 2 convolutions, found 1"):
        DnCNN(depth=1)

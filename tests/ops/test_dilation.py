import pytest
import torch
from torch import nn

from course_lib import ops


def chain():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, padding=1),
        nn.MaxPool2d(2), nn.Conv2d(4, 5, 3, padding=2, dilation=2), nn.ReLU(),
    ).double().eval()  # fmt: skip


@pytest.mark.parametrize("output_stride", [1, 2, 4, 8])
@pytest.mark.parametrize("size", [(61, 83), (64, 48)])
@torch.no_grad()
def test_the_new_map_is_the_dense_version_of_the_old(output_stride, size):
    net, images = chain(), torch.randn(2, 3, *size, dtype=torch.float64)
    dense, step = ops.dilated(net, output_stride), 8 // output_stride
    torch.testing.assert_close(dense(images)[..., ::step, ::step], net(images), rtol=0, atol=1e-12)
    old, new = (ops.receptive_field(ops.layers_of(m)) for m in (net, dense))
    assert (new.size, new.jump, new.start) == (old.size, output_stride, old.start)


def test_the_old_network_is_left_alone_and_weights_are_copies():
    net = chain()
    before = [str(m) for m in net]
    dense = ops.dilated(net, 2)
    assert [str(m) for m in net] == before
    assert torch.equal(dense[0].weight, net[0].weight)
    assert dense[0].weight is not net[0].weight


def test_what_cannot_be_dilated_exactly_is_one_sentence():
    with pytest.raises(ValueError, match=r"^dilated: output_stride is 3; the strides pass 1, 2, 4$"):
        ops.dilated(chain(), 3)
    net = nn.Sequential(nn.Conv2d(3, 3, 3, 2), nn.AvgPool2d(2))
    with pytest.raises(ValueError, match=r"^dilated: 1 is an average pooling, which cannot be dilated"):
        ops.dilated(net, 1)
    net = nn.Sequential(nn.Conv2d(3, 3, 3, 2), nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect"))
    with pytest.raises(ValueError, match=r"^dilated: 1 pads with 'reflect'"):
        ops.dilated(net, 1)
    with pytest.raises(ValueError, match=r"^dilated: 0 pools with ceil_mode"):
        ops.dilated(nn.Sequential(nn.MaxPool2d(2, ceil_mode=True)), 1)

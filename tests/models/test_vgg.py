"""course_lib.models.VGG: sizes, receptive fields, parameter counts, mistakes."""

import pytest
import torch

from course_lib import ops
from course_lib.models import VGG


def parameters(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(("name", "count"), [("vgg16", 138_357_544), ("vgg16_bn", 138_365_992)])
def test_parameters(name, count):
    with torch.device("meta"):
        assert parameters(VGG(name)) == count
        assert parameters(VGG(name, num_classes=None)) == {"vgg16": 14_714_688, "vgg16_bn": 14_723_136}[name]
        assert parameters(VGG(name, num_classes=21)) == count - 979 * 4097


@pytest.mark.parametrize(
    ("ceil_mode", "size"), [(False, (97, 130)), (True, (97, 130)), (True, (1, 33)), (False, (32, 63))]
)
def test_maps_behind_the_five_poolings(ceil_mode, size):
    net = VGG("vgg16_bn", width=2, num_classes=None, ceil_mode=ceil_mode).eval()
    images = torch.randn(2, 3, *size)
    maps = net.features_at(images)
    sign = -1 if ceil_mode else 1  # -(-n // d) rounds up
    expected = [(2, c, *(sign * (sign * n // 2**k) for n in size)) for k, c in enumerate(net.channels, start=1)]
    assert [tuple(m.shape) for m in maps] == expected
    assert net.channels == [2, 4, 8, 16, 16]
    torch.testing.assert_close(net(images), maps[-1])


def test_receptive_fields_of_conv5_3_pool5_and_fc6():
    layers = ops.layers_of(VGG(width=1, num_classes=None))
    fields = [ops.receptive_field(chain).size for chain in (layers[:-1], layers, [*layers, ops.Layer(7)])]
    assert fields == [196, 212, 404]


def test_a_later_pooling_leaves_earlier_maps_alone():
    """ReLUs work in place; what `features_at` returned must not change under it."""
    torch.manual_seed(0)
    net = VGG(width=4, num_classes=None).eval()
    images = torch.randn(1, 3, 40, 40)
    before = images.clone()
    first = net.features_at(images)[0]
    torch.testing.assert_close(first, net.features[:5](images))
    assert torch.equal(images, before)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: VGG("vgg19"), 'VGG: name must be "vgg16" or "vgg16_bn", not \'vgg19\''),
        (lambda: VGG(width=0), "VGG: width must be at least 1, not 0"),
        (lambda: VGG(width=1, num_classes=None).load({}, "caffe"), "VGG: source must be \"torchvision\", not 'caffe'"),
        (lambda: VGG(width=1, num_classes=None).load({}), "VGG: these weights are of another model: 26 missing"),
        (
            lambda: VGG(width=1, num_classes=None)(torch.zeros(1, 3, 40, 31)),
            r"VGG: images must be at least 32 x 32 pixels, not \(40, 31\)",
        ),
        (
            lambda: VGG(width=1, num_classes=None).features_at(torch.zeros(1, 1, 40, 40)),
            r"VGG: images must be \(N, 3, H, W\), not \(1, 1, 40, 40\)",
        ),
        (
            lambda: VGG(width=1, num_classes=None)(torch.zeros(1, 3, 40, 40, dtype=torch.uint8)),
            "VGG: images must be a float tensor, not torch.uint8",
        ),
    ],
)
def test_mistakes_get_one_sentence(call, message):
    with pytest.raises((ValueError, TypeError), match=f"^{message}"):
        call()

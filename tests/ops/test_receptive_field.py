import pytest
import torch
from torch import nn
from torchvision.models import resnet50, resnet101, vgg16

from course_lib import ops

CHAINS = [
    [(3,)],
    [(3,), (3,)],
    [(3, 2, 1), (3,), (2, 2), (3, 1, 1)],
    [(7, 2, 3), (3, 1, 2, 2), (5, 3, 0, 2)],
    [(1, 4), (3, 1, 4, 4), (2,)],
]


def positive_net(chain):
    """A linear network with positive weights: nothing can cancel, so the gradient shows the whole field."""
    convs = [nn.Conv2d(1, 1, k, *rest, bias=False) for k, *rest in (tuple(layer) for layer in chain)]
    for conv in convs:
        nn.init.constant_(conv.weight, 0.5)
    return nn.Sequential(*convs).double()


@pytest.mark.parametrize("chain", CHAINS)
def test_arithmetic_equals_the_gradient_for_every_cell_of_a_row(chain):
    field = ops.receptive_field(chain)
    net, images = positive_net(chain), torch.rand(1, 1, 53, 53, dtype=torch.float64)
    for cell in range(net(images).shape[-1]):
        top, _, bottom, _ = ops.field_box(ops.input_gradient(net, images, (cell, 0)))
        first = field.start + cell * field.jump
        # a dilated kernel can jump over the border, so an end in the padding is only a bound
        assert top >= max(first, 0)
        assert bottom <= min(first + field.size, 53)
        if first >= 0:
            assert top == first
        if first + field.size <= 53:
            assert bottom == first + field.size


@pytest.mark.parametrize(
    ("layers", "size", "jump"),
    [
        ([], 1, 1),
        ([(3,), (3,)], 5, 1),
        ([(3, 1, 0, 2)], 5, 1),
        ([(7,)] + 4 * [(3, 1, 4, 4)], 39, 1),
    ],
)
def test_small_fields_by_hand(layers, size, jump):
    field = ops.receptive_field(layers)
    assert (field.size, field.jump) == (size, jump)


def test_published_fields():
    features = ops.layers_of(vgg16(weights=None).features)
    assert ops.receptive_field(features[:-1]).size == 196
    assert ops.receptive_field(features)[:2] == (212, 32)
    assert ops.receptive_field([*features, ops.Layer(7)])[:2] == (404, 32)
    assert ops.receptive_field(ops.layers_of(resnet50(weights=None)))[:2] == (427, 32)
    assert ops.receptive_field(ops.layers_of(resnet101(weights=None)))[:2] == (971, 32)
    dilated = resnet50(weights=None, replace_stride_with_dilation=(False, True, True))
    assert ops.receptive_field(ops.layers_of(dilated))[:2] == (427, 8)


def test_layers_of_reads_pooling_same_padding_and_dilation():
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding="same", dilation=3), nn.ReLU(), nn.AvgPool2d(2), nn.MaxPool2d(3, 2, 1)
    )
    assert ops.layers_of(net) == [(3, 1, 3, 3), (2, 2, 0, 1), (3, 2, 1, 1)]


def test_layers_of_refuses_what_is_no_square_chain():
    with pytest.raises(ValueError, match=r"^layers_of: 0 has kernel \(3, 5\); both axes must be alike$"):
        ops.layers_of(nn.Sequential(nn.Conv2d(3, 3, (3, 5))))
    with pytest.raises(ValueError, match=r"^layers_of: 1 is a ConvTranspose2d; the chain must not grow its input$"):
        ops.layers_of(nn.Sequential(nn.Conv2d(3, 3, 3), nn.ConvTranspose2d(3, 3, 2)))


def test_bad_layers_are_named():
    with pytest.raises(ValueError, match=r"^receptive_field: layer 1 is Layer\(kernel=3, stride=0"):
        ops.receptive_field([(3,), (3, 0)])


def test_input_gradient_leaves_the_model_alone_and_picks_the_center():
    net = positive_net([(3, 2, 1), (3, 1, 1)])
    images = torch.rand(2, 1, 31, 31, dtype=torch.float64)
    assert torch.equal(ops.input_gradient(net, images), ops.input_gradient(net, images, (8, 8)))
    assert all(p.grad is None for p in net.parameters())
    assert not images.requires_grad
    with pytest.raises(
        ValueError, match=r"^input_gradient: cell \(16, 0\) lies outside the output of \(16, 16\) cells$"
    ):
        ops.input_gradient(net, images, (16, 0))


def test_input_gradient_is_the_mean_over_images_of_absolute_values():
    net = nn.Conv2d(2, 1, 3, bias=False)
    expected = net.weight.detach()[0].abs().mean(0)
    torch.testing.assert_close(ops.input_gradient(net, torch.rand(4, 2, 3, 3)), expected)


def test_effective_size_of_known_masses():
    gradient = torch.zeros(21, 31)
    gradient[10, 15] = 0.5
    assert ops.effective_size(gradient) == 1
    gradient[8:13, 13:18] += 0.5 / 25
    assert ops.effective_size(gradient, 0.6) == 3
    assert ops.effective_size(gradient, 1.0) == 5
    for share in (0, 1.2):
        with pytest.raises(ValueError, match=rf"^effective_size: share is {share} and must lie in \(0, 1\]$"):
            ops.effective_size(gradient, share)


def test_an_empty_gradient_is_one_sentence():
    with pytest.raises(ValueError, match=r"^field_box: no pixel has a gradient above 0.0$"):
        ops.field_box(torch.zeros(3, 3))
    with pytest.raises(ValueError, match=r"^effective_size: the gradient is zero everywhere$"):
        ops.effective_size(torch.zeros(3, 3))

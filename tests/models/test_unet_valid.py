"""ValidUNet: the paper's numbers, its rule of sizes, its initialization, mistakes."""

import pytest
import torch
from torch import nn

from course_lib.models import ValidUNet
from course_lib.models.unet_valid import check_size, sizes, smallest_size


def test_the_papers_net():
    with torch.device("meta"):
        net = ValidUNet()
    assert sum(p.numel() for p in net.parameters()) == 31_030_658
    assert sum(isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)) for m in net.modules()) == 23
    assert not any(isinstance(m, nn.BatchNorm2d) for m in net.modules())
    assert net.margin == 92


def test_sizes_of_the_papers_figure():
    assert sizes(572) == ([568, 280, 136, 64, 28], [52, 100, 196, 388], [4, 16, 40, 88])
    assert sizes(188).decoder[-1] == 4


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_the_rule_of_sizes_is_what_going_through_the_layers_gives(depth):
    def through(n):
        for _ in range(depth):
            n -= 4
            if n <= 0 or n % 2:
                return None
            n //= 2
        n -= 4
        for _ in range(depth):
            n = 2 * n - 4 if n > 0 else n
        return n if n > 0 else None

    fitting = [n for n in range(1, 800) if through(n)]
    assert fitting == list(range(smallest_size(depth), 800, 2**depth))
    for n in range(1, 800):
        if n in fitting:
            assert sizes(n, depth).decoder[-1] == through(n)
        else:
            with pytest.raises(ValueError, match="nearest that fit"):
                check_size("test", "n", n, depth)


@pytest.mark.parametrize(("size", "depth"), [((44, 60), 2), ((92, 108), 3), ((188, 188), 4)])
def test_logits_are_two_margins_smaller(size, depth):
    net = ValidUNet(2, 3, width=2, depth=depth).eval()
    logits = net(torch.randn(2, 2, *size))
    assert logits.shape == (2, 3, size[0] - 2 * net.margin, size[1] - 2 * net.margin)


def test_weights_are_drawn_with_the_standard_deviation_of_the_paper():
    torch.manual_seed(0)
    net = ValidUNet(1, 2, width=32, depth=2)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nodes = module.in_channels * module.kernel_size[0] ** 2
        elif isinstance(module, nn.ConvTranspose2d):
            nodes = module.in_channels
        else:
            continue
        assert float(module.bias.detach().abs().max()) == 0
        if module.weight.numel() > 2000:
            assert float(module.weight.detach().std()) == pytest.approx((2 / nodes) ** 0.5, rel=0.05)


def test_a_signal_neither_dies_nor_explodes_on_its_way():
    """What that initialization is for; PyTorch's own loses most of it in these layers without normalization."""

    def gain(net):
        image = torch.randn(1, 1, 188, 188)
        logits = net.eval()(image)
        return float((logits - logits.mean()).square().mean().detach())

    torch.manual_seed(0)
    net = ValidUNet(1, 2, width=4)
    assert 0.3 < gain(net) < 100
    for module in net.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    assert gain(net) < 0.1


def test_dropout_acts_in_training_alone():
    net = ValidUNet(1, 2, width=2, depth=2)
    images = torch.randn(1, 1, 60, 60)
    assert not torch.equal(net(images), net(images))
    net.eval()
    assert torch.equal(net(images), net(images))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            torch.zeros(1, 1, 570, 572),
            r"ValidUNet: height 570 does not fit 4 levels of unpadded convolutions, which need n = 12 mod 16, "
            r"n >= 188; the nearest that fit: 556 and 572",
        ),
        (torch.zeros(1, 1, 572, 190), "ValidUNet: width 190 .* nearest that fit: 188 and 204"),
        (torch.zeros(1, 1, 172, 188), "ValidUNet: height 172 .* nearest that fit: 188, the smallest"),
        (torch.zeros(1, 3, 188, 188), r"ValidUNet: images must be \(N, 1, H, W\), not \(1, 3, 188, 188\)"),
        (torch.zeros(1, 1, 188, 188).byte(), "ValidUNet: images must be a float tensor, not torch.uint8"),
    ],
)
def test_bad_images_get_one_sentence(images, message):
    with torch.no_grad(), pytest.raises((ValueError, TypeError), match=f"^{message}"):
        ValidUNet(width=1)(images)


def test_bad_options_get_one_sentence():
    with pytest.raises(ValueError, match=r"^ValidUNet: width must be at least 1, not 0"):
        ValidUNet(width=0)
    with pytest.raises(ValueError, match=r"^sizes: n 20 does not fit 2 levels"):
        sizes(20, depth=2)

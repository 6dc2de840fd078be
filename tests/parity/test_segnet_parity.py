"""SegNet in float64: its encoder against torchvision's vgg16_bn, the whole against a functional re-implementation."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from course_lib.models import SegNet


def randomized(net, seed=0):
    rng = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.bias.data.normal_(0, 0.2, generator=rng)
        elif isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=rng)
            module.running_var.uniform_(0.5, 1.5, generator=rng)
            module.weight.data.uniform_(0.5, 1.5, generator=rng)
            module.bias.data.normal_(0, 0.1, generator=rng)
    return net.double().eval()


def scatter(x, size, argmax):
    """Unpooling written with loops over the window's four places: a value goes where `argmax` (row, column) says."""
    out = x.new_zeros(*x.shape[:2], *size)
    height, width = x.shape[-2:]
    rows, columns = argmax
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            for i in range(height):
                for j in range(width):
                    out[n, c, 2 * i + rows[n, c, i, j], 2 * j + columns[n, c, i, j]] = x[n, c, i, j]
    return out


def pool(x):
    """2x2 maxima of a map padded with -infinity to even size, and where in their window they are: the first of equals."""
    padded = F.pad(x, (0, x.shape[-1] % 2, 0, x.shape[-2] % 2), value=-torch.inf)
    corners = torch.stack([padded[..., i::2, j::2] for i in (0, 1) for j in (0, 1)])
    best = corners.max(0)
    return best.values, (best.indices // 2, best.indices % 2)


def reference(state, images, convolutions):
    """From the state dict; `convolutions` per stage, BN written out."""

    def layer(x, prefix, index):
        x = F.conv2d(x, state[f"{prefix}.{index}.weight"], state[f"{prefix}.{index}.bias"], padding=1)
        norm = {
            k: state[f"{prefix}.{index + 1}.{k}"][:, None, None]
            for k in ("running_mean", "running_var", "weight", "bias")
        }
        x = (x - norm["running_mean"]) / torch.sqrt(norm["running_var"] + 1e-5)
        return F.relu(x * norm["weight"] + norm["bias"])

    x, stack = images, []
    for stage, count in enumerate(convolutions):
        for i in range(count):
            x = layer(x, f"encoder.{stage}", 3 * i)
        size = x.shape[-2:]
        x, argmax = pool(x)
        stack.append((size, argmax))
    for stage, count in enumerate(reversed(convolutions)):
        x = scatter(x, *stack.pop())
        last = stage == len(convolutions) - 1
        for i in range(count - 1 if last else count):
            x = layer(x, f"decoder.{stage}", 3 * i)
    return F.conv2d(x, state["classifier.weight"], state["classifier.bias"], padding=1)


@pytest.mark.parametrize(("stages", "size"), [(5, (37, 50)), (4, (45, 23)), (2, (9, 14))])
@torch.no_grad()
def test_equals_the_paper_s_layers(stages, size):
    torch.manual_seed(0)
    net = randomized(SegNet(5, width=2, stages=stages))
    images = torch.randn(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = reference(net.state_dict(), images, (2, 2, 3, 3, 3)[:stages])
    assert expected.std() > 0.05
    torch.testing.assert_close(net(images), expected, rtol=0, atol=1e-9)


@torch.no_grad()
def test_encoder_equals_vgg16_bn():
    with torch.device("meta"):
        theirs = torchvision.models.vgg16_bn(weights=None, init_weights=False)
    theirs.features.to_empty(device="cpu")
    for module in theirs.features:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    theirs.features = randomized(theirs.features)
    net = SegNet(21).double().eval()
    before = net.classifier.weight.clone()
    net.load({k: v for k, v in theirs.state_dict().items() if "num_batches" not in k})
    images = torch.randn(1, 3, 45, 33, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    ours = expected = images
    for layer in theirs.features:  # torchvision's poolings round down; SegNet's round up, and are compared elsewhere
        ceil = isinstance(layer, nn.MaxPool2d)
        expected = F.max_pool2d(expected, 2, ceil_mode=True) if ceil else layer(expected)
    for stage in net.encoder:
        ours = F.max_pool2d(stage(ours), 2, ceil_mode=True)
    assert expected.std() > 0.05
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-9)
    assert torch.equal(net.classifier.weight, before)

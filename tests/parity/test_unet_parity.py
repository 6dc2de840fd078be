"""UNet against a functional re-implementation of the common public padded U-Net, from its state dict's names, in float64."""

import pytest
import torch
import torch.nn.functional as F

from course_lib.models import UNet


def reference_state(up, classes, width, seed=0):
    """A random state dict as that net lays it out, with random batch statistics."""
    rng = torch.Generator().manual_seed(seed)

    def normal(*shape, std=1.0, mean=0.0):
        return mean + std * torch.randn(*shape, generator=rng, dtype=torch.float64)

    state = {}

    def double_conv(prefix, inputs, between, outputs):
        for conv, norm, a, b in ((0, 1, inputs, between), (3, 4, between, outputs)):
            state[f"{prefix}.double_conv.{conv}.weight"] = normal(b, a, 3, 3, std=(2 / (9 * a)) ** 0.5)
            state[f"{prefix}.double_conv.{norm}.weight"] = normal(b, std=0.2, mean=1)
            state[f"{prefix}.double_conv.{norm}.bias"] = normal(b, std=0.2)
            state[f"{prefix}.double_conv.{norm}.running_mean"] = normal(b, std=0.2)
            state[f"{prefix}.double_conv.{norm}.running_var"] = 0.5 + torch.rand(b, generator=rng, dtype=torch.float64)
            state[f"{prefix}.double_conv.{norm}.num_batches_tracked"] = torch.tensor(7)

    halve = 2 if up == "bilinear" else 1
    c = [width * 2**i for i in range(5)]
    double_conv("inc", 3, c[0], c[0])
    for i in range(1, 5):
        outputs = c[i] // (halve if i == 4 else 1)
        double_conv(f"down{i}.maxpool_conv.1", c[i - 1], outputs, outputs)
    for i in range(1, 5):
        inputs, outputs = c[5 - i], c[4 - i] // (halve if i < 4 else 1)
        if up == "transposed":
            state[f"up{i}.up.weight"] = normal(inputs, inputs // 2, 2, 2, std=inputs**-0.5)
            state[f"up{i}.up.bias"] = normal(inputs // 2, std=0.2)
        double_conv(f"up{i}.conv", inputs, inputs // 2 if up == "bilinear" else outputs, outputs)
    state["outc.conv.weight"] = normal(classes, width, 1, 1, std=width**-0.5)
    state["outc.conv.bias"] = normal(classes)
    return state


def reference_forward(state, images, up):
    def double_conv(prefix, x):
        for conv, norm in ((0, 1), (3, 4)):
            p = f"{prefix}.double_conv.{norm}"
            x = F.conv2d(x, state[f"{prefix}.double_conv.{conv}.weight"], padding=1)
            mean, var = state[f"{p}.running_mean"], state[f"{p}.running_var"]
            x = (x - mean[:, None, None]) / torch.sqrt(var + 1e-5)[:, None, None]
            x = F.relu(x * state[f"{p}.weight"][:, None, None] + state[f"{p}.bias"][:, None, None])
        return x

    skips = [double_conv("inc", images)]
    for i in range(1, 5):
        skips.append(double_conv(f"down{i}.maxpool_conv.1", F.max_pool2d(skips[-1], 2)))
    x = skips.pop()
    for i in range(1, 5):
        if up == "transposed":
            x = F.conv_transpose2d(x, state[f"up{i}.up.weight"], state[f"up{i}.up.bias"], stride=2)
        else:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = double_conv(f"up{i}.conv", torch.cat([skips.pop(), x], 1))
    return F.conv2d(x, state["outc.conv.weight"], state["outc.conv.bias"])


@pytest.mark.parametrize("up", ["transposed", "bilinear"])
@pytest.mark.parametrize(("width", "size"), [(8, (80, 112)), (8, (16, 48)), (64, (32, 48))])
@torch.no_grad()
def test_equals_the_common_padded_unet(up, width, size):
    state = reference_state(up, classes=3, width=width)
    net = UNet(3, 3, width=width, up=up).double().eval().load(state)
    images = torch.randn(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = reference_forward(state, images, up)
    assert expected.std() > 0.1
    torch.testing.assert_close(net(images), expected, rtol=0, atol=1e-9)


def test_float32_stays_close():
    state = {k: v.float() if v.is_floating_point() else v for k, v in reference_state("transposed", 3, 8).items()}
    net = UNet(3, 3, width=8).eval().load(state)
    images = torch.randn(1, 3, 48, 32)
    torch.testing.assert_close(net(images), reference_forward(state, images, "transposed"), rtol=1e-4, atol=1e-4)

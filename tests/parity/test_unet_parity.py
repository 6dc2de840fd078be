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


def mmseg_state(classes, width):
    """A random state dict as mmsegmentation lays out fcn_unet_s5-d16, auxiliary head included."""
    rng = torch.Generator().manual_seed(3)
    state = {}

    def block(prefix, inputs, outputs, k):
        state[f"{prefix}.conv.weight"] = (
            torch.randn(outputs, inputs, k, k, generator=rng) * (2 / (k * k * inputs)) ** 0.5
        )
        state[f"{prefix}.bn.weight"] = 1 + 0.2 * torch.randn(outputs, generator=rng)
        state[f"{prefix}.bn.bias"] = 0.2 * torch.randn(outputs, generator=rng)
        state[f"{prefix}.bn.running_mean"] = 0.2 * torch.randn(outputs, generator=rng)
        state[f"{prefix}.bn.running_var"] = 0.5 + torch.rand(outputs, generator=rng)
        state[f"{prefix}.bn.num_batches_tracked"] = torch.tensor(7)

    c = [width * 2**i for i in range(5)]
    for i in range(5):
        for j, inputs in enumerate((c[i - 1] if i else 3, c[i])):
            block(f"backbone.encoder.{i}.{int(i > 0)}.convs.{j}", inputs, c[i], 3)
    for i in range(4):
        block(f"backbone.decoder.{i}.upsample.interp_upsample.1", c[i + 1], c[i], 1)
        for j, inputs in enumerate((2 * c[i], c[i])):
            block(f"backbone.decoder.{i}.conv_block.convs.{j}", inputs, c[i], 3)
    for head, inputs in (("decode_head", width), ("auxiliary_head", 2 * width)):
        block(f"{head}.convs.0", inputs, width, 3)
        state[f"{head}.conv_seg.weight"] = torch.randn(classes, width, 1, 1, generator=rng) * width**-0.5
        state[f"{head}.conv_seg.bias"] = torch.randn(classes, generator=rng)
    return {k: v.double() if v.is_floating_point() else v for k, v in state.items()}


def mmseg_forward(state, x):
    def block(prefix, x):
        weight = state[f"{prefix}.conv.weight"]
        x = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
        mean, var, gain, bias = (state[f"{prefix}.bn.{n}"] for n in ("running_mean", "running_var", "weight", "bias"))
        return F.relu(F.batch_norm(x, mean, var, gain, bias, eps=1e-5))

    maps = []
    for i in range(5):
        x = F.max_pool2d(x, 2) if i else x
        for j in (0, 1):
            x = block(f"backbone.encoder.{i}.{int(i > 0)}.convs.{j}", x)
        maps.append(x)
    for i in (3, 2, 1, 0):
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = torch.cat([maps[i], block(f"backbone.decoder.{i}.upsample.interp_upsample.1", x)], 1)
        for j in (0, 1):
            x = block(f"backbone.decoder.{i}.conv_block.convs.{j}", x)
    x = block("decode_head.convs.0", x)
    return F.conv2d(x, state["decode_head.conv_seg.weight"], state["decode_head.conv_seg.bias"])


@pytest.mark.parametrize(("width", "size"), [(6, (80, 112)), (4, (16, 48))])
@torch.no_grad()
def test_equals_the_toolboxs_unet(width, size):
    state = mmseg_state(classes=3, width=width)
    net = UNet(3, 3, width=width, up="mmseg").double().eval().load(state, "mmseg")
    images = torch.randn(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = mmseg_forward(state, images)
    assert expected.std() > 0.1
    torch.testing.assert_close(net(images), expected, rtol=0, atol=1e-9)


def test_parameters_of_the_toolboxs_unet():
    """29,060,676 with its auxiliary head for 2 classes, which has 64 * 128 * 9 + 2 * 64 + 2 * 64 + 2 of them."""
    with torch.device("meta"):
        net = UNet(3, 2, up="mmseg")
    assert sum(p.numel() for p in net.parameters()) + 73_986 == 29_060_676


def attention_reference(net, x):
    """Attention U-Net written from its paper's equations on the net's own weights: skips times sigmoid weights, then concat or add."""
    state = net.state_dict()

    def double_conv(prefix, x):
        for conv, norm in ((0, 1), (3, 4)):
            p = f"{prefix}.{norm}"
            x = F.conv2d(x, state[f"{prefix}.{conv}.weight"], padding=1)
            x = (x - state[f"{p}.running_mean"][:, None, None]) / (state[f"{p}.running_var"] + 1e-5).sqrt()[
                :, None, None
            ]
            x = (x * state[f"{p}.weight"][:, None, None] + state[f"{p}.bias"][:, None, None]).clamp(min=0)
        return x

    maps = [double_conv("encoder.0", x)]
    for i in range(1, net.depth + 1):
        maps.append(double_conv(f"encoder.{i}", F.max_pool2d(maps[-1], 2)))
    x = maps.pop()
    for i in range(net.depth):
        skip = maps.pop()
        if f"gates.{i}.of_skip.weight" in state:
            p = f"gates.{i}"
            theta = F.conv2d(skip, state[f"{p}.of_skip.weight"], stride=2)
            phi = torch.einsum("nchw,dc->ndhw", x, state[f"{p}.of_below.weight"][..., 0, 0])
            q = (theta + phi + state[f"{p}.of_below.bias"][:, None, None]).clamp(min=0)
            psi = (q * state[f"{p}.to_weight.weight"][0, :, :1]).sum(1, keepdim=True) + state[f"{p}.to_weight.bias"]
            alpha = 1 / (1 + torch.exp(-psi))
            skip = skip * F.interpolate(alpha, scale_factor=2, mode="bilinear", align_corners=False)
        x = F.conv_transpose2d(x, state[f"ups.{i}.weight"], state[f"ups.{i}.bias"], stride=2)
        fused = {"concat": lambda s, x: torch.cat([s, x], 1), "add": lambda s, x: s + x, "none": lambda s, x: x}
        x = double_conv(f"decoder.{i}", fused[net.skips](skip, x))
    return F.conv2d(x, state["classifier.weight"], state["classifier.bias"])


@pytest.mark.parametrize(
    "options",
    [
        dict(skips="add"),
        dict(skips="none"),
        dict(attention=True),
        dict(skips="add", attention=True),
        dict(deep_supervision=True),
    ],
    ids=str,
)
@torch.no_grad()
def test_variants_equal_their_equations(options):
    torch.manual_seed(5)
    net = UNet(3, 4, width=6, depth=3, **options).double().eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.1, 0.3)
            module.weight.uniform_(0.8, 1.2)
            module.bias.normal_(std=0.1)
    for gate in net.gates:
        gate.to_weight.weight.normal_(std=3)
    images = torch.randn(2, 3, 40, 56, dtype=torch.float64)
    expected = attention_reference(net, images)
    assert expected.std() > 0.1
    torch.testing.assert_close(net(images), expected, rtol=0, atol=1e-9)
    odd = torch.randn(1, 3, 37, 50, dtype=torch.float64)
    whole = F.pad(odd, (0, 6, 0, 3), mode="reflect")
    torch.testing.assert_close(net(odd), attention_reference(net, whole)[..., :37, :50], rtol=0, atol=1e-9)

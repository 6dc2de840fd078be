"""FCN-32s, 16s, 8s and 8s-at-once against a functional re-implementation of the Caffe nets, from their layers' names, in float64."""

import pytest
import torch
import torch.nn.functional as F

from course_lib.models import FCN
from course_lib.training import predict_logits

VARIANTS = ["32s", "16s", "8s", "8s-at-once"]
CONVS = ["1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "4_1", "4_2", "4_3", "5_1", "5_2", "5_3"]
UPS = {
    "32s": {"upscore": 64},
    "16s": {"upscore2": 4, "upscore16": 32},
    "8s": {"upscore2": 4, "upscore8": 16, "upscore_pool4": 4},
}


def shapes(variant, width=64, head=4096, classes=21):
    """Names and shapes as in the public checkpoints of that net."""
    variant = variant[:3].rstrip("-")
    table, inputs = {}, 3
    for conv in CONVS:
        outputs = width * {"1": 1, "2": 2, "3": 4, "4": 8, "5": 8}[conv[0]]
        table |= {f"conv{conv}.weight": (outputs, inputs, 3, 3), f"conv{conv}.bias": (outputs,)}
        inputs = outputs
    table |= {"fc6.weight": (head, inputs, 7, 7), "fc6.bias": (head,)}
    table |= {"fc7.weight": (head, head, 1, 1), "fc7.bias": (head,)}
    scored = {"score_fr": head, "score_pool4": 8 * width, "score_pool3": 4 * width}
    for name in list(scored)[: len(UPS[variant])]:
        table |= {f"{name}.weight": (classes, scored[name], 1, 1), f"{name}.bias": (classes,)}
    return table | {f"{name}.weight": (classes, classes, k, k) for name, k in UPS[variant].items()}


def random_state(variant, **sizes):
    """Random values everywhere, upsampling layers too, so that swapped channels show; activations of order one."""
    rng = torch.Generator().manual_seed(0)
    state = {}
    for key, shape in shapes(variant, **sizes).items():
        inputs = torch.Size(shape[1:]).numel()
        state[key] = torch.randn(shape, generator=rng, dtype=torch.float64)
        state[key] *= 0.2 if len(shape) == 1 else (2 / inputs) ** 0.5 if "upscore" not in key else 0.3
    if variant == "8s-at-once":  # or the small scales would hide the skips
        state["score_pool4.weight"] *= 100
        state["score_pool3.weight"] *= 10000
    return state


def reference(state, images, variant):
    """The layers one by one, on blue first: padding 100, poolings that round up, FC6 unpadded, offsets as constants."""
    x, pools = images[:, [2, 1, 0]], {}
    for conv in CONVS:
        padding = 100 if conv == "1_1" else 1
        x = F.relu(F.conv2d(x, state[f"conv{conv}.weight"], state[f"conv{conv}.bias"], padding=padding))
        if conv in ("1_2", "2_2", "3_3", "4_3", "5_3"):
            x = pools[conv[0]] = F.max_pool2d(x, 2, 2, ceil_mode=True)
    x = F.relu(F.conv2d(x, state["fc6.weight"], state["fc6.bias"]))
    x = F.relu(F.conv2d(x, state["fc7.weight"], state["fc7.bias"]))
    height, width = images.shape[-2:]

    def score(name, y):
        return F.conv2d(y, state[f"{name}.weight"], state[f"{name}.bias"])

    def up(name, y, stride):
        return F.conv_transpose2d(y, state[f"{name}.weight"], stride=stride)

    def cut(y, offset, size):
        return y[:, :, offset : offset + size[0], offset : offset + size[1]]

    x = score("score_fr", x)
    if variant == "32s":
        return cut(up("upscore", x, 32), 19, (height, width))
    at_once = variant == "8s-at-once"
    x = up("upscore2", x, 2)
    x = x + cut(score("score_pool4", pools["4"] * (0.01 if at_once else 1)), 5, x.shape[-2:])
    if variant == "16s":
        return cut(up("upscore16", x, 16), 27, (height, width))
    x = up("upscore_pool4", x, 2)
    x = x + cut(score("score_pool3", pools["3"] * (0.0001 if at_once else 1)), 9, x.shape[-2:])
    return cut(up("upscore8", x, 8), 31, (height, width))


@pytest.mark.parametrize("size", [(97, 130), (33, 61), (128, 45)])
@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_equals_the_released_layout(variant, size):
    state = random_state(variant, width=8, head=24, classes=5)
    net = FCN(5, variant, width=8, head_width=24).double().eval().load(state)
    images = torch.randn(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = reference(state, images, variant)
    assert expected.shape == (2, 5, *size)
    assert expected.std() > 0.05
    torch.testing.assert_close(net(images), expected, rtol=0, atol=1e-9)


@torch.no_grad()
def test_predict_feeds_what_the_released_weights_expect():
    """Blue first, 0 ... 255, minus the mean color; here for a picture of one color, the answer read from logits."""
    state = random_state("32s", width=2, head=4, classes=3)
    net = FCN(3, "32s", width=2, head_width=4).double().load(state)
    picture = torch.tensor([200.0, 100.0, 50.0], dtype=torch.float64)[:, None, None].expand(3, 20, 30)
    mean = torch.tensor([122.67891434, 116.66876762, 104.00698793])[:, None, None]
    expected = reference(state, (picture - mean)[None], "32s")[0]
    assert expected.std() > 1
    torch.testing.assert_close(predict_logits(net, picture / 255), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_skip_matters_in_the_reference_and_gradients_agree(variant):
    state = random_state(variant, width=4, head=8, classes=3)
    net = FCN(3, variant, width=4, head_width=8, dropout=0).double().train().load(state)
    leaves = {key: value.requires_grad_() for key, value in state.items()}
    images = torch.randn(1, 3, 41, 36, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    net(images).square().mean().backward()
    reference(leaves, images, variant).square().mean().backward()
    for key in set(leaves) - {k for k in leaves if k.startswith("conv")}:
        assert leaves[key].grad.abs().max() > 1e-6
        torch.testing.assert_close(net.get_parameter(key).grad, leaves[key].grad, rtol=1e-9, atol=1e-9)
    first = leaves["conv1_1.weight"].grad.flip(1)
    torch.testing.assert_close(net.vgg.features[0].weight.grad, first, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("variant", VARIANTS)
def test_takes_the_public_checkpoints_keys_and_shapes(variant):
    table = shapes(variant)
    assert len(table) == {"32s": 33, "16s": 36, "8s": 39}[variant[:3].rstrip("-")]
    with torch.device("meta"):
        state = {key: torch.empty(shape) for key, shape in table.items()}
        net = FCN(21, variant)
        assert net.load(state) is net
        del state["score_fr.bias"]
        state["conv6_1.bias"] = torch.empty(3)
        state["upscore.bias"] = torch.empty(21)
        with pytest.raises(ValueError, match=r"^FCN: .* 1 missing \(score_fr.bias\); 2 extra \(.*upscore.bias"):
            net.load(state)

"""course_lib.models.SegNet: sizes, indices, parameter counts, mistakes."""

import pytest
import torch
import torch.nn.functional as F

from course_lib.models import SegNet
from course_lib.training import evaluate, fit


def test_parameters():
    with torch.device("meta"):
        net = SegNet(21)
    assert sum(p.numel() for p in net.parameters()) == 29_455_125
    assert sum(p.numel() for p in net.encoder.parameters()) == 14_723_136


def test_the_decoder_mirrors_the_encoder():
    def widths(stages):
        return [[(m.in_channels, m.out_channels) for m in s if isinstance(m, torch.nn.Conv2d)] for s in stages]

    net = SegNet(3, width=1)
    down, up = widths(net.encoder), widths([*net.decoder[:-1], [*net.decoder[-1], net.classifier]])
    assert [len(stage) for stage in up] == [3, 3, 3, 2, 2]
    assert [stage[-1][1] for stage in up] == [8, 4, 2, 1, 3]
    for stage, mirrored in zip(reversed(down[1:]), up[:-1], strict=True):
        assert [(b, a) for a, b in reversed(stage)] == mirrored


@pytest.mark.parametrize("stages", [1, 3, 5])
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (26, 27), (45, 60), (33, 98)])
def test_logits_have_the_size_of_the_image(stages, size):
    assert SegNet(4, width=2, stages=stages).eval()(torch.randn(2, 3, *size)).shape == (2, 4, *size)


def test_sizes_that_caffe_forces_at_360_x_480():
    """Poolings round up, 45 -> 23, and unpooling goes back to 45."""
    seen = []

    class Watched(SegNet):
        def unpool(self, x, indices, size):
            seen.append((tuple(x.shape[-2:]), tuple(size)))
            return super().unpool(x, indices, size)

    Watched(2, width=1).eval()(torch.zeros(1, 3, 360, 480))
    assert seen == [
        ((12, 15), (23, 30)),
        ((23, 30), (45, 60)),
        ((45, 60), (90, 120)),
        ((90, 120), (180, 240)),
        ((180, 240), (360, 480)),
    ]


def test_unpool_puts_every_maximum_back_where_it_was():
    x = torch.randperm(2 * 3 * 5 * 7).float().view(2, 3, 5, 7) + 1
    pooled, indices = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
    back = SegNet(2, width=1).unpool(pooled, indices, (5, 7))
    assert back.shape == x.shape
    assert torch.equal(back[back > 0], x[back > 0])
    assert (back > 0).sum() == pooled.numel()
    assert torch.equal(F.max_pool2d(back, 2, ceil_mode=True), pooled)


def test_every_parameter_learns():
    torch.manual_seed(0)
    net = SegNet(3, width=4, stages=3).train()
    net(torch.randn(2, 3, 32, 32)).square().sum().backward()
    behind_norm = {k for k, _ in net.named_parameters() if k.endswith("bias") and k != "classifier.bias"}
    assert all(p.grad.abs().sum() > 0 for k, p in net.named_parameters() if k not in behind_norm)


def test_load_leaves_out_stages_that_are_not_there():
    torch.manual_seed(0)
    whole = SegNet(2, width=1).encoder
    state, place = {}, 0
    for stage in whole:
        for layer in stage:
            state |= {f"features.{place}.{k}": v for k, v in layer.state_dict().items()}
            place += 1
        place += 1
    assert place == 44
    net = SegNet(2, width=1, stages=4).load(state | {"classifier.0.weight": torch.zeros(9)})
    for ours, theirs in zip(net.encoder.parameters(), whole[:4].parameters(), strict=True):
        assert torch.equal(ours, theirs)
    state["features.99.bias"] = state.pop("features.30.bias")
    with pytest.raises(ValueError, match=r"^SegNet: .* 1 missing \(encoder.3.6.bias\); 1 extra \(features.99.bias\)"):
        net.load(state)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SegNet(0), "SegNet: num_classes must be at least 1, not 0"),
        (lambda: SegNet(2, width=0), "SegNet: width must be at least 1, not 0"),
        (lambda: SegNet(2, stages=6), "SegNet: stages must be 1 ... 5, not 6"),
        (lambda: SegNet(2, 1).load({}, "vgg16"), "SegNet: source must be \"vgg16_bn\", not 'vgg16'"),
        (
            lambda: SegNet(2, 1)(torch.zeros(1, 1, 40, 40)),
            r"SegNet: images must be \(N, 3, H, W\), not \(1, 1, 40, 40\)",
        ),
        (
            lambda: SegNet(2, 1)(torch.zeros(1, 3, 8, 8).long()),
            "SegNet: images must be a float tensor, not torch.int64",
        ),
        (lambda: SegNet(2, 1)(torch.zeros(1, 3, 0, 8)), r"SegNet: images must be at least 1 x 1 pixels, not \(0, 8\)"),
        (lambda: SegNet(2, 1)(torch.zeros(1, 3, 16, 16)), "SegNet: a batch of one 16 x 16 image leaves one pixel"),
    ],
)
def test_mistakes_get_one_sentence(call, message):
    with pytest.raises((ValueError, TypeError), match=f"^{message}"):
        call()


def test_an_image_just_large_enough_for_batch_norm_trains():
    SegNet(2, 1).train()(torch.randn(1, 3, 17, 3)).sum().backward()


def test_a_small_segnet_learns_from_scratch():
    y, x = torch.meshgrid(torch.arange(24), torch.arange(20), indexing="ij")
    disc = ((y - 11) ** 2 + (x - 9) ** 2 < 36).long()
    torch.manual_seed(0)
    data = [((0.3 * torch.rand(3, 24, 20) + 0.5 * disc), {"semantic": disc}) for _ in range(4)]
    net = SegNet(2, width=8, stages=2)
    fit(net, data, steps=50, batch_size=4, lr=0.02, progress=False, device="cpu")
    assert evaluate(net, data)["miou"] > 0.9

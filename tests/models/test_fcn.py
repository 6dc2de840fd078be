"""course_lib.models.FCN: sizes of every map, crops, parameter counts, initialization, sums, mistakes."""

import pytest
import torch
import torch.nn.functional as F

from course_lib.models import FCN
from course_lib.training import evaluate, fit

VARIANTS = ["32s", "16s", "8s", "8s-at-once"]


def small(variant="8s", padding=1, **options):
    return FCN(4, variant, width=2, head_width=6, padding=padding, **options)


def randomize_scores(net, seed=0):
    rng = torch.Generator().manual_seed(seed)
    for key, parameter in net.named_parameters():
        if key.startswith("score"):
            parameter.data.normal_(generator=rng)
    return net.eval()


@pytest.mark.parametrize(
    ("variant", "count"),
    [("32s", 136_152_917), ("16s", 134_815_994), ("8s", 134_489_759), ("8s-at-once", 134_489_759)],
)
def test_parameters_of_the_released_nets(variant, count):
    with torch.device("meta"):
        net = FCN(21, variant)
    assert sum(p.numel() for p in net.parameters()) == count
    assert net.fc6.weight.numel() + net.fc6.bias.numel() == 102_764_544


@pytest.mark.parametrize(
    ("variant", "crops"),
    [
        ("32s", {"score": 19}),
        ("16s", {"score_pool4": 5, "score": 27}),
        ("8s", {"score_pool4": 5, "score_pool3": 9, "score": 31}),
    ],
)
def test_crops_of_the_released_nets_follow_from_the_receptive_fields(variant, crops):
    assert small(variant, padding=100).crops == crops


@pytest.mark.parametrize(
    ("side", "pool5", "score", "upsampled"), [(224, 14, 8, 288), (320, 17, 11, 384), (500, 22, 16, 544)]
)
def test_sizes_with_the_paper_s_padding(side, pool5, score, upsampled):
    net = FCN(2, "32s", width=1, head_width=1).eval()
    images = torch.zeros(1, 3, side, side)
    assert net.vgg.features_at(images)[-1].shape[-1] == pool5
    scores = net.scores(images)["score_fr"]
    assert scores.shape[-1] == score
    assert net.upscore(scores).shape[-1] == upsampled


@pytest.mark.parametrize("padding", [100, 1])
@pytest.mark.parametrize("variant", VARIANTS)
def test_logits_have_the_size_of_the_image(variant, padding):
    net = small(variant, padding).eval()
    for size in ((1, 1), (1, 40), (26, 27), (31, 65), (97, 130)):
        assert net(torch.randn(2, 3, *size)).shape == (2, 4, *size)


@pytest.mark.parametrize("variant", ["32s", "16s", "8s"])
@pytest.mark.parametrize("padding", [100, 1])
def test_crops_fit_for_every_size(variant, padding):
    """On maps of the right size for 1 ... 200 pixels (no network, so that all can be tried)."""
    net = FCN(1, variant, width=1, head_width=1, padding=padding)
    for side in range(1, 201):
        pools = [side + 2 * padding - 2]
        for _ in range(5):
            pools.append(-(-pools[-1] // 2))
        sizes = {"score_fr": pools[5] - (6 if padding == 100 else 0), "score_pool4": pools[4], "score_pool3": pools[3]}
        maps = {name: torch.zeros(1, 1, n, n) for name, n in sizes.items()}
        assert net.fuse(maps, (side, side)).shape[-2:] == (side, side)


@pytest.mark.parametrize("padding", [100, 1])
@pytest.mark.parametrize("variant", VARIANTS)
def test_scores_lie_where_the_picture_is(variant, padding):
    """A bright square's rows and columns: each score map alone, upsampled, has its middle within half a cell of the square's."""
    net = small(variant, padding).eval()
    for conv in (m for m in net.modules() if isinstance(m, torch.nn.Conv2d)):
        torch.nn.init.constant_(conv.weight, 1 / conv.weight[0].numel())
        torch.nn.init.zeros_(conv.bias)
    images = torch.zeros(1, 3, 256, 288)
    images[..., 88:104, 152:168] = 1
    maps = net.scores(images)
    for name, stride in (("score_fr", 32), ("score_pool4", 16), ("score_pool3", 8)):
        if name not in maps:
            continue
        alone = {other: value if other == name else torch.zeros_like(value) for other, value in maps.items()}
        heat = net.fuse(alone, (256, 288))[0, 0]
        heat = heat / heat.sum()
        row = (heat.sum(1) * torch.arange(256)).sum()
        column = (heat.sum(0) * torch.arange(288)).sum()
        assert abs(row - 95.5) <= stride / 2, (name, row)
        assert abs(column - 159.5) <= stride / 2, (name, column)


@pytest.mark.parametrize("variant", VARIANTS)
def test_shares_of_the_score_maps_sum_to_the_logits(variant):
    torch.manual_seed(0)
    net = randomize_scores(small(variant))
    images = torch.randn(2, 3, 45, 70)
    maps = net.scores(images)
    shares = [
        net.fuse({other: value if other == name else 0 * value for other, value in maps.items()}, (45, 70))
        for name in maps
    ]
    assert len(shares) == {"32s": 1, "16s": 2}.get(variant, 3)
    assert all(share.abs().max() > 1e-6 for share in shares)
    torch.testing.assert_close(sum(shares), net(images), rtol=1e-5, atol=1e-5)


def test_upsampling_starts_bilinear_and_scores_at_zero():
    net = small("8s", padding=100)
    maps = torch.randn(1, 4, 7, 9)
    for layer, stride in ((net.upscore2, 2), (net.upscore_pool4, 2), (net.upscore8, 8)):
        assert layer.bias is None
        half = stride // 2
        found = layer(maps)[..., half:-half, half:-half]
        expected = F.interpolate(maps, scale_factor=stride, mode="bilinear", align_corners=False)
        inner = (..., slice(stride, -stride), slice(stride, -stride))
        torch.testing.assert_close(found[inner], expected[inner], rtol=1e-5, atol=1e-5)
    assert net.eval()(torch.randn(1, 3, 20, 20)).abs().max() == 0


def test_a_new_skip_changes_nothing_at_first():
    torch.manual_seed(0)
    coarse, fine = randomize_scores(small("32s")), small("8s").eval()
    own = {key: value for key, value in fine.state_dict().items() if key not in coarse.state_dict()}
    fine.load_state_dict({k: v for k, v in coarse.state_dict().items() if k != "upscore.weight"} | own)
    images = torch.randn(1, 3, 128, 160)
    inner = (..., slice(32, -32), slice(32, -32))
    fine_logits, coarse_logits = fine(images)[inner], coarse(images)[inner]
    # twice doubling and then eight times is nearly, not exactly, 32 times at once
    assert (fine_logits - coarse_logits).abs().max() < 0.1 * (coarse_logits.max() - coarse_logits.min())


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_parameter_learns(variant):
    torch.manual_seed(0)
    net = randomize_scores(small(variant, dropout=0)).train()
    net(torch.randn(2, 3, 64, 64)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    assert all(p.grad.abs().sum() > 0 for k, p in net.named_parameters() if "score" in k)


def test_load_vgg16_names_what_does_not_fit():
    net = small("8s", padding=100)
    state = {
        f"features.{i}.{kind}": v for i, layer in enumerate(net.vgg.features) for kind, v in layer.state_dict().items()
    }
    state |= {"classifier.0.weight": torch.zeros(6, 16 * 49), "classifier.0.bias": torch.zeros(6)}
    state |= {
        "classifier.3.weight": torch.ones(6, 6),
        "classifier.3.bias": torch.zeros(6),
        "classifier.6.bias": torch.zeros(9),
    }
    assert net.load(state, "vgg16") is net
    assert net.fc7.weight.sum() == 36
    with pytest.raises(ValueError, match=r"^FCN: .* 1 misshapen \(fc6.weight \(6, 4, 7, 7\) for \(6, 16, 7, 7\)\)"):
        net.load(state | {"classifier.0.weight": torch.zeros(6, 4 * 49)}, "vgg16")
    with pytest.raises(ValueError, match=r"^FCN: .* 1 missing \(fc7.bias\)"):
        net.load({k: v for k, v in state.items() if k != "classifier.3.bias"}, "vgg16")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: FCN(21, "4s"), "FCN: variant must be one of 32s, 16s, 8s, 8s-at-once, not '4s'"),
        (lambda: FCN(0), "FCN: num_classes must be at least 1, not 0"),
        (lambda: FCN(2, head_width=0), "FCN: head_width must be at least 1, not 0"),
        (lambda: FCN(2, padding=3), r"FCN: padding must be 100 \(the paper's\) or 1 \(for small pictures\), not 3"),
        (lambda: small().load({}, "caffe"), 'FCN: source must be "torchfcn" or "vgg16", not \'caffe\''),
        (lambda: small()(torch.zeros(3, 40, 40)), r"FCN: images must be \(N, 3, H, W\), not \(3, 40, 40\)"),
        (lambda: small()(torch.zeros(1, 4, 40, 40)), r"FCN: images must be \(N, 3, H, W\), not \(1, 4, 40, 40\)"),
        (lambda: small()(torch.zeros(1, 3, 8, 8).long()), "FCN: images must be a float tensor, not torch.int64"),
        (lambda: small()(torch.zeros(1, 3, 0, 8)), r"FCN: images must be at least 1 x 1 pixels, not \(0, 8\)"),
        (
            lambda: small(batch_norm=True)(torch.zeros(1, 3, 16, 12)),
            "FCN: a batch of one 16 x 12 image leaves one pixel in the last stage",
        ),
    ],
)
def test_mistakes_get_one_sentence(call, message):
    with pytest.raises((ValueError, TypeError), match=f"^{message}"):
        call()


def test_an_image_just_large_enough_for_batch_norm_trains():
    small(batch_norm=True).train()(torch.randn(1, 3, 17, 3)).sum().backward()
    small(batch_norm=True).train()(torch.randn(2, 3, 3, 3)).sum().backward()


def test_a_small_fcn_learns_from_scratch():
    """Left half dark, right half bright, with noise: through `fit`, at 8s with batch normalization."""
    torch.manual_seed(0)
    truth = torch.zeros(48, 64, dtype=torch.int64)
    truth[:, 32:] = 1
    data = [(0.3 * torch.rand(3, 48, 64) + 0.5 * truth, {"semantic": truth}) for _ in range(4)]
    net = FCN(2, "8s", width=2, head_width=8, batch_norm=True, padding=1, dropout=0)
    fit(net, data, steps=30, batch_size=4, lr=0.02, progress=False, device="cpu")
    assert evaluate(net, data)["miou"] > 0.85

"""UNet's variants: what the decoder does with the skips, attention gates, deep supervision, the toolbox's up-path."""

import pytest
import torch

from course_lib.models import UNet
from course_lib.models.attention_gate import AttentionGate

UPS = ("transposed", "bilinear", "mmseg")


def parameters(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("up", UPS)
@pytest.mark.parametrize(
    "options",
    [dict(skips="add"), dict(skips="none"), dict(attention=True), dict(skips="add", attention=True)],
    ids=str,
)
def test_every_variant_answers_at_the_size_of_the_image_and_trains_all_its_parameters(up, options):
    torch.manual_seed(0)
    net = UNet(3, 5, width=4, depth=2, up=up, **options)
    logits = net(torch.randn(4, 3, 21, 14))
    assert logits.shape == (4, 5, 21, 14)
    logits.square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_adding_and_leaving_out_save_half_of_the_decoders_first_convolutions():
    concat, add, none = (UNet(3, 2, width=4, depth=3, skips=skips) for skips in ("concat", "add", "none"))
    assert parameters(concat) - parameters(add) == sum(9 * c * c for c in (4, 8, 16))
    assert parameters(none) == parameters(add)


def test_addition_is_the_concatenation_whose_two_halves_share_their_weights():
    """Wa = Wb in conv(concat(a, b)) = Wa a + Wb b: the general one contains the special one."""
    torch.manual_seed(0)
    add, concat = UNet(3, 2, width=4, depth=2, skips="add").eval(), UNet(3, 2, width=4, depth=2).eval()
    state = add.state_dict()
    for level in (0, 1):
        key = f"decoder.{level}.0.weight"
        state[key] = state[key].repeat(1, 2, 1, 1)
    concat.load_state_dict(state)
    images = torch.randn(1, 3, 20, 28)
    torch.testing.assert_close(add(images), concat(images), rtol=1e-4, atol=1e-5)


def test_without_skips_a_detail_between_two_poolings_cannot_be_told_apart():
    """Two images whose first maps have equal maxima in every 2x2 block look alike to the net without skips."""
    images = torch.zeros(2, 1, 16, 16)
    images[0, 0, 6, 6] = images[1, 0, 7, 7] = 1  # of one block of four pixels
    differ = {}
    for skips in ("concat", "none"):
        net = UNet(1, 2, width=2, depth=2, skips=skips).eval()
        with torch.no_grad():
            net.encoder[0][0].weight.zero_()[:, :, 1, 1] = 1  # the first block passes its input on
            net.encoder[0][3].weight.zero_()[:, :, 1, 1] = 1
            a, b = net(images)
        differ[skips] = float((a - b).abs().max())
    assert differ["none"] < 1e-6 < 1e-3 < differ["concat"]


@pytest.mark.parametrize("up", UPS)
def test_deep_supervision_gives_all_levels_in_training_and_the_finest_afterwards(up):
    torch.manual_seed(0)
    net = UNet(3, 4, width=2, depth=3, up=up, deep_supervision=True)
    outputs = net(torch.randn(2, 3, 21, 30))
    assert [tuple(o.shape) for o in outputs] == [(2, 4, 21, 30), (2, 4, 11, 15), (2, 4, 6, 8)]
    sum(o.square().mean() for o in outputs).backward()
    assert all(p.grad.abs().sum() > 0 for p in net.parameters())
    assert net.eval()(torch.randn(2, 3, 21, 30)).shape == (2, 4, 21, 30)
    assert parameters(net) - parameters(UNet(3, 4, width=2, depth=3, up=up)) == parameters(net.heads)


def test_options_that_are_off_add_no_keys():
    assert not [k for k in UNet(width=2).state_dict() if k.startswith(("gates", "heads", "last"))]


def test_the_gate_weighs_positions_between_zero_and_one_and_all_channels_alike():
    torch.manual_seed(0)
    gate = AttentionGate(6, 12)
    skip, below = torch.randn(2, 6, 10, 14), torch.randn(2, 12, 5, 7)
    weights = gate.weights(skip, below)
    assert weights.shape == (2, 1, 10, 14)
    assert 0 < weights.min() < weights.max() < 1
    torch.testing.assert_close(gate(skip, below), weights * skip)
    changed = gate.weights(skip, below + 1)
    assert not torch.allclose(weights, changed)


@pytest.mark.parametrize("up", UPS)
def test_closed_gates_leave_the_net_without_skips(up):
    torch.manual_seed(0)
    net = UNet(3, 2, width=4, depth=2, up=up, skips="add", attention=True).eval()
    plain = UNet(3, 2, width=4, depth=2, up=up, skips="none").eval()
    plain.load_state_dict({k: v for k, v in net.state_dict().items() if not k.startswith("gates")})
    for gate in net.gates:
        torch.nn.init.zeros_(gate.to_weight.weight)
        torch.nn.init.constant_(gate.to_weight.bias, -100)
    images = torch.randn(1, 3, 17, 24)
    torch.testing.assert_close(net(images), plain(images))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: UNet(skips="sum"), 'UNet: skips must be "concat", "add" or "none", not \'sum\''),
        (lambda: UNet(skips="none", attention=True), 'UNet: attention is True and skips is "none"'),
    ],
)
def test_bad_options_get_one_sentence(build, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        build()

"""What every loss keeps: gradients, half precision, void, and one sentence for bad input."""

import re

import pytest
import torch
from loss_samples import sample
from torchvision import tv_tensors

from course_lib import losses

LOSSES = {
    "cross_entropy": losses.cross_entropy,
    "weighted": lambda x, t: losses.cross_entropy(x, t, weight=[0.5, 2.0, 1.0][: max(x.shape[1], 2)]),
    "per pixel": lambda x, t: losses.cross_entropy(x, t, pixel_weight=torch.linspace(0, 2, t.numel()).view(t.shape)),
    "focal_loss": losses.focal_loss,
    "focal, gamma 0.5": lambda x, t: losses.focal_loss(x, t, gamma=0.5),
    "ohem_loss": losses.ohem_loss,
    "dice_loss": losses.dice_loss,
    "dice per sample": lambda x, t: losses.dice_loss(x, t, per_sample=True),
    "tversky_loss": losses.tversky_loss,
    "ce_dice_loss": losses.ce_dice_loss,
    "deep supervision": lambda x, t: losses.deep_supervision_loss(losses.ce_dice_loss, [x, x.roll(1, 1)], t, [1, 0.5]),
}
PLAIN = {name: loss for name, loss in LOSSES.items() if hasattr(losses, name)}
each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


@each_loss
@pytest.mark.parametrize("classes", [1, 3])
def test_gradients_are_right(loss, classes):
    logits, target = sample(classes, size=(2, 3, 4))
    assert torch.autograd.gradcheck(lambda x: loss(x, target), logits.requires_grad_())


@each_loss
@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_gives_float32_near_float64(loss, classes, dtype):
    logits, target = sample(classes, size=(2, 64, 65))
    logits[0, 0, 0] = torch.linspace(-300, 300, 65)  # as far as a half-precision network may go
    half = logits.to(dtype).requires_grad_()
    value = loss(half, target)
    value.backward()
    assert value.dtype == torch.float32
    torch.testing.assert_close(value.double(), loss(half.detach().double(), target), rtol=2e-4, atol=1e-6)
    assert torch.isfinite(half.grad).all()


@each_loss
@pytest.mark.parametrize("classes", [1, 3])
def test_autocast_changes_nothing(loss, classes):
    logits, target = sample(classes, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        inside = loss(logits, target)
    torch.testing.assert_close(inside, loss(logits, target))


@each_loss
@pytest.mark.parametrize("classes", [1, 3])
def test_void_pixels_get_no_gradient_and_change_nothing(loss, classes):
    logits, target = sample(classes, size=(2, 8, 10))
    void = (target == 255)[:, None].expand_as(logits)
    other = torch.where(void, torch.randn_like(logits) * 50, logits)
    logits.requires_grad_()
    value = loss(logits, target)
    value.backward()
    assert (logits.grad[void] == 0).all()
    assert (logits.grad[~void] != 0).any()
    torch.testing.assert_close(loss(other, target), value)


@each_loss
@pytest.mark.parametrize("classes", [1, 3])
def test_all_void_is_zero_with_zero_gradient(loss, classes):
    logits, target = sample(classes)
    logits.requires_grad_()
    value = loss(logits, torch.full_like(target, 255))
    value.backward()
    assert value == 0
    assert (logits.grad == 0).all()


@each_loss
def test_tv_tensors_are_taken_and_not_returned(loss):
    logits, target = sample(3)
    value = loss(logits, tv_tensors.Mask(target))
    assert type(value) is torch.Tensor
    torch.testing.assert_close(value, loss(logits, target))


@each_loss
@pytest.mark.parametrize("classes", [1, 3])
def test_a_step_against_the_gradient_lowers_the_loss(loss, classes):
    logits, target = sample(classes)
    logits.requires_grad_()
    before = loss(logits, target)
    before.backward()
    assert loss(logits - 0.1 * logits.grad / logits.grad.abs().max(), target) < before


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda x, t: (x, t.float()), TypeError, "target must be an int64 tensor of labels, not torch.float32"),
        (lambda x, t: (x, t.numpy()), TypeError, "target must be an int64 tensor of labels, not int64"),
        (lambda x, t: (x.long(), t), TypeError, "logits must be a float tensor, not torch.int64"),
        (lambda x, t: (x, t + 1), ValueError, "target label 3 is not 0..2 or void 255"),
        (lambda x, t: (x, t - 1), ValueError, "target label -1 is not 0..2 or void 255"),
        (lambda x, t: (x[:, :1], t), ValueError, "target label 2 is not 0..1 or void 255"),
        (lambda x, t: (x[:, 0], t), ValueError, "logits must be (N, C, H, W) for targets (3, 7, 11), not (3, 7, 11)"),
        (
            lambda x, t: (x, t[:, 1:]),
            ValueError,
            "logits must be (N, C, H, W) for targets (3, 6, 11), not (3, 3, 7, 11)",
        ),
        (lambda x, t: (x, t[:2]), ValueError, "logits must be (N, C, H, W) for targets (2, 7, 11), not (3, 3, 7, 11)"),
        (lambda x, t: (x[:0], t[:0]), ValueError, "logits (0, 3, 7, 11) are empty"),
        (lambda x, t: (x[:, :0], t), ValueError, "logits (3, 0, 7, 11) are empty"),
        (lambda x, t: (x[:, :1].expand(-1, 256, -1, -1), t), ValueError, "logits have 256 classes; at most 255"),
    ],
)
def test_bad_input_gets_one_sentence(name, change, error, message):
    logits, target = sample(3, void=0)
    with pytest.raises(error, match=re.escape(f"{name}: {message}")):
        PLAIN[name](*change(logits, target))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, t: losses.cross_entropy(x, t, weight=[1.0, 2.0]), "cross_entropy: weight must be (3,)"),
        (lambda x, t: losses.cross_entropy(x[:, :1], t % 2, weight=[1.0]), "cross_entropy: weight must be (2,)"),
        (lambda x, t: losses.focal_loss(x, t, weight=[1, -1, 1]), "focal_loss: weight must be finite and not negative"),
        (lambda x, t: losses.cross_entropy(x, t, weight=[1, 1, float("nan")]), "weight must be finite"),
        (lambda x, t: losses.cross_entropy(x, t, pixel_weight=torch.ones(3, 7)), "pixel_weight must be (3, 7, 11) as"),
        (
            lambda x, t: losses.cross_entropy(x, t, pixel_weight=-torch.ones(3, 7, 11)),
            "pixel_weight must be finite and",
        ),
        (
            lambda x, t: losses.cross_entropy(x, t, pixel_weight=t),
            "pixel_weight must be a float tensor, not torch.int64",
        ),
        (lambda x, t: losses.focal_loss(x, t, gamma=-1), "focal_loss: gamma must be at least 0, not -1"),
        (lambda x, t: losses.focal_loss(x, t, gamma=float("nan")), "focal_loss: gamma must be at least 0, not nan"),
        (lambda x, t: losses.tversky_loss(x, t, alpha=-0.1), "tversky_loss: alpha must be at least 0, not -0.1"),
        (lambda x, t: losses.tversky_loss(x, t, beta=0), "tversky_loss: beta must be above 0"),
        (lambda x, t: losses.ohem_loss(x, t, threshold=1.5), "ohem_loss: threshold must be between 0 and 1, not 1.5"),
        (lambda x, t: losses.ohem_loss(x, t, min_kept=2), "ohem_loss: min_kept must be between 0 and 1, not 2"),
        (
            lambda x, t: losses.ce_dice_loss(x, t, dice_weight=-1),
            "ce_dice_loss: dice_weight must be at least 0, not -1",
        ),
    ],
)
def test_bad_options_get_one_sentence(call, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        call(*sample(3, void=0))

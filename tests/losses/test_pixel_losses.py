"""Cross-entropy, focal and OHEM against PyTorch, torchvision and an independent OHEM."""

import pytest
import torch
import torch.nn.functional as F
from loss_samples import sample
from torch.testing import assert_close
from torchvision.ops import sigmoid_focal_loss

from course_lib import losses

# --- cross-entropy --------------------------------------------------------------------------------------------------


def test_cross_entropy_is_pytorchs_with_and_without_class_weights():
    logits, target = sample()
    weight = torch.tensor([0.2, 3.0, 0.0, 1.0], dtype=torch.float64)
    assert_close(losses.cross_entropy(logits, target), F.cross_entropy(logits, target, ignore_index=255))
    expected = F.cross_entropy(logits, target, weight=weight, ignore_index=255)
    assert_close(losses.cross_entropy(logits, target, weight=weight), expected)
    assert_close(losses.cross_entropy(logits, target, weight=(7 * weight).tolist()), expected)


def test_pixel_weights_multiply_class_weights_and_void_ones_may_be_anything():
    logits, target = sample()
    weight, pixels = torch.rand(4, dtype=torch.float64), torch.rand(target.shape, dtype=torch.float64)
    valid = target != 255
    each = F.cross_entropy(logits, target, ignore_index=255, reduction="none")[valid]
    w = (weight[target.clamp(max=3)] * pixels)[valid]
    pixels[~valid] = float("nan")
    assert_close(losses.cross_entropy(logits, target, weight=weight, pixel_weight=pixels), (w * each).sum() / w.sum())
    ones = torch.ones_like(pixels)
    assert_close(losses.cross_entropy(logits, target, pixel_weight=ones), losses.cross_entropy(logits, target))


def test_one_channel_is_binary_cross_entropy_and_equals_two_channels():
    logits, target = sample(1)
    valid = target != 255
    expected = F.binary_cross_entropy_with_logits(logits[:, 0][valid], target[valid].double())
    assert_close(losses.cross_entropy(logits, target), expected)
    two = torch.cat([torch.zeros_like(logits), logits], 1)
    for weight in (None, torch.tensor([0.3, 2.0])):
        assert_close(
            losses.cross_entropy(logits, target, weight=weight), losses.cross_entropy(two, target, weight=weight)
        )
        assert_close(losses.focal_loss(logits, target, weight=weight), losses.focal_loss(two, target, weight=weight))
    assert_close(losses.ohem_loss(logits, target), losses.ohem_loss(two, target))


def test_pixels_of_classes_without_weight_give_zero_where_pytorch_gives_nan():
    logits, _ = sample()
    logits.requires_grad_()
    target = torch.full((3, 7, 11), 2)
    weight = torch.tensor([1.0, 1.0, 0.0, 1.0], dtype=torch.float64)
    assert F.cross_entropy(logits, target, weight=weight).isnan()
    for loss in (losses.cross_entropy, losses.focal_loss):
        value = loss(logits, target, weight=weight)
        value.backward()
        assert value == 0
        assert (logits.grad == 0).all()


def test_tiny_weights_are_not_rounded_away():
    logits, target = sample()
    weight = torch.full((4,), 1e-9, dtype=torch.float64)
    assert_close(losses.cross_entropy(logits, target, weight=weight), losses.cross_entropy(logits, target))


# --- focal ----------------------------------------------------------------------------------------------------------


def test_focal_with_gamma_zero_is_cross_entropy():
    logits, target = sample()
    weight = torch.tensor([0.2, 3.0, 0.5, 1.0])
    assert_close(losses.focal_loss(logits, target, gamma=0), losses.cross_entropy(logits, target))
    weighted = losses.cross_entropy(logits, target, weight=weight)
    assert_close(losses.focal_loss(logits, target, gamma=0, weight=weight), weighted)


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
def test_binary_focal_is_torchvisions(gamma):
    logits, target = sample(1)
    valid = target != 255
    x, t = logits[:, 0][valid], target[valid].double()
    assert_close(losses.focal_loss(logits, target, gamma=gamma), sigmoid_focal_loss(x, t, alpha=-1, gamma=gamma).mean())
    total = sigmoid_focal_loss(x, t, alpha=0.25, gamma=gamma, reduction="sum")
    ours = losses.focal_loss(logits, target, gamma=gamma, weight=[0.75, 0.25])
    assert_close(ours, total / (0.25 * t + 0.75 * (1 - t)).sum())


def test_softmax_focal_follows_its_formula():
    logits, target = sample()
    valid = target != 255
    p = logits.softmax(1).gather(1, target.masked_fill(~valid, 0)[:, None])[:, 0][valid]
    assert_close(losses.focal_loss(logits, target, gamma=3), (-((1 - p) ** 3) * p.log()).mean())


@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.5, 1.0, 2.0])
def test_focal_has_a_finite_gradient_at_certainty(gamma):
    logits = torch.tensor([200.0, -200.0, 0.0]).view(1, 1, 1, 3).requires_grad_()
    losses.focal_loss(logits, torch.tensor([[[1, 1, 0]]]), gamma=gamma).backward()
    assert torch.isfinite(logits.grad).all()


# --- OHEM -----------------------------------------------------------------------------------------------------------


def segmentation_ohem(logits, target, threshold, kept):
    """mmseg's rule for pixels, written independently: sort the probabilities of the truth, raise the threshold to number `kept`."""
    flat = logits.permute(0, 2, 3, 1).reshape(-1, logits.shape[1])
    labels = target.reshape(-1)
    flat, labels = flat[labels != 255], labels[labels != 255]
    p = torch.stack([row.softmax(0)[k] for row, k in zip(flat, labels, strict=True)])
    cut = max(float(p.sort().values[min(kept, len(p) - 1)]), threshold)
    return -p[p < cut].log().mean()


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.7, 0.95])
@pytest.mark.parametrize("share", [0.1, 0.25, 0.6])
def test_ohem_keeps_what_the_sorted_rule_keeps(threshold, share):
    logits, target = sample(3, seed=4)
    valid = int((target != 255).sum())
    kept = -int(-share * valid // 1)
    ours = losses.ohem_loss(logits, target, threshold=threshold, min_kept=share)
    assert_close(ours, segmentation_ohem(logits, target, threshold, kept))


def test_ohem_keeps_exactly_the_share_where_probabilities_are_tied():
    logits = torch.zeros(1, 2, 4, 4).requires_grad_()
    losses.ohem_loss(logits, torch.zeros(1, 4, 4, dtype=torch.int64), threshold=0.1, min_kept=0.25).backward()
    assert int((logits.grad[:, 0] != 0).sum()) == 4


def test_ohem_over_everything_is_cross_entropy_and_over_nothing_zero():
    logits, target = sample()
    assert_close(losses.ohem_loss(logits, target, min_kept=1), losses.cross_entropy(logits, target))
    assert losses.ohem_loss(logits, target, threshold=0, min_kept=0) == 0

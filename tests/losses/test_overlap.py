"""Dice and Tversky against segmentation_models.pytorch, by hand, and where a class is absent."""

import pytest
import torch
from loss_samples import sample
from segmentation_models_pytorch import losses as smp
from torch.testing import assert_close

from course_lib import losses
from course_lib.losses import overlap


def certain(target, classes, strength=100.0):
    """Logits that give every pixel its label for certain (void ones class 0)."""
    hot = torch.nn.functional.one_hot(target.masked_fill(target == 255, 0), classes)
    return strength * hot.movedim(-1, 1).float()


def test_dice_and_tversky_are_those_of_smp_where_every_class_occurs():
    logits, target = sample(4)
    theirs = smp.DiceLoss("multiclass", ignore_index=255, smooth=0, eps=0)
    assert_close(losses.dice_loss(logits, target), theirs(logits, target))
    theirs = smp.TverskyLoss("multiclass", ignore_index=255, smooth=0, eps=0, alpha=0.2, beta=0.9)
    assert_close(losses.tversky_loss(logits, target, alpha=0.2, beta=0.9), theirs(logits, target))


def test_one_channel_is_smps_binary_dice():
    logits, target = sample(1)
    theirs = smp.DiceLoss("binary", ignore_index=255, smooth=0, eps=0)
    assert_close(losses.dice_loss(logits, target), theirs(logits, target[:, None]))


def test_by_hand():
    """Two pixels of class 1 with 0.5, one of class 0 with 0.25: TP 1, FP 0.25, FN 1."""
    logits = torch.tensor([0.5, 0.5, 0.25]).logit().view(1, 1, 1, 3)
    target = torch.tensor([[[1, 1, 0]]])
    assert_close(losses.dice_loss(logits, target), torch.tensor(1 - 2 / 3.25))
    assert_close(losses.tversky_loss(logits, target), torch.tensor(1 - 1 / (1 + 0.3 * 0.25 + 0.7)))
    assert_close(losses.tversky_loss(logits, target, alpha=0.5, beta=0.5), losses.dice_loss(logits, target))


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_a_perfect_answer_has_no_loss_however_much_is_void(share):
    target = torch.arange(4000).view(1, 40, 100) % 3
    target.view(-1)[: int(4000 * share)] = 255
    for per_sample in (False, True):
        assert losses.dice_loss(certain(target, 3), target, per_sample=per_sample) == 0
    assert losses.tversky_loss(certain(target, 3), target) == 0


def test_absent_classes_are_left_out_and_a_wrong_claim_of_one_costs_a_present_class():
    _, target = sample(2)
    logits = certain(target, 5)
    assert losses.dice_loss(logits, target) == 0
    logits[:, 4, :3] = 200
    hit = (target[:, :3] != 255) & (target[:, :3] < 2)
    wrong = [int((hit & (target[:, :3] == k)).sum()) for k in (0, 1)]
    true = [int((target == k).sum()) for k in (0, 1)]
    by_hand = sum(1 - 2 * (n - w) / (2 * n - w) for n, w in zip(true, wrong, strict=True)) / 2
    assert_close(losses.dice_loss(logits, target), torch.tensor(by_hand))


def test_per_sample_is_the_mean_over_the_pictures_that_hold_a_class():
    logits, target = sample(3, size=(4, 9, 8))
    target[1][target[1] == 2] = 0  # class 2 is absent here
    target[3] = 255
    single = torch.stack([losses.dice_loss(logits[i : i + 1], target[i : i + 1]) for i in range(3)])
    assert_close(losses.dice_loss(logits, target, per_sample=True), single.mean())
    assert abs(losses.dice_loss(logits, target) - single.mean()) > 1e-3


def test_binary_without_any_foreground_is_zero_and_without_gradient():
    logits = torch.randn(2, 1, 5, 5).requires_grad_()
    target = torch.zeros(2, 5, 5, dtype=torch.int64)
    for per_sample in (False, True):
        loss = losses.dice_loss(logits, target, per_sample=per_sample)
        loss.backward()
        assert loss == 0
        assert (logits.grad == 0).all()


def test_ce_dice_is_the_weighted_sum():
    logits, target = sample()
    expected = losses.cross_entropy(logits, target) + 0.3 * losses.dice_loss(logits, target)
    assert_close(losses.ce_dice_loss(logits, target, dice_weight=0.3), expected)


def test_no_smoothing_hides_in_the_ratio():
    """One foreground pixel of 10,000, found with certainty, beside as sure false claims: exactly 2 / (2 + 3)."""
    logits = torch.full((1, 1, 100, 100), -200.0)
    logits.view(-1)[:4] = 200
    target = torch.zeros(1, 100, 100, dtype=torch.int64)
    target.view(-1)[0] = 1
    assert_close(losses.dice_loss(logits, target), torch.tensor(1 - 2 / 5))
    assert overlap.dice_loss is losses.dice_loss

"""Exercise 04, right and wrong answers to the question about rivals that mean IoU and mean Dice rank differently."""

import math

import numpy as np
import torch


def dice(iou):
    return 2 * iou / (1 + iou)


def even(iou, gap):
    return (iou.mean() - gap).repeat(len(iou))


def uneven(iou, gap):
    return (len(iou) * (iou.mean() + gap) - torch.arange(len(iou))).clamp(0, 1)


def works(other, iou, gap, wins):
    by_iou, by_dice = other.mean() - iou.mean(), dice(other).mean() - dice(iou).mean()
    lead, lag = (by_dice, -by_iou) if wins == "dice" else (by_iou, -by_dice)
    return bool(min(lead, lag) >= gap - 1e-12 and other.min() >= 0 and other.max() <= 1)


def rival_by_the_inverse(iou, gap, wins):
    """The even rival with just enough mean Dice, turned back into IoU; ones and zeros counted one by one."""
    if wins == "dice":
        wanted = float(dice(iou).mean()) + gap
        value = wanted / (2 - wanted)
        return torch.full_like(iou, value) if 0 <= value <= float(iou.mean()) - gap else None
    total, other = float(iou.sum()) + len(iou) * gap, []
    if total > len(iou):
        return None
    for _ in iou:
        other.append(min(1.0, max(0.0, total)))
        total -= other[-1]
    other = torch.tensor(other, dtype=torch.float64)
    return other if float(dice(iou).mean() - dice(other).mean()) >= gap else None


def rival_in_numpy_style(iou, gap, wins):
    values, shape = iou.numpy(), len(iou)
    goal = values.mean() + (gap if wins == "miou" else -gap)
    if not 0 <= goal <= 1:
        return None
    other = np.full(shape, goal)
    if wins == "miou":
        ones = math.floor(goal * shape)
        other = np.zeros(shape)
        other[:ones] = 1
        if ones < shape:
            other[ones] = goal * shape - ones
    gain = (2 * other / (1 + other)).mean() - (2 * values / (1 + values)).mean()
    return torch.from_numpy(other) if (gain if wins == "dice" else -gain) >= gap else None


def rival_in_float32(iou, gap, wins):
    other = rival_in_numpy_style(iou, gap, wins)
    return None if other is None else other.float().tolist()


def rival_that_tests_itself(iou, gap, wins):
    """With room for the last bit."""
    other = even(iou, gap) if wins == "dice" else uneven(iou, gap)
    by_iou, by_dice = other.mean() - iou.mean(), dice(other).mean() - dice(iou).mean()
    lead, lag = (by_dice, -by_iou) if wins == "dice" else (by_iou, -by_dice)
    return other if min(lead, lag) >= gap - 1e-6 and other.min() >= 0 else None


def rival_tested_strictly(iou, gap, wins):
    """No room for the last bit: the cases are such that none is lost."""
    other = even(iou, gap) if wins == "dice" else uneven(iou, gap)
    by_iou, by_dice = other.mean() - iou.mean(), dice(other).mean() - dice(iou).mean()
    lead, lag = (by_dice, -by_iou) if wins == "dice" else (by_iou, -by_dice)
    return other if lead >= gap and lag >= gap and other.min() >= 0 else None


def rival_loses_the_last_bit(iou, gap, wins):
    """Tests its conditions as if there were no rounding, and loses rivals by it."""
    other = rival_that_tests_itself(iou, gap, wins)
    return other if other is not None and gap < 0.02 else None


def rival_never(iou, gap, wins):
    """With the Dice of the mean there is none."""
    goal = iou.mean() - gap if wins == "dice" else iou.mean() + gap
    gain = dice(goal) - dice(iou.mean())
    return goal.repeat(len(iou)) if (gain if wins == "dice" else -gain) >= gap else None


def rival_wins_the_wrong_way(iou, gap, wins):
    wins = "miou" if wins == "dice" else "dice"
    other = even(iou, gap) if wins == "dice" else uneven(iou, gap)
    return other if works(other, iou, gap, wins) else None


def rival_from_the_lesson(iou, gap, wins):
    return torch.tensor([0.70, 0.68] if wins == "dice" else [1.00, 0.40], dtype=torch.float64)


def rival_sorted(iou, gap, wins):
    return iou.sort().values


def rival_only_even(iou, gap, wins):
    return even(iou, gap) if wins == "dice" else (iou.mean() + gap).repeat(len(iou))


def rival_smaller_gap(iou, gap, wins):
    other = even(iou, gap / 2) if wins == "dice" else uneven(iou, gap / 2)
    return other if works(other, iou, gap / 2, wins) else None


def rival_without_none(iou, gap, wins):
    return even(iou, gap) if wins == "dice" else uneven(iou, gap)


def rival_outside(iou, gap, wins):
    if wins == "dice":
        other = even(iou, gap)
        return other if works(other, iou, gap, wins) else None
    other = torch.zeros_like(iou)
    other[0] = len(iou) * (iou.mean() + gap)
    return other


def rival_half_and_half(iou, gap, wins):
    """Uneven, but not as uneven as can be."""
    if wins == "dice":
        other = even(iou, gap)
    else:
        goal = iou.mean() + gap
        reach = torch.minimum(goal, 1 - goal)
        other = goal.repeat(len(iou))
        for i in range(len(iou) // 2):
            other[i], other[-1 - i] = goal + reach, goal - reach
    return other if works(other, iou, gap, wins) else None


def rival_pulled_to_the_mean(iou, gap, wins):
    """Closer to the mean, but not wholly even."""
    other = (iou + iou.mean()) / 2 - gap if wins == "dice" else uneven(iou, gap)
    return other if works(other, iou, gap, wins) else None


def rival_as_a_pair(iou, gap, wins):
    other = even(iou, gap) if wins == "dice" else uneven(iou, gap)
    return iou, other


def rival_of_equal_miou(iou, gap, wins):
    return even(iou, 0) if wins == "dice" else uneven(iou, 0)


def rival_scaled(iou, gap, wins):
    return iou * (1 - gap) if wins == "dice" else (iou * (1 + gap)).clamp(max=1)


MUTANTS = [
    (rival_never, "not 2 m / (1 + m)"),
    (rival_wins_the_wrong_way, "wins by the wrong score"),
    (rival_from_the_lesson, "return one IoU for each class"),
    (rival_sorted, "the same scores as the model itself"),
    (rival_only_even, "better by both scores"),
    (rival_smaller_gap, "not far enough"),
    (rival_without_none, "so return None"),
    (rival_outside, "an IoU lies between 0 and 1"),
    (rival_loses_the_last_bit, "allow for rounding"),
    (rival_half_and_half, "ones, one rest, zeros"),
    (rival_pulled_to_the_mean, "as even as possible"),
    (rival_as_a_pair, "not a tuple"),
    (rival_of_equal_miou, "has the same mIoU"),
    (rival_scaled, "worse by both scores"),
]
ALTERNATES = [
    rival_that_tests_itself,
    rival_tested_strictly,
    rival_in_float32,
    rival_by_the_inverse,
    rival_in_numpy_style,
]

"""Exercise 04, the question about mean IoU and mean Dice, which rank models differently."""

import math

import numpy as np
import torch
from torch import Tensor

from course_lib.checks.answer import Failed
from course_lib.checks.core import Property
from course_lib.grading.words import kind, number

CLOSE = 1e-6  # of rounding is forgiven, so float32 will do
NAMES = {"dice": "mean Dice", "miou": "mIoU"}


def _dice(iou):
    return 2 * iou / (1 + iou)


def _means(iou) -> dict[str, float]:
    iou = np.asarray(iou, np.float64)
    return {"miou": float(iou.mean()), "dice": float(_dice(iou).mean())}


def _extreme(iou: np.ndarray, gap: float, wins: str) -> np.ndarray:
    """The rival that goes farthest: even for Dice, uneven for mIoU; it may lie outside 0..1 where there is none."""
    if wins == "dice":
        return np.full(len(iou), iou.mean() - gap)
    return np.clip(len(iou) * (iou.mean() + gap) - np.arange(len(iou)), 0, 1)


def _leads(other, iou, wins: str) -> tuple[float, float]:
    """By how much a rival leads in the score that it should win, and by how much it lags in the other."""
    mine, theirs = _means(other), _means(iou)
    loses = {"dice": "miou", "miou": "dice"}[wins]
    return mine[wins] - theirs[wins], theirs[loses] - mine[loses]


def _largest_gap(iou: np.ndarray, wins: str) -> float:
    """The largest gap that some rival reaches, by bisection; 0 where none reaches any."""
    low, high = 0.0, float(iou.mean()) if wins == "dice" else 1 - float(iou.mean())
    for _ in range(60):
        gap = (low + high) / 2
        lead, lag = _leads(_extreme(iou, gap, wins), iou, wins)
        low, high = (gap, high) if min(lead, lag) >= gap - 1e-12 else (low, gap)
    return low


def _numbers(got, iou: Tensor) -> Tensor:
    """The rival's IoUs as float64 (C,), or Failed."""
    if isinstance(got, list | tuple) and all(isinstance(value, int | float) for value in got):
        got = torch.tensor(got, dtype=torch.float64)
    if not isinstance(got, Tensor):
        raise Failed(f"return a float64 tensor of {len(iou)} IoUs or None, not {kind(got)}")
    if got.shape != iou.shape:
        raise Failed(f"return one IoU for each class, shape {tuple(iou.shape)}, not {tuple(got.shape)}")
    if not got.is_floating_point() or got.isnan().any():
        raise Failed("the IoUs must be floats, none of them NaN")
    if got.min() < -CLOSE or got.max() > 1 + CLOSE:
        raise Failed(
            f"an IoU lies between 0 and 1; yours go from {number(float(got.min()))} to {number(float(got.max()))}"
        )
    return got.double().clamp(0, 1)


def _trouble(other: Tensor, iou: Tensor, gap: float, wins: str) -> str | None:
    """Why a rival does not do what it should, in one sentence."""
    loses = {"dice": "miou", "miou": "dice"}[wins]
    lead, lag = _leads(other, iou, wins)
    if min(lead, lag) >= gap - CLOSE:
        return None
    if max(map(abs, (lead, lag))) < 1e-12:
        return "this rival has the same scores as the model itself (its IoUs in another order?): it has to differ by the gap"
    mine, theirs = _means(other), _means(iou)
    told = ", ".join(f"its {NAMES[s]} is {mine[s]:.4f}, the model's {theirs[s]:.4f}" for s in (wins, loses))
    told += f"; asked: {NAMES[wins]} higher and {NAMES[loses]} lower, each by at least {number(gap)}"
    if min(-lead, -lag) >= gap - CLOSE:
        return f"this rival wins by the wrong score: {told}"
    if lead > 0 and lag > 0:
        return f"both scores go the right way, but not far enough: {told}"
    if abs(lead) < 1e-12 or abs(lag) < 1e-12:
        return f"this rival has the same {NAMES[wins if abs(lead) < 1e-12 else loses]} as the model: {told}"
    return f"this rival is {'better' if lead > 0 else 'worse'} by both scores: {told}"


def _why_none(refuses_all: bool, wins: str) -> str:
    if refuses_all:
        return (
            "there is a rival, but none was returned, here and everywhere: mean Dice is the mean of the classes' 2 I / (1 + I), "
            "not 2 m / (1 + m) of the mIoU m; with the latter the two scores never disagree"
        )
    shape = "as even as possible" if wins == "dice" else "as uneven as possible: ones, one rest, zeros"
    rounding = f"if you do, and test the gap yourself, allow for rounding: a lead may fall short of it by {CLOSE:g}"
    return (
        f"there is a rival, but none was returned: before you give up, try the one whose IoUs are {shape}; {rounding}"
    )


def rival_properties(student, rng):
    def made(classes, wins, share, spread=1.0):
        """A model and a gap that is this share of the largest possible one, or a little less where a rival exists.

        There, IoUs and gaps are short binary fractions, and the classes a power of 2: no mean of IoUs is rounded, so that a
        rival with just that gap passes a test of `>= gap` as well.
        """
        for _ in range(200):
            iou = rng.uniform(0.5 - spread / 2, 0.5 + spread / 2, classes)
            iou = np.round(64 * iou) / 64
            if (largest := _largest_gap(iou, wins)) > 0.01:  # far above the rounding of any way to compute it
                break
        gap = float(f"{share * largest:.3g}") if share > 1 else math.floor(2048 * share * largest) / 2048
        return {"iou": torch.from_numpy(iou), "gap": gap, "wins": wins}

    solvable = [made(classes, wins, 0.5) for wins in ("dice", "miou") for classes in (2, 4, 8)]

    def refuses_all() -> bool:
        return all(student(**case) is None for case in solvable)

    def why_not(got, possible: bool, iou, gap, wins) -> str | None:
        """Why this return value is wrong, or None."""
        if got is None:
            return _why_none(refuses_all(), wins) if possible else None
        why = _trouble(_numbers(got, iou), iou, gap, wins)
        return why if possible else f"no rival can do this, so return None: {why}"

    def claim(text, possible: bool, *cases):
        def test():
            for case in cases:
                got = student(**case)
                try:
                    why = why_not(got, possible, **case)
                except Failed as failed:
                    why = failed.why
                if why:
                    raise Failed(why, case, got)

        return Property(text, test=test)

    easy = [made(4, "dice", 0.2), made(16, "dice", 0.3, 0.6)], [made(4, "miou", 0.2), made(16, "miou", 0.3, 0.6)]
    yield claim("a rival that wins by mean Dice", True, *solvable[:3], *easy[0])
    yield claim("a rival that wins by mIoU", True, *solvable[3:], *easy[1])
    hard = [made(classes, wins, 0.97) for classes in (2, 4, 8, 16) for wins in ("dice", "miou")]
    yield claim("gaps near the largest possible", True, *hard)
    wide = [made(classes, wins, 1.04) for classes in (2, 3, 7) for wins in ("dice", "miou")]
    two, even, uneven = (
        torch.tensor(values, dtype=torch.float64) for values in ([0.9, 0.3], [0.6] * 4, [0.0, 1.0, 1.0])
    )
    wide += [{"iou": two, "gap": 0.7, "wins": wins} for wins in ("dice", "miou")]
    yield claim("no rival: the gap is too large", False, *wide)
    final = [(even, "dice"), (uneven, "miou"), (even[:1], "dice"), (even[:1], "miou")]
    yield claim(
        "no rival: the model is as even, or as uneven, as can be",
        False,
        *({"iou": iou, "gap": 1e-4, "wins": wins} for iou, wins in final),
    )

"""The questions of exercise 01: box IoU, tasks, panoptic ids, run lengths, the YOLO volume, components, a head that slides.

This module holds the two questions about boxes and tasks; `pixels_to_labels_codes` and `pixels_to_labels_maps` hold the others.
References: `ops.box_iou`, `ops.rle_encode`, `ops.rle_decode` and `ops.connected_components`; everything else is computed here.
"""

import numpy as np
import torch
from torch import Tensor

from course_lib import ops
from course_lib.checks.answer import Failed
from course_lib.checks.compare import difference
from course_lib.checks.core import Property, Question
from course_lib.checks.pixels_to_labels_codes import convert_mask_properties, convert_panoptic_properties
from course_lib.checks.pixels_to_labels_maps import (
    head_to_conv_properties,
    label_components_properties,
    read_volume_properties,
)
from course_lib.grading.words import as_array, brief

# 1 · box IoU


def _boxes(*corners, dtype=torch.float32) -> Tensor:
    return torch.tensor(corners, dtype=dtype).reshape(-1, 4)


def _random_boxes(rng, count: int, size: int = 12) -> Tensor:
    corner, sides = rng.integers(0, size, (count, 2)), rng.integers(1, size, (count, 2))
    return torch.from_numpy(corner).float().repeat(1, 2) + torch.cat(
        [torch.zeros(count, 2), torch.from_numpy(sides).float()], 1
    )


def _sides(boxes: Tensor) -> Tensor:
    return boxes[:, 2:] - boxes[:, :2]


def _shared(a: Tensor, b: Tensor) -> Tensor:
    """Width and height (M, N, 2) that two boxes share; negative where there is a gap between them."""
    return torch.minimum(a[:, None, 2:], b[None, :, 2:]) - torch.maximum(a[:, None, :2], b[None, :, :2])


def _areas(a: Tensor, b: Tensor, more: float = 0) -> tuple[Tensor, Tensor]:
    return (_sides(a) + more).clamp(min=0).prod(-1)[:, None], (_sides(b) + more).clamp(min=0).prod(-1)[None]


def _over(intersection: Tensor, a: Tensor, b: Tensor, more: float = 0) -> Tensor:
    """Intersection over union, 0 where both are 0."""
    first, second = _areas(a, b, more)
    return torch.nan_to_num(intersection / (first + second - intersection), posinf=0.0, neginf=0.0)


def _intersection(a, b):
    return _shared(a, b).clamp(min=0).prod(-1)


def _corner_and_size(a, b):
    a, b = (torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1) for boxes in (a, b))
    return ops.box_iou(a, b)


def _hull(a, b):
    enclosing = torch.maximum(a[:, None, 2:], b[None, :, 2:]) - torch.minimum(a[:, None, :2], b[None, :, :2])
    return _intersection(a, b) / enclosing.prod(-1)


def _of_the_smaller(a, b):
    return _intersection(a, b) / torch.minimum(*torch.broadcast_tensors(*_areas(a, b)))


BOX_MISTAKES = {
    "the shared pixels are counted twice: the union is the two areas together minus the intersection": (
        lambda a, b: _intersection(a, b) / sum(_areas(a, b)).clamp(min=1e-12)
    ),
    "x2 and y2 are exclusive: a box from 0 to 2 is 2 pixels wide, without any + 1": (
        lambda a, b: _over((_shared(a, b) + 1).clamp(min=0).prod(-1), a, b, more=1)
    ),
    "where there is a gap, the shared width or height is negative, and two negative ones make a positive area: clamp each to 0 first": (
        lambda a, b: _over(_shared(a, b).prod(-1), a, b)
    ),
    "clamp width and height to 0 each, before you multiply: the product of two negative sides is positive": (
        lambda a, b: _over(_shared(a, b).prod(-1).clamp(min=0), a, b)
    ),
    "0/0 is NaN: where both boxes are empty, the union is 0 and the IoU must be 0": (
        lambda a, b: _intersection(a, b) / (sum(_areas(a, b)) - _intersection(a, b))
    ),
    "the boxes are read as x, y, width, height: the last two numbers are the other corner": _corner_and_size,
    "this divides by the box around both: the union is smaller, only the pixels of one box or the other": _hull,
    "this divides by the smaller box: IoU divides by the union": _of_the_smaller,
    "this divides by the area of the box in a: IoU divides by the union": (
        lambda a, b: _intersection(a, b) / _areas(a, b)[0]
    ),
    "this divides by the area of the box in b: IoU divides by the union": (
        lambda a, b: _intersection(a, b) / _areas(a, b)[1]
    ),
    "this is the intersection: divide it by the union": _intersection,
    "this is Dice, twice the intersection over the two areas together: IoU divides by the union": (
        lambda a, b: torch.nan_to_num(2 * _intersection(a, b) / sum(_areas(a, b)))
    ),
    "this is one number, for the first box of a and of b: every box of a meets every box of b": (
        lambda a, b: ops.box_iou(a, b)[0, 0]
    ),
    "this compares box i of a with box i of b only: every box of a meets every box of b": (
        lambda a, b: torch.stack([ops.box_iou(a[i : i + 1], b[i : i + 1])[0, 0] for i in range(min(len(a), len(b)))])
    ),
    "rows and columns are exchanged: row i belongs to box i of a": lambda a, b: ops.box_iou(a, b).T,
}


def pairwise_iou_properties(student, rng):
    yield Property(
        "2×2 pixels and 2×3 pixels that share one pixel, and other single pairs",
        cases=[
            {"a": _boxes([0, 0, 2, 2]), "b": _boxes([1, 1, 3, 4])},
            {"a": _boxes([3, 1, 7, 3]), "b": _boxes([5, 0, 6, 4])},
            {"a": _boxes([4, 5, 9, 7]), "b": _boxes([4, 5, 9, 7])},
        ],
        reference=ops.box_iou,
        mistakes=BOX_MISTAKES,
    )
    yield Property(
        "every box of a with every box of b",
        cases=[
            {"a": _boxes([0, 0, 2, 2], [0, 0, 4, 4]), "b": _boxes([1, 0, 2, 2], [0, 1, 3, 4], [1, 1, 3, 3])},
            {"a": _random_boxes(rng, 3), "b": _random_boxes(rng, 3)},
            {"a": _random_boxes(rng, 5), "b": _random_boxes(rng, 2)},
            {"a": _random_boxes(rng, 1), "b": _random_boxes(rng, 7)},
        ],
        reference=ops.box_iou,
        mistakes=BOX_MISTAKES,
    )
    yield Property(
        "boxes that are apart, or only touch, share nothing",
        cases=[
            {"a": _boxes([0, 0, 1, 1]), "b": _boxes([2, 2, 4, 4])},
            {"a": _boxes([0, 0, 2, 2]), "b": _boxes([2, 0, 4, 2], [0, 2, 2, 5], [3, 0, 5, 2], [2, 2, 3, 3])},
            {"a": _boxes([5, 5, 8, 9]), "b": _boxes([0, 6, 3, 7], [6, 0, 7, 2], [9, 10, 11, 12])},
        ],
        reference=ops.box_iou,
        mistakes=BOX_MISTAKES,
    )
    yield Property(
        "empty boxes have IoU 0 with everything; no boxes give no rows or columns",
        cases=[
            {"a": _boxes([1, 1, 1, 1]), "b": _boxes([2, 0, 2, 3], [0, 0, 3, 3])},
            {"a": _boxes([2, 2, 2, 5], [0, 0, 4, 6]), "b": _boxes([2, 2, 2, 5], [3, 1, 1, 4])},
            {"a": _boxes(), "b": _boxes([0, 0, 1, 1], [2, 2, 3, 3])},
            {"a": _boxes([0, 0, 1, 1], [2, 2, 3, 3]), "b": _boxes()},
        ],
        reference=ops.box_iou,
        mistakes=BOX_MISTAKES,
    )
    given = {
        "a": _boxes([0.001, 0.002, 0.003, 0.004], [0.1, 0.1, 0.2, 0.4], dtype=torch.float64),
        "b": _boxes([0.002, 0.002, 0.004, 0.003], [0.15, 0.2, 0.3, 0.3], dtype=torch.float64),
    }

    def exact():
        got, want = student(**given), ops.box_iou(**given)
        if why := difference(got, want, 0.05, "any"):
            if difference(got, want * 0, 0, "any") is None:
                why = "they are 0; corners need not be whole numbers, so do not round them and do not count pixels"
            raise Failed(f"the values are not right yet: {why}", given, got, want)
        if got.dtype != torch.float64:
            raise Failed(f"it returned {str(got.dtype)[6:]}; for float64 boxes it must be float64", given, got, want)
        if difference(got, want, 1e-9, "any"):
            why = "the result has the precision of float32: something on the way is not float64"
            if got[0, 0] < want[0, 0] - 1e-6:
                why = "something is added to the union against 0/0: these boxes are 2 pixels of 1000 wide, and even 1e-9 shows"
            raise Failed(why, given, got, want)
        single = {name: boxes.float() for name, boxes in given.items()}
        if (got := student(**single)).dtype != torch.float32:
            why = f"it returned {str(got.dtype)[6:]}; for float32 boxes it must be float32"
            raise Failed(why, single, got, ops.box_iou(**single))

    yield Property("it keeps the dtype and its precision, also for boxes given as shares of the picture", test=exact)


# 2 · which task does it answer?

VOID = 255
TASKS = ("semantic", "instance", "panoptic")
THINGS = (2, 3)  # of the hand-made cases: 0 sky and 1 road are stuff, 2 car and 3 person are things


def verdicts(masks: Tensor, labels: Tensor, things) -> dict[str, tuple[bool, str]]:
    """For each task, whether the annotation answers it, and why."""
    count = masks.sum(0)
    gap = _where("the pixel {} lies in no mask", count == 0)
    double = _where("the pixel {} lies in two masks", count > 1)
    return {
        "semantic": _semantic(masks, labels, gap, double),
        "instance": _instance(labels, things),
        "panoptic": _panoptic(labels, things, gap, double),
    }


def _where(text: str, pixels: Tensor) -> str | None:
    """The text with the first of these pixels in it, or None where there is none."""
    if not pixels.any():
        return None
    row, column = pixels.nonzero()[0].tolist()
    return text.format(f"in row {row}, column {column}")


def _semantic(masks, labels, gap, double):
    if gap:
        return False, f"{gap}, so it has no class; a class map says something about every pixel, if only 255 (void)"
    least = torch.where(masks, labels[:, None, None], 10**6).amin(0)
    most = torch.where(masks, labels[:, None, None], -1).amax(0)
    if clash := _where("the pixel {} lies in masks of two classes", least != most):
        return False, f"{clash}; a class map has one class per pixel"
    if double:
        return True, f"every pixel has exactly one class: {double}, but these are of one class"
    return True, "every pixel has exactly one class (255, void, is an answer too)"


def _instance(labels, things):
    for k, label in enumerate(labels.tolist()):
        if label not in things:
            kind = "void, not an object" if label == VOID else "stuff"
            return (
                False,
                f"segment {k} has class {label}, which is {kind}; an instance set holds objects and nothing else",
            )
    if not len(labels):
        return True, "no segments at all is the instance set of a picture without objects"
    return (
        True,
        "every segment is an object of a thing class; an instance set may leave pixels out, and its masks may overlap",
    )


def _panoptic(labels, things, gap, double):
    if gap:
        return False, f"{gap}; a panoptic map gives every pixel a segment, if only a void one"
    if double:
        return False, f"{double}; a panoptic map gives every pixel exactly one segment"
    uncounted = [label for label in labels.tolist() if label not in things]
    for label in uncounted:
        if uncounted.count(label) > 1:
            kind = "void" if label == VOID else f"class {label}"
            return False, f"{kind} has {uncounted.count(label)} segments; only things are told apart"
    return True, "every pixel lies in exactly one segment, and only things have more than one segment to a class"


def _annotation(*segments: tuple[int, str], things=THINGS) -> dict:
    """A case from segments (label, "##./..#"): rows of a mask, parted by slashes."""
    masks = [[[pixel == "#" for pixel in row] for row in rows.split("/")] for _, rows in segments]
    return {"masks": torch.tensor(masks), "labels": torch.tensor([label for label, _ in segments]), "things": things}


def _random_annotation(rng) -> dict:
    """A correct panoptic annotation of 3×5 pixels, or one with a twist."""
    classes, numbers = rng.choice([0, 1, 4, 7, VOID], (3, 5)), rng.integers(1, 3, (3, 5))
    things = ((4, 7), (1, 7), (0, 1, 4))[rng.integers(3)]
    keys = sorted(
        {(c, n if c in things else 0) for c, n in zip(classes.ravel().tolist(), numbers.ravel().tolist(), strict=True)}
    )
    numbers[~np.isin(classes, things)] = 0
    masks = torch.stack([torch.from_numpy((classes == c) & (numbers == n)) for c, n in keys])
    labels, twist = torch.tensor([c for c, _ in keys]), rng.integers(6)
    k, pixel = int(rng.integers(len(keys))), (int(rng.integers(3)), int(rng.integers(5)))
    if twist == 1:  # one segment is missing
        kept = [i for i in range(len(keys)) if i != k]
        masks, labels = masks[kept], labels[kept]
    if twist in (2, 4):  # a segment takes one pixel more
        masks[k][pixel] = True
    if twist == 3:  # one segment in two
        half = masks[k].clone()
        half[:, :2] = False
        if half.any() and (masks[k] & ~half).any():
            masks, labels = torch.cat([masks, half[None]]), torch.cat([labels, labels[k : k + 1]])
            masks[k] &= ~half
    if twist in (4, 5):  # only the things
        kept = [i for i, label in enumerate(labels.tolist()) if label in things]
        masks, labels = masks[kept], labels[kept]
    return {"masks": masks, "labels": labels, "things": things}


def which_tasks_properties(student, rng):
    def judged(claim, *cases):
        def test():
            for case in cases:
                _compare_verdicts(student(**case), case)

        return Property(claim, test=test)

    sky, road, car, other_car = (0, "###/.../..."), (1, ".../#../###"), (2, ".../.#./..."), (2, ".../..#/...")
    yield judged(
        "a class map in segments, a set of objects, a panoptic map",
        _annotation((0, "#../#.."), (0, "..#/..."), (1, ".#./.##")),
        _annotation((2, "#../#.."), (3, "..#/...")),
        _annotation(sky, road, car, other_car),
    )
    nobody = {
        "masks": torch.zeros(0, 2, 3, dtype=torch.bool),
        "labels": torch.zeros(0, dtype=torch.int64),
        "things": THINGS,
    }
    yield judged(
        "instances: pixels may be in no mask or in several; there may be no object",
        _annotation((2, "##./##."), (3, ".##/...")),
        nobody,
        _annotation((3, "###/###"), (2, "#../...")),
    )
    yield judged(
        "instances: no stuff, no void",
        _annotation((2, "##./..."), (1, ".../###")),
        _annotation((2, "##./..."), (VOID, "..#/...")),
        _annotation((0, "##./###"), (2, "..#/..."), things=(0,)),
    )
    yield judged(
        "semantic: one class for every pixel, also where masks overlap",
        _annotation((0, "###/###"), (2, "#../...")),
        _annotation((2, "##./##."), (2, ".##/.##")),
        _annotation((0, "##./###"), (3, "#../...")),
        _annotation((0, "##./##."), (VOID, "..#/..#")),
    )
    yield judged(
        "panoptic: every pixel in exactly one segment, stuff and void as one segment each",
        _annotation((0, "###/..."), (1, ".../##.")),
        _annotation((0, "##./##."), (VOID, "..#/..."), (VOID, ".../..#")),
        _annotation((1, "#../..."), (2, ".##/..."), (2, ".../###")),
        _annotation((0, "#../..."), (0, ".##/###")),
    )
    yield judged("sixty random annotations", *[_random_annotation(rng) for _ in range(60)])


def _drawing(masks: Tensor, labels: Tensor, things) -> str:
    """The segments in words, their rows parted by slashes."""
    rows = ["/".join("".join(".#"[pixel] for pixel in row) for row in mask) for mask in masks.int().tolist()]
    drawn = ", ".join(f"`{label}: {mask}`" for label, mask in zip(labels.tolist(), rows, strict=True))
    return f"The things are {', '.join(map(str, things))}; the segments: {drawn or 'none'}"


def _compare_verdicts(got, case: dict) -> None:
    """Raise Failed at the first task that is judged otherwise, with the reason for the right verdict."""
    wanted = verdicts(**case)
    want = {task: verdict for task, (verdict, _) in wanted.items()}
    if not isinstance(got, dict) or set(got) != set(TASKS):
        why = "return a dict with the keys 'semantic', 'instance' and 'panoptic', and a truth value for each"
        raise Failed(why, case, got, want)
    for task, (verdict, why) in wanted.items():
        answer, why = as_array(got[task]), f"{why}. {_drawing(**case)}"
        if answer is None or answer.ndim or answer.dtype.kind != "b":
            raise Failed(f"{task!r} must be True or False; it is {brief(got[task])}", case, got, want)
        if bool(answer) != verdict:
            raise Failed(f"{task!r} must be {verdict}: {why}", case, got, want)


QUESTIONS = [
    Question(
        "pairwise_iou",
        "IoU of boxes",
        2,
        pairwise_iou_properties,
        forbid=("box_iou", "generalized_box_iou", "distance_box_iou", "complete_box_iou", "_box_inter_union"),
    ),
    Question("which_tasks", "Which task does it answer?", 3, which_tasks_properties),
    Question("convert_panoptic", "The panoptic code", 3, convert_panoptic_properties),
    Question("convert_mask", "Run lengths", 3, convert_mask_properties),
    Question("read_volume", "The YOLO volume", 3, read_volume_properties),
    Question(
        "label_components",
        "Connected components",
        4,
        label_components_properties,
        forbid=("connected_components", "label", "connectedComponents", "floodFill", "flood_fill", "flood"),
    ),
    Question("head_to_conv", "A head that slides", 3, head_to_conv_properties),
]

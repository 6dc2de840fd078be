"""course_lib.metrics.confusion against a pixel loop, torchmetrics and hand-made cases."""

import math

import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex
from torchmetrics.segmentation import DiceScore
from torchvision import tv_tensors

from course_lib.metrics import ConfusionMatrix, confusion

DTYPES = [torch.uint8, torch.int16, torch.int32, torch.int64]


def maps(classes, shape=(3, 17, 23), seed=0, void=0.1):
    """Random label maps in which prediction and target mostly agree; a share `void` of the target is 255."""
    rng = torch.Generator().manual_seed(seed)
    target = torch.randint(classes, shape, generator=rng)
    prediction = torch.where(
        torch.rand(shape, generator=rng) < 0.6, target, torch.randint(classes, shape, generator=rng)
    )
    target[torch.rand(shape, generator=rng) < void] = 255
    return prediction, target


def by_loop(prediction, target, classes):
    counts = torch.zeros(classes, classes, dtype=torch.int64)
    for p, t in zip(prediction.flatten().tolist(), target.flatten().tolist(), strict=True):
        if t != 255:
            counts[t, p] += 1
    return counts


@pytest.mark.parametrize("classes", [1, 2, 21, 200])
@pytest.mark.parametrize("dtype", DTYPES)
def test_counts_equal_a_loop_over_pixels(classes, dtype, monkeypatch):
    if dtype == torch.int16:
        monkeypatch.setattr(confusion, "PIECE", 100)  # several pieces, the last one shorter
    prediction, target = maps(classes)
    before = prediction.to(dtype), target.to(dtype)
    given = before[0].clone(), before[1].clone()
    matrix = ConfusionMatrix(classes).update(*given)
    assert matrix.counts.dtype == torch.int64
    assert torch.equal(matrix.counts, by_loop(prediction, target, classes))
    assert torch.equal(given[0], before[0])  # the maps themselves are left alone
    assert torch.equal(given[1], before[1])


def test_equals_torchmetrics():
    prediction, target = maps(6, shape=(4, 31, 19))
    prediction[prediction == 3], target[target == 3] = 2, 2  # class 3 occurs nowhere
    matrix = ConfusionMatrix(6).update(prediction, target)
    oracle = MulticlassJaccardIndex(6, ignore_index=255)(prediction, target)
    assert matrix.miou() == pytest.approx(float(oracle), abs=1e-6)
    per_class = MulticlassJaccardIndex(6, ignore_index=255, average="none")(prediction, target)
    torch.testing.assert_close(matrix.iou().nan_to_num(0), per_class.double(), atol=1e-6, rtol=0)
    accuracy = MulticlassAccuracy(6, ignore_index=255, average="micro")(prediction, target)
    assert matrix.accuracy() == pytest.approx(float(accuracy), abs=1e-6)
    balanced = MulticlassAccuracy(6, ignore_index=255, average="macro")(prediction, target)
    assert matrix.mean_accuracy() == pytest.approx(float(balanced), abs=1e-6)  # equal, since no class is only predicted
    valid = target != 255  # DiceScore knows no void
    dice = DiceScore(6, average="macro", aggregation_level="global", input_format="index")
    dice.update(prediction[valid][None], target[valid][None])
    counted = matrix.dice()[[0, 1, 2, 4, 5]]  # and an absent class is 0 to it or left out, by version
    assert matrix.mean_dice() == pytest.approx(float(counted.mean()))
    assert float(dice.compute()) == pytest.approx(float(counted.mean()), abs=1e-6) or float(
        dice.compute()
    ) == pytest.approx(float(counted.sum()) / 6, abs=1e-6)


def test_by_hand():
    target = torch.tensor([[0, 0, 1], [1, 255, 0]])
    prediction = torch.tensor([[0, 2, 1], [0, 1, 0]])
    matrix = ConfusionMatrix(4).update(prediction, target)
    assert matrix.counts.tolist() == [[2, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert matrix.accuracy() == 3 / 5
    iou = matrix.iou()
    assert iou[:3].tolist() == [2 / 4, 1 / 2, 0.0]  # class 2 is hallucinated: 0, and counted
    assert math.isnan(iou[3])  # class 3 is nowhere: left out
    assert matrix.miou() == pytest.approx((2 / 4 + 1 / 2 + 0) / 3)


def test_every_score_by_hand():
    matrix = ConfusionMatrix(4)
    matrix.counts = torch.tensor([[6, 1, 1, 0], [0, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    assert matrix.class_accuracy()[:2].tolist() == [6 / 8, 2 / 2]
    assert matrix.class_accuracy()[2:].isnan().all()  # never true
    assert matrix.mean_accuracy() == (6 / 8 + 1) / 2
    assert matrix.dice()[:3].tolist() == [12 / 14, 4 / 5, 0.0]
    assert matrix.dice()[3:].isnan().all()
    assert matrix.mean_dice() == pytest.approx((12 / 14 + 4 / 5 + 0) / 3)
    assert matrix.frequency_weighted_iou() == pytest.approx(0.8 * 6 / 8 + 0.2 * 2 / 3)


def test_dice_follows_from_iou():
    matrix = ConfusionMatrix(6).update(*maps(6))
    iou = matrix.iou()
    torch.testing.assert_close(matrix.dice(), 2 * iou / (1 + iou))


def test_three_conventions_of_miou():
    """A tenth of a picture of one class is called a class that is nowhere, out of three (facts, misconception 4)."""
    target, prediction = torch.zeros(10).long(), torch.tensor([0] * 9 + [1])
    matrix = ConfusionMatrix(3).update(prediction, target)
    assert matrix.miou() == matrix.miou(over="union") == pytest.approx(0.45)
    assert matrix.miou(over="truth") == pytest.approx(0.9)
    assert matrix.miou(over="all") == pytest.approx(0.3)
    with pytest.raises(ValueError, match=r'over must be "union", "truth" or "all", not .present'):
        matrix.miou(over="present")


def test_streaming_and_merging_equal_one_update():
    prediction, target = maps(5, shape=(6, 9, 7))
    whole = ConfusionMatrix(5).update(prediction, target)
    streamed = ConfusionMatrix(5)
    for p, t in zip(prediction, target, strict=True):
        streamed.update(p, t)
    left = ConfusionMatrix(5).update(prediction[:2], target[:2])
    right = ConfusionMatrix(5).update(prediction[2:], target[2:])
    assert torch.equal(whole.counts, streamed.counts)
    assert torch.equal(whole.counts, left.merge(right).counts)


def test_uint8_does_not_overflow():
    """Codes up to 20 * 21 + 20 do not fit a byte; the classical silent bug."""
    everywhere = torch.full((50, 50), 20, dtype=torch.uint8)
    assert ConfusionMatrix(21).update(everywhere, everywhere).counts[20, 20] == 2500


def test_void_pixels_may_hold_anything_in_the_prediction():
    truth = torch.tensor([0, 1, 255, 255])
    assert ConfusionMatrix(2).update(truth, truth).counts.tolist() == [[1, 0], [0, 1]]
    assert ConfusionMatrix(2).update(torch.tensor([0, 1, -7, 9]), truth).accuracy() == 1.0
    assert ConfusionMatrix(2, void=2).update([0, 1], [0, 2]).counts.tolist() == [[1, 0], [0, 0]]


def test_accepts_arrays_masks_and_booleans():
    truth = np.array([[0, 1], [1, 1]])
    mask = tv_tensors.Mask(torch.from_numpy(truth))
    assert ConfusionMatrix(2).update(truth, mask).accuracy() == 1.0
    assert ConfusionMatrix(2).update(mask == 1, truth.astype(bool)).counts.tolist() == [[1, 0], [0, 3]]
    assert type(ConfusionMatrix(2).update(mask, mask).counts) is torch.Tensor


def test_nothing_counted_is_nan():
    matrix = ConfusionMatrix(3).update(torch.zeros(4, dtype=torch.int64), torch.full((4,), 255))
    for name in ("accuracy", "mean_accuracy", "miou", "mean_dice", "frequency_weighted_iou"):
        assert math.isnan(getattr(matrix, name)()), name
    assert all(math.isnan(matrix.miou(over=over)) for over in ("union", "truth", "all"))
    assert matrix.update(torch.zeros(0, 8).long(), torch.zeros(0, 8).long()).counts.sum() == 0


@pytest.mark.parametrize(
    ("prediction", "target", "message"),
    [
        ([0, 3], [0, 1], "prediction label 3 is not 0..2"),
        ([0, -1], [0, 1], "prediction label -1 is not 0..2"),
        ([0, 2**32], [0, 1], "prediction label 4294967296 is not 0..2"),
        ([0, 255], [0, 1], "prediction label 255 is not 0..2"),
        ([0, 1], [0, 3], "target label 3 is not 0..2 or void 255"),
        ([0, 1], [0, -1], "target label -1 is not 0..2 or void 255"),
        ([0, 1], [0, 254], "target label 254 is not 0..2 or void 255"),
        ([0, 1], [0, 256], "target label 256 is not 0..2 or void 255"),
        ([0, 1], [0, 65536], "target label 65536 is not 0..2 or void 255"),
        ([0, 1], [0], r"prediction \(2,\) and target \(1,\) must have one shape"),
    ],
)
def test_bad_labels_get_one_sentence_and_count_nothing(prediction, target, message):
    matrix = ConfusionMatrix(3).update([0, 1, 2], [0, 1, 2])
    with pytest.raises(ValueError, match=f"^ConfusionMatrix: {message}"):
        matrix.update(torch.tensor(prediction), torch.tensor(target))
    assert torch.equal(matrix.counts, torch.eye(3, dtype=torch.int64))


@pytest.mark.parametrize("label", [3, 200, 254])
def test_bad_uint8_labels(label):
    good, bad = torch.zeros(2, dtype=torch.uint8), torch.tensor([0, label], dtype=torch.uint8)
    with pytest.raises(ValueError, match=f"target label {label} "):
        ConfusionMatrix(3).update(good, bad)
    with pytest.raises(ValueError, match=f"prediction label {label} "):
        ConfusionMatrix(3).update(bad, good)


def test_other_mistakes():
    with pytest.raises(TypeError, match=r"prediction must hold integer labels, not torch.float32; take argmax"):
        ConfusionMatrix(3).update(torch.zeros(2), torch.zeros(2).long())
    with pytest.raises(TypeError, match=r"ConfusionMatrix: target must be a map of integer labels, not NoneType"):
        ConfusionMatrix(3).update(torch.zeros(2).long(), None)
    with pytest.raises(ValueError, match=r"num_classes must be 1..255, not 0"):
        ConfusionMatrix(0)
    with pytest.raises(ValueError, match=r"void must be 3..255"):
        ConfusionMatrix(3, void=2)
    with pytest.raises(ValueError, match=r"target label 200 is not 0..1 or void 10"):
        ConfusionMatrix(2, void=10).update([0, 1], [10, 200])
    with pytest.raises(ValueError, match="cannot merge 4 classes into 3"):
        ConfusionMatrix(3).merge(ConfusionMatrix(4))


@pytest.mark.needs("cuda")
def test_on_cuda():
    prediction, target = maps(21)
    matrix = ConfusionMatrix(21).update(prediction.cuda(), target.cuda())
    assert matrix.counts.device.type == "cuda"
    assert torch.equal(matrix.counts.cpu(), by_loop(prediction, target, 21))

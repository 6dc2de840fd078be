"""course_lib.metrics.boundary against DAVIS's and Cheng's definitions, written anew with scikit-image and scipy, and by hand."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage import morphology

from course_lib.datasets import Scenes
from course_lib.metrics import BoundaryF1, boundary, boundary_f1, boundary_iou


def davis_boundary(mask):
    """seg2bmap of the DAVIS evaluation at the mask's own size, pixel by pixel."""
    height, width = mask.shape
    out = np.zeros((height, width), bool)
    for y in range(height):
        for x in range(width):
            for dy, dx in ((0, 1), (1, 0), (1, 1)):
                if y + dy < height and x + dx < width:
                    out[y, x] |= mask[y, x] != mask[y + dy, x + dx]
    return out


def davis_counts(prediction, target, radius):
    """Boundary pixels and matched ones, both ways, with the disk dilation of DAVIS."""
    edges = [davis_boundary(mask) for mask in (prediction, target)]
    wide = [ndimage.binary_dilation(edge, morphology.disk(radius)) for edge in edges]
    return [int(x.sum()) for x in (edges[0], edges[0] & wide[1], edges[1], edges[1] & wide[0])]


def davis_f(prediction, target, radius, void=None):
    if void is not None:
        prediction, target = prediction & ~void, target & ~void
    found, right, wanted, reached = davis_counts(prediction, target, radius)
    if found == 0 and wanted == 0:
        precision = recall = 1.0
    elif found == 0 or wanted == 0:
        precision, recall = float(found == 0), float(wanted == 0)
    else:
        precision, recall = right / found, reached / wanted
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def cheng(prediction, target, width):
    """Boundary IoU by `width` erosions of 3x3 of the mask within a frame of background."""
    bands = []
    for mask in (prediction, target):
        eroded = ndimage.binary_erosion(np.pad(mask, 1), np.ones((3, 3)), iterations=width)[1:-1, 1:-1]
        bands.append(mask & ~eroded)
    return (bands[0] & bands[1]).sum() / (bands[0] | bands[1]).sum()


def masks(seed, shape=(23, 31)):
    """Two similar masks of blobs, some of which touch the frame."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=shape), 2.5)
    other = smooth + 0.3 * ndimage.gaussian_filter(rng.normal(size=shape), 1.5)
    return other > 0.02, smooth > 0


def square(side, size, at=(0, 0)):
    mask = torch.zeros(size, size, dtype=torch.bool)
    top, left = ((size - side) // 2 + offset for offset in at)
    mask[top : top + side, left : left + side] = True
    return mask


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shape", [(23, 31), (40, 17), (1, 9), (9, 1), (1, 1)])
def test_boundary_is_that_of_davis(seed, shape):
    mask, _ = masks(seed, shape)
    before = mask.copy()
    assert torch.equal(boundary(mask), torch.from_numpy(davis_boundary(mask)))
    assert np.array_equal(mask, before)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("radius", [0, 1, 2, 3, 7])
def test_f1_is_that_of_davis(seed, radius):
    prediction, target = masks(seed)
    assert boundary_f1(prediction, target, radius) == pytest.approx(davis_f(prediction, target, radius), abs=1e-12)
    void = np.random.default_rng(seed).random(target.shape) < 0.1
    expected = davis_f(prediction, target, radius, void)
    assert boundary_f1(prediction, target, radius, void=void) == pytest.approx(expected, abs=1e-12)


def test_the_tolerance_is_a_distance_not_a_number_of_steps():
    """One diagonal step is 1.41 pixels: inside 1.5, outside 1."""
    a, b = square(20, 60), square(20, 60, at=(1, 1))
    lonely = [x.new_zeros(60, 60) for x in (a, b)]
    lonely[0][30, 30], lonely[1][31, 31] = True, True
    distance = ndimage.distance_transform_edt(~boundary(lonely[0]).numpy())
    edges = boundary(lonely[1]).numpy()
    for tolerance in (1.0, 1.5, 2.5):
        share = (distance[edges] <= tolerance).mean()
        assert boundary_f1(*lonely, tolerance) == pytest.approx(share)  # a translation: precision equals recall
    assert boundary_f1(a, b, 1) < boundary_f1(a, b, 1.5) == 1


def test_two_pixels_more_all_around():
    """IoU hardly sees it, boundary F1 depends on the tolerance (facts, row E11)."""
    truth, grown = square(200, 300), square(204, 300)
    assert float((truth & grown).sum() / (truth | grown).sum()) == pytest.approx(0.961, abs=1e-3)
    assert boundary_f1(grown, truth, 1) == 0
    assert boundary_f1(grown, truth, 3) == 1


def test_empty_and_full_masks():
    none, full, some = torch.zeros(9, 9).bool(), torch.ones(9, 9).bool(), square(3, 9)
    assert boundary_f1(none, none) == boundary_iou(none, none) == 1
    assert boundary_f1(none, some) == boundary_f1(some, none) == boundary_iou(none, some) == 0
    assert not boundary(full).any()
    assert boundary_f1(full, none) == 1  # what DAVIS answers: neither has a boundary
    assert boundary_iou(full, none) == 0  # here the frame is one
    assert boundary_f1(some, full, void=some) == 0
    assert boundary_f1(some, none, void=some) == 1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("width", [1, 2, 5, 40])
def test_boundary_iou_is_chengs(seed, width):
    prediction, target = masks(seed)
    assert boundary_iou(prediction, target, width) == pytest.approx(cheng(prediction, target, width), abs=1e-12)


def test_boundary_iou_of_wide_bands_is_iou_and_the_default_is_two_percent_of_the_diagonal():
    prediction, target = masks(0)
    iou = (prediction & target).sum() / (prediction | target).sum()
    assert boundary_iou(prediction, target, 40) == pytest.approx(iou)
    assert boundary_iou(prediction, target) == boundary_iou(prediction, target, 1)  # 0.02 * 38.6 = 0.8
    large = masks(1, (120, 160))  # diagonal 200
    assert boundary_iou(*large) == boundary_iou(*large, 4) != boundary_iou(*large, 3)


# --- over a set ---------------------------------------------------------------------------------------------------------------


def label_maps(n=4, classes=5, size=(19, 26), seed=0):
    """Label maps in patches, a moved and partly wrong prediction, some void; the last class occurs nowhere."""
    rng = np.random.default_rng(seed)
    scores = ndimage.gaussian_filter(rng.normal(size=(n, classes - 1, *size)), (0, 0, 2, 2))
    target = scores.argmax(1)
    prediction = np.roll(scores + 0.05 * rng.normal(size=scores.shape), 1, 3).argmax(1)
    target[rng.random(target.shape) < 0.05] = 255
    return torch.from_numpy(prediction), torch.from_numpy(target)


@pytest.mark.parametrize("radius", [0, 1, 2])
def test_counts_of_a_set_are_those_of_davis_summed_over_images(radius):
    prediction, target = label_maps()
    metric = BoundaryF1(5, radius).update(prediction, target)
    valid = target != 255
    for c in range(5):
        pairs = [((p == c) & v, (t == c) & v) for p, t, v in zip(prediction, target, valid, strict=True)]
        expected = np.sum([davis_counts(p.numpy(), t.numpy(), radius) for p, t in pairs], axis=0)
        assert metric.counts[:, c].tolist() == expected.tolist()
    found, right, wanted, reached = metric.counts[:, :4].double()
    precision, recall = right / found, reached / wanted
    torch.testing.assert_close(metric.f1()[:4], 2 * precision * recall / (precision + recall))
    assert math.isnan(metric.f1()[4])
    assert metric.mean() == pytest.approx(float(metric.f1()[:4].mean()))


def test_one_image_of_two_classes_equals_the_function():
    prediction, target = masks(3)
    metric = BoundaryF1(2, 1).update(prediction.astype(np.uint8), target.astype(np.int32))
    assert metric.f1().tolist() == pytest.approx([boundary_f1(prediction, target, 1)] * 2)


def test_streaming_and_merging_equal_one_update():
    prediction, target = label_maps()
    whole = BoundaryF1(5, 1).update(prediction, target)
    streamed = BoundaryF1(5, 1)
    for p, t in zip(prediction, target, strict=True):
        streamed.update(p, t)
    left, right = (BoundaryF1(5, 1).update(prediction[part], target[part]) for part in (slice(1), slice(1, None)))
    assert torch.equal(whole.counts, streamed.counts)
    assert torch.equal(whole.counts, left.merge(right).counts)


def test_more_classes_than_bits():
    """Labels 61, 62 and 200 are in different groups of bits; the counts do not depend on the names."""
    prediction, target = label_maps(classes=4)
    names = torch.tensor([61, 62, 200])
    named = [torch.where(x == 255, 255, names[x.clamp(max=2)]) for x in (prediction, target)]
    few, many = BoundaryF1(4, 1).update(prediction, target), BoundaryF1(201, 1).update(*named)
    assert torch.equal(many.counts[:, names], few.counts[:, :3])
    assert many.counts.sum() == few.counts.sum()


def test_void_may_be_predicted_as_anything_and_hides_where_an_edge_lies():
    target = torch.tensor([[0, 0, 0, 255, 255, 1, 1, 1]]).repeat(6, 1)
    for edge in (3, 4, 5):
        prediction = torch.zeros(6, 8).long()
        prediction[:, edge:] = 1
        assert BoundaryF1(2, 0).update(prediction, target).mean() == 1
    wild = prediction.masked_fill(target == 255, 77)
    assert BoundaryF1(2, 0).update(wild, target).mean() == 1
    late = torch.zeros(6, 8).long()
    late[:, 6:] = 1
    assert BoundaryF1(2, 0).update(late, target).mean() < 1


def test_a_class_that_is_only_predicted_counts_as_zero():
    target = torch.zeros(9, 9).long()
    prediction = target.clone()
    prediction[3:6, 3:6] = 1
    metric = BoundaryF1(3).update(prediction, target)
    assert metric.f1()[:2].tolist() == [0, 0]
    assert metric.mean() == 0
    assert math.isnan(BoundaryF1(3).mean())


HALF = """
import json, sys
import torch, torch.distributed as dist
from course_lib.datasets import Scenes
from course_lib.metrics import BoundaryF1, ConfusionMatrix
dist.init_process_group("gloo", init_method="file://" + sys.argv[1], rank=int(sys.argv[2]), world_size=2)
scenes = Scenes(5, 64, seed=3)
metrics = ConfusionMatrix(9), BoundaryF1(9, 1)
for i in range(int(sys.argv[2]), 5, 2):
    truth = torch.as_tensor(scenes[i][1]["semantic"])
    for metric in metrics:
        metric.update(truth.roll(1, 1), truth)
for metric in metrics:
    dist.all_reduce(metric.counts)
print(json.dumps([metrics[0].miou(), metrics[1].mean()]))
dist.destroy_process_group()
"""


def test_two_processes_sum_their_counts(tmp_path):
    scenes = Scenes(5, 64, seed=3)
    metric = BoundaryF1(9, 1)
    for i in range(5):
        truth = torch.as_tensor(scenes[i][1]["semantic"])
        metric.update(truth.roll(1, 1), truth)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", HALF, str(tmp_path / "meet"), str(rank)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        for rank in (0, 1)
    ]
    said = [process.communicate(timeout=120)[0] for process in running]
    answers = [json.loads(text.splitlines()[-1]) for text in said]  # some gloo releases greet on stdout
    assert answers[0] == answers[1]
    assert answers[0][1] == pytest.approx(metric.mean())


# --- mistakes -----------------------------------------------------------------------------------------------------------------

BOOL = torch.zeros(4, 5).bool()


@pytest.mark.parametrize("function", [boundary_f1, boundary_iou])
@pytest.mark.parametrize(
    ("prediction", "target", "kind", "message"),
    [
        (torch.zeros(4, 5), BOOL, TypeError, "prediction must be bool, not float32; compare labels"),
        (BOOL, torch.zeros(4, 5).long(), TypeError, "target must be bool, not int64"),
        (BOOL, BOOL[None], ValueError, r"target must be \(H, W\) with at least one pixel, not \(1, 4, 5\)"),
        (BOOL, BOOL[:, :4], ValueError, r"prediction \(4, 5\) and target \(4, 4\) must have one shape"),
        (BOOL[:0], BOOL[:0], ValueError, r"prediction must be \(H, W\) with at least one pixel, not \(0, 5\)"),
    ],
)
def test_bad_masks_get_one_sentence(function, prediction, target, kind, message):
    with pytest.raises(kind, match=f"^{function.__name__}: {message}"):
        function(prediction, target)


def test_other_bad_arguments_of_the_functions():
    with pytest.raises(TypeError, match=r"^boundary: mask must be bool, not float32"):
        boundary(torch.zeros(4, 5))
    with pytest.raises(ValueError, match=r"^boundary_f1: tolerance must be 0 or more pixels .*, not -1"):
        boundary_f1(BOOL, BOOL, -1)
    with pytest.raises(ValueError, match=r"^boundary_f1: void \(4, 4\) must have the masks' shape \(4, 5\)"):
        boundary_f1(BOOL, BOOL, void=BOOL[:, :4])
    for width in (0, 1.5):
        with pytest.raises(ValueError, match=f"^boundary_iou: width must be a whole number .*, not {width}"):
            boundary_iou(BOOL, BOOL, width)


@pytest.mark.parametrize(
    ("prediction", "target", "kind", "message"),
    [
        (torch.zeros(2, 3, 4), torch.zeros(2, 3, 4).long(), TypeError, "prediction must hold integer labels, not torch.float32"),
        (torch.zeros(2, 3, 4, 5).long(), torch.zeros(2, 4, 5).long(), ValueError, r"prediction \(2, 3, 4, 5\) and target"),
        (torch.zeros(5).long(), torch.zeros(5).long(), ValueError, r".* must be \(H, W\) or \(N, H, W\)"),
        (torch.zeros(0, 5).long(), torch.zeros(0, 5).long(), ValueError, r".* with at least one pixel"),
        (torch.full((4, 5), 3), torch.zeros(4, 5).long(), ValueError, "prediction label 3 is not 0..2"),
        (torch.zeros(4, 5).long(), torch.full((4, 5), -1), ValueError, "target label -1 is not 0..2 or void 255"),
    ],
)  # fmt: skip
def test_bad_label_maps_get_one_sentence_and_count_nothing(prediction, target, kind, message):
    metric = BoundaryF1(3)
    with pytest.raises(kind, match=f"^BoundaryF1: {message}"):
        metric.update(prediction, target)
    assert not metric.counts.any()


def test_other_bad_arguments_of_the_class():
    with pytest.raises(ValueError, match=r"num_classes must be 1..255, not 0"):
        BoundaryF1(0)
    with pytest.raises(ValueError, match=r"void must be 3..255"):
        BoundaryF1(3, void=2)
    with pytest.raises(ValueError, match="tolerance must be 0 or more pixels"):
        BoundaryF1(3, tolerance=math.nan)
    with pytest.raises(ValueError, match=r"cannot merge \(classes, tolerance\) \(3, 1.0\) into \(3, 2.0\)"):
        BoundaryF1(3).merge(BoundaryF1(3, 1))


@pytest.mark.needs("cuda")
def test_on_cuda():
    prediction, target = label_maps()
    metric = BoundaryF1(5, 1).update(prediction.cuda(), target.cuda())
    assert metric.counts.device.type == "cuda"
    assert torch.equal(metric.counts.cpu(), BoundaryF1(5, 1).update(prediction, target).counts)

import math

import pytest
import torch
from torch.testing import assert_close

from course_lib import evidence, losses, metrics
from course_lib.experiments import imbalance


@pytest.fixture(scope="module")
def toy():
    """Margins and truth of 40,000 pixels that are calibrated: lesion with the probability that the margin says."""
    rng = torch.Generator().manual_seed(0)
    margin = 2 * torch.randn(4, 100, 100, generator=rng) - 2
    return margin, torch.rand(margin.shape, generator=rng) < margin.sigmoid()


def test_lesions_are_rare_and_some_scans_have_none():
    ds = imbalance.Lesions(60, seed=3)
    truth = torch.stack([target["semantic"] for _, target in ds])
    share = (truth == imbalance.LESION).float().mean()
    assert 0.01 < share < 0.025
    empty = (truth == imbalance.LESION).flatten(1).sum(1) == 0
    assert 0 < empty.sum() < 30
    for _, target in ds:
        assert torch.equal(target["masks"].any(0), target["semantic"] == 1)


def test_a_scan_depends_on_seed_and_index_alone():
    a, b = imbalance.Lesions(5, seed=7), imbalance.Lesions(3, seed=7)
    assert torch.equal(a[2][0], b[2][0])
    assert not torch.equal(a[2][0], imbalance.Lesions(3, seed=8)[2][0])


def test_iou_at_is_that_of_the_confusion_matrix(toy):
    margin, truth = toy
    cuts = torch.tensor([-3.0, -0.4, 0.0, 2.5])
    for cut, found in zip(cuts, imbalance.iou_at(margin, truth, cuts), strict=True):
        matrix = metrics.ConfusionMatrix(2).update(margin > cut, truth)
        assert_close(found.double(), matrix.iou()[1], rtol=1e-6, atol=1e-7)


def test_the_best_cut_of_calibrated_margins_is_half_the_best_dice(toy):
    margin, truth = toy
    cut = imbalance.best_cut(margin, truth)
    iou = imbalance.iou_at(margin, truth, torch.tensor([cut]))
    assert iou == imbalance.iou_at(margin, truth, imbalance.ODDS).max()
    assert abs(torch.tensor(cut).sigmoid() - iou / (1 + iou)) < 0.03  # Dice / 2


def test_figures_of_calibrated_and_of_exaggerating_answers(toy):
    margin, truth = toy
    honest = imbalance.figures(margin, truth, -0.5)
    assert honest["ece"] < 0.01
    assert abs(honest["claimed"] - 1) < 0.02
    loud = imbalance.figures(margin + math.log(20), truth, -0.5 + math.log(20))
    assert loud["ece"] > 0.1
    assert loud["log_loss"] > honest["log_loss"]
    assert_close(loud["iou_tuned"], honest["iou_tuned"])
    answer = margin > 0
    assert_close(honest["precision"], float((answer & truth).sum() / answer.sum()))
    assert_close(honest["recall"], float((answer & truth).sum() / truth.sum()))


def test_reliability_by_hand():
    p = torch.tensor([0.05, 0.05, 0.95, 0.85])
    curve = imbalance.reliability(p.logit(), torch.tensor([False, True, True, False]))
    assert curve["share"] == [0.5, 0, 0, 0, 0, 0, 0, 0, 0.25, 0.25]
    assert curve["true"] == [0.5, *[None] * 7, 0, 1]
    assert_close(curve["said"][0], 0.05)


def test_the_base_rate_everywhere_has_no_calibration_error_and_no_iou():
    _, _, test = imbalance.scans()
    nothing = imbalance.constant(0.0187, test)
    assert nothing["iou"] == 0
    assert nothing["ece"] < 0.002
    assert nothing["recall_tuned"] == 1


def test_all_arms_start_alike_and_take_the_logits_of_the_network():
    train = imbalance.Lesions(12, seed=0)
    first, again = (imbalance.build(1).state_dict() for _ in range(2))
    assert all(torch.equal(first[k], again[k]) for k in first)
    images = torch.stack([train[i][0] for i in range(2)])
    target = torch.stack([train[i][1]["semantic"] for i in range(2)]).as_subclass(torch.Tensor)
    logits = imbalance.build(0)(images.as_subclass(torch.Tensor))
    values = {name: arm.loss(logits, target).item() for name, arm in imbalance.arms(train).items()}
    assert len({round(v, 6) for v in values.values()}) == len(values) - 4  # four controls have the loss of another arm


def test_the_correction_undoes_the_weights():
    """A network that answers with exaggerated odds is judged as the honest one."""

    class Constant(torch.nn.Module):
        def __init__(self, shift):
            super().__init__()
            self.shift = shift

        def forward(self, images):
            score = 8 * images[:, :1] - 2 + self.shift
            return torch.cat([torch.zeros_like(score), score], 1)

    train, val, test = imbalance.Lesions(20), imbalance.Lesions(10, seed=1), imbalance.Lesions(10, seed=2)
    balanced = imbalance.weights(train)
    shift = float((balanced[1] / balanced[0]).log())
    honest = imbalance.judged(Constant(0), val, test)
    undone = imbalance.corrected(Constant(shift), balanced, val, test)
    for key in ("iou", "iou_tuned", "log_loss"):
        assert abs(honest[key] - undone[key]) < 1e-3


def test_the_committed_table_has_all_arms_and_says_what_the_lesson_says():
    record = {arm["name"]: arm["runs"] for arm in evidence.load("05_imbalance")["arms"]}
    assert set(imbalance.arms(imbalance.Lesions(4))) | {imbalance.CORRECTED} < set(record)
    assert all(len(runs) >= 3 for name, runs in record.items() if name != "base rate everywhere")
    mean = lambda arm, key: evidence.mean_sd("05_imbalance", arm, key)[0]  # noqa: E731
    plain, weighted = "cross-entropy", "inverse-frequency CE"
    assert mean(weighted, "iou_tuned") - mean(weighted, "iou") > 0.2
    assert abs(mean(plain, "iou_tuned") - mean(weighted, "iou_tuned")) < 0.05
    assert mean(weighted, "ece") > 10 * mean(imbalance.CORRECTED, "ece")


def test_one_short_run_yields_the_record_of_the_results_file():
    train = imbalance.Lesions(8)
    model = imbalance.trained(imbalance.Arm(losses.dice_loss, steps=2), 0, train)
    run = imbalance.record(0, 0.1, imbalance.judged(model, train, train))
    assert run["metrics"].keys() >= {"iou", "iou_tuned", "threshold", "ece", "log_loss", "reliability"}

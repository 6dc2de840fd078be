"""Exercise 07: wrong answers as learners write them, each with what the check must say, and right answers written otherwise."""

import pytest
import segnet_answers_counts as counts
import segnet_answers_decoder as decoder
import segnet_answers_pooling as pooling
import torch
import torch.nn.functional as F
from harness import exercise_tests, load_solutions

from course_lib import models
from course_lib.checks import judge
from course_lib.checks.session import questions_of

MUTANTS = {
    "pool": pooling.POOL_MUTANTS,
    "unpool": pooling.UNPOOL_MUTANTS,
    "mirror": decoder.MIRROR_MUTANTS,
    "decode": decoder.DECODE_MUTANTS,
    "memory_bill": counts.BILL_MUTANTS,
    "tile_weights": counts.WEIGHT_MUTANTS,
}
ALTERNATES = {
    "pool": pooling.POOL_ALTERNATES,
    "unpool": pooling.UNPOOL_ALTERNATES,
    "mirror": decoder.MIRROR_ALTERNATES,
    "decode": decoder.DECODE_ALTERNATES,
    "memory_bill": counts.BILL_ALTERNATES,
    "tile_weights": counts.WEIGHT_ALTERNATES,
}

TestExercise = exercise_tests("07_segnet", MUTANTS, ALTERNATES)


NOT_SAID = [  # what looks alike in some inputs, and is not what this answer does
    ("pool", pooling.pool_of_absolute_values, "the smallest value"),
    ("mirror", decoder.mirror_first_stage_first, "there is no BatchNorm2d"),
    ("mirror", decoder.mirror_normalizes_at_the_end, "there is no BatchNorm2d"),
    ("mirror", decoder.mirror_always_two, "not one more"),
    ("mirror", decoder.mirror_scores_by_1x1, "stage 2 in running order"),
    ("decode", decoder.decode_turns_the_stages, "is this map unpooled with"),
    ("memory_bill", counts.bill_of_one_size, "no pooling halves"),
    ("memory_bill", counts.bill_of_bits_for_cells, "packed with those of others"),
    ("memory_bill", counts.bill_in_floats, "not whole"),
    ("tile_weights", counts.weights_lower_median, "of absent classes"),
    ("tile_weights", counts.weights_of_all_pixels, "the maps are not cut here"),
    ("tile_weights", counts.weights_of_strips, "the maps are not cut here"),
    ("tile_weights", counts.weights_of_median_shares, "f_c is the mean"),
    ("tile_weights", counts.weights_of_first_tiles, "are left out"),
]


@pytest.mark.parametrize(("name", "answer", "lie"), NOT_SAID, ids=[row[1].__name__ for row in NOT_SAID])
def test_no_mistake_is_named_that_was_not_made(name, answer, lie):
    question = next(q for q in questions_of("07_segnet") if q.name == name)
    whys = [o.why for o in judge(question, answer, "07_segnet").outcomes if o.passed is False]
    assert whys
    assert not [why for why in whys if lie in why]


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("pool", pooling.pool_as_pytorch),
        ("tile_weights", counts.weights_of_the_library),
    ],
)
def test_the_checks_want_what_the_library_computes(name, answer):
    question = next(q for q in questions_of("07_segnet") if q.name == name)
    failed = [o.claim for o in judge(question, answer, "07_segnet").outcomes if not o.passed]
    assert len(failed) == 1
    assert failed[0].startswith("it is built by hand")


@pytest.mark.parametrize("size", [(6, 8), (7, 9), (1, 5)])
def test_pool_and_unpool_are_those_of_pytorch(size):
    solutions, x = load_solutions("07_segnet"), torch.randint(-3, 3, (2, 3, *size)).double()
    pooled, indices = solutions["pool"](x)
    wanted = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
    assert torch.equal(pooled, wanted[0])
    assert torch.equal(indices, wanted[1])
    assert torch.equal(solutions["unpool"](pooled, indices, size), F.max_unpool2d(*wanted, 2, output_size=size))


def test_the_mirror_is_that_of_the_library():
    net = models.SegNet(5, width=2)
    stages = list(net.decoder)
    stages[-1] = torch.nn.Sequential(*stages[-1], net.classifier)
    mine = load_solutions("07_segnet")["mirror"]([2, 2, 3, 3, 3], [2, 4, 8, 16, 16], 5)
    shapes = [[(type(layer), [p.shape for p in layer.parameters()]) for layer in stage] for stage in stages]
    assert [[(type(layer), [p.shape for p in layer.parameters()]) for layer in stage] for stage in mine] == shapes


def test_the_decoder_runs_as_that_of_the_library():
    net = models.SegNet(4, width=2, stages=3).double().eval()
    images, given = torch.randn(2, 3, 13, 18).double(), {"indices": [], "sizes": []}
    stages = list(net.decoder)
    stages[-1] = torch.nn.Sequential(*stages[-1], net.classifier)
    with torch.no_grad():
        x = images
        for stage in net.encoder:
            x = stage(x)
            given["sizes"].append(tuple(x.shape[2:]))
            x, indices = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
            given["indices"].append(indices)
        scores = load_solutions("07_segnet")["decode"](x, **given, stages=stages)
        torch.testing.assert_close(scores, net(images), rtol=0, atol=1e-12)


def test_the_bill_is_that_of_the_paper():
    """One map of 64 channels and 180 x 240 cells: 11 MB, or 0.17 MB for 2 bits a window (Badrinarayanan et al. 2017)."""
    bill = load_solutions("07_segnet")["memory_bill"]([64], 180, 240, 1)
    assert bill == {"float32": 11_059_200, "float16": 5_529_600, "int64": 5_529_600, "bits": 172_800}

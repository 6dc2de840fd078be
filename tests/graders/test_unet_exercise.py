"""Exercise 08: wrong answers as learners write them, each with what the check must say, and right answers written otherwise."""

import pytest
import torch
import torch.nn.functional as F
import unet_answers_block as block
import unet_answers_sizes as sizes
import unet_answers_skip as skips
import unet_answers_tiles as tiles
import unet_answers_weights as weights
from harness import exercise_tests, load_solutions

from course_lib import models, ops
from course_lib.checks import judge
from course_lib.checks.session import questions_of

MUTANTS = {
    "double_conv": block.MUTANTS,
    "up_and_join": skips.STEP_MUTANTS,
    "sum_as_concat": skips.CONCAT_MUTANTS,
    "gap_weights": weights.MUTANTS,
    "fitting_sizes": sizes.MUTANTS,
    "split": tiles.SPLIT_MUTANTS,
    "join": tiles.JOIN_MUTANTS,
}
ALTERNATES = {
    "double_conv": block.ALTERNATES,
    "up_and_join": skips.STEP_ALTERNATES,
    "sum_as_concat": skips.CONCAT_ALTERNATES,
    "gap_weights": weights.ALTERNATES,
    "fitting_sizes": sizes.ALTERNATES,
    "split": tiles.SPLIT_ALTERNATES,
    "join": tiles.JOIN_ALTERNATES,
}

TestExercise = exercise_tests("08_unet", MUTANTS, ALTERNATES)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("double_conv", block.conv_from_the_library),
        ("up_and_join", skips.step_from_the_library),
        ("gap_weights", weights.weights_from_the_library),
        ("fitting_sizes", sizes.sizes_from_the_library),
        ("split", tiles.split_from_the_library),
    ],
)
def test_the_checks_want_what_the_library_computes(name, answer):
    question = next(q for q in questions_of("08_unet") if q.name == name)
    failed = [o.claim for o in judge(question, answer, "08_unet").outcomes if not o.passed]
    assert len(failed) == 1
    assert failed[0].startswith("it is built by hand")


def test_cut_and_joined_is_the_librarys_overlap_tile():
    answers = load_solutions("08_unet")
    image, kernel = torch.randn(2, 13, 21).double(), torch.randn(3, 2, 5, 5).double()

    def network(maps):
        return F.conv2d(maps, kernel)

    mine = answers["join"](network(answers["split"](image, 6, 2)), 13, 21)
    torch.testing.assert_close(mine, ops.overlap_tile(network, image, output_size=6, margin=2))


def test_a_step_is_that_of_the_librarys_network():
    net = models.ValidUNet(width=2, depth=1).double().eval()
    below, skip = torch.randn(2, 4, 5, 7).double(), torch.randn(2, 2, 18, 22).double()
    mine = load_solutions("08_unet")["up_and_join"](below, skip, net.ups[0].weight, net.ups[0].bias)
    assert mine.shape == (2, 4, 10, 14)
    torch.testing.assert_close(mine[:, :2], skip[..., 4:14, 4:18])
    torch.testing.assert_close(mine[:, 2:], net.ups[0](below))


def test_the_new_weight_computes_the_sum():
    torch.manual_seed(0)
    weight, project, bias = torch.randn(4, 3, 3, 3), torch.randn(3, 2, 1, 1), torch.randn(3)
    up, skip = torch.randn(2, 3, 8, 9), torch.randn(2, 2, 8, 9)
    mine = F.conv2d(torch.cat([skip, up], 1), *load_solutions("08_unet")["sum_as_concat"](weight, project, bias))
    torch.testing.assert_close(mine, F.conv2d(up + F.conv2d(skip, project, bias), weight), rtol=0, atol=1e-4)

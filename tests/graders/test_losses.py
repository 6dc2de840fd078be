"""Exercise 05: wrong answers as learners write them, each with what the check must say, and right answers written otherwise."""

import losses_answers_hard as hard
import losses_answers_pixels as pixels
import losses_answers_regions as regions
import losses_answers_weights as weights
import pytest
from harness import exercise_tests

from course_lib.checks import judge
from course_lib.checks.session import questions_of

pytestmark = pytest.mark.filterwarnings(
    "ignore:The .grad attribute of a Tensor that is not a leaf"
)  # one mutant reads it

MUTANTS = {
    "class_weights": weights.MUTANTS,
    "weighted_cross_entropy": pixels.MUTANTS,
    "dice_loss": regions.DICE_MUTANTS,
    "tversky": regions.TVERSKY_MUTANTS,
    "focal_loss": hard.FOCAL_MUTANTS,
    "ohem_loss": hard.OHEM_MUTANTS,
}
ALTERNATES = {
    "class_weights": weights.ALTERNATES,
    "weighted_cross_entropy": pixels.ALTERNATES,
    "dice_loss": regions.DICE_ALTERNATES,
    "tversky": regions.TVERSKY_ALTERNATES,
    "focal_loss": hard.FOCAL_ALTERNATES,
    "ohem_loss": hard.OHEM_ALTERNATES,
}

TestExercise = exercise_tests("05_losses", MUTANTS, ALTERNATES)


@pytest.mark.parametrize(
    ("name", "mutant", "lie"),
    [
        ("weighted_cross_entropy", pixels.ce_weights_the_logits, "float16"),
        ("weighted_cross_entropy", pixels.ce_log_with_epsilon, "times the wanted one"),
        ("weighted_cross_entropy", pixels.ce_over_valid_pixels, "all pixels"),
        ("focal_loss", hard.focal_of_one_sigmoid, "float16"),
        ("ohem_loss", hard.ohem_always_topk, "*easy*"),
        ("ohem_loss", hard.ohem_always_topk, "*largest* probability"),
        ("ohem_loss", hard.ohem_rounds_to_nearest, "rounded down"),
        ("ohem_loss", hard.ohem_rounds_down, "nearest"),
    ],
)
def test_a_mistake_is_not_taken_for_another(name, mutant, lie):
    question = next(q for q in questions_of("05_losses") if q.name == name)
    assert not [o.why for o in judge(question, mutant, "05_losses").outcomes if o.passed is False and lie in o.why]


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("class_weights", weights.weights_from_the_library),
        ("weighted_cross_entropy", pixels.ce_from_the_library),
        ("dice_loss", regions.dice_from_the_library),
        ("tversky", regions.tversky_from_the_library),
        ("focal_loss", hard.focal_from_the_library),
        ("ohem_loss", hard.ohem_from_the_library),
    ],
)
def test_the_checks_want_what_the_library_computes(name, answer):
    question = next(q for q in questions_of("05_losses") if q.name == name)
    failed = [o.claim for o in judge(question, answer, "05_losses").outcomes if not o.passed]
    assert len(failed) == 1
    assert failed[0].startswith("it is built by hand")

"""The Python side of the widgets of lessons 04, 05, 07, 08: what they say, what they refuse, that the picture follows, their facts."""

import functools
import itertools

import numpy as np
import pytest
import traitlets

from course_lib.widgets import loss_curves, mask_playground, size_tracer, unpooling_viewer
from course_lib.widgets.mask_playground import METRICS, preset


def test_describe_playground():
    playground = mask_playground("small", size=16)
    assert playground.describe() == (
        "Mask playground, 16×16 pixels: TP 12, FP 4, FN 4, TN 236; pixel accuracy 0.969, IoU 0.600, Dice 0.750, boundary F1 1, "
        "boundary IoU 0.333 (boundary F1 within 1 px, band of 1 px). "
        "Paint one stroke: this line says which metrics it raised and which it lowered."
    )
    playground.predict(np.zeros((16, 16), bool))
    assert playground.verdict()[0].startswith(
        "The last step lowered pixel accuracy, IoU, Dice, boundary F1 and boundary IoU."
    )
    assert playground.verdict()[1] == "Nothing painted at all: pixel accuracy 0.938, and 0 in the other four."


def opinions(side):
    """The pairs of metrics that a stroke of side x side pixels, somewhere, moves in opposite directions."""
    truth = preset("stem", (18, 18))
    guess = np.roll(truth, 2, axis=1)
    guess[:10] = False
    playground = mask_playground(truth, guess)
    found = set()
    for r, c in np.ndindex(*truth.shape):
        stroke = guess.copy()
        stroke[r : r + side, c : c + side] = not guess[r, c]
        playground.predict(stroke)
        moved = playground.changes()
        found |= {(a, b) for a, b in itertools.combinations(METRICS, 2) if moved[a] * moved[b] < 0}
        playground.prediction = playground.history[-1][1]
    return found


def test_what_three_decimals_do_not_show_is_no_change():
    playground = mask_playground("large", size=96)
    stroke = playground.mask()
    stroke[0, 0] = True  # one pixel of 9216
    playground.predict(stroke)
    assert set(playground.changes().values()) == {0, -1}
    assert playground.changes()["accuracy"] == 0
    assert "The metrics disagree" not in playground.verdict()[0]


def test_a_stroke_divides_all_metrics_but_iou_and_dice():
    """The widget's question has an answer. One pixel is right or wrong for pixel accuracy, IoU and Dice alike; a stroke need not be."""
    pairs = set(itertools.combinations(METRICS, 2)) - {("iou", "dice")}
    assert opinions(3) == pairs
    assert opinions(1) == pairs - {("accuracy", "iou"), ("accuracy", "dice")}


@pytest.mark.parametrize(("side", "iou"), [(4, 0.600), (20, 0.905)])
def test_a_shift_of_one_pixel(side, iou):
    truth = np.zeros((40, 40), bool)
    truth[10 : 10 + side, 10 : 10 + side] = True
    assert mask_playground(truth).metrics()["iou"] == pytest.approx(iou, abs=5e-4)


def test_history_is_bounded_and_belongs_to_a_truth():
    playground = mask_playground(size=8)
    assert playground.before() is None
    for k in range(30):
        playground.predict(np.eye(8, dtype=bool) if k % 2 else np.zeros((8, 8), bool))
    assert len(playground.history) == 20
    assert playground.before()["iou"] == 0
    playground.target = mask_playground("large", size=8).target
    assert playground.before() is None


def test_describe_curves():
    assert loss_curves("Tversky", foreground=0.01).describe().startswith(
        "Loss curves; p is 0.12 on foreground, 0.88 on background. Tversky loss: 1 − TP / (TP + 0.30 FP + 0.70 FN), with probabilities"
    )  # fmt: skip
    assert (
        "Foreground: 100 of 10000 pixels (1 %), 6.9 % of the gradient"
        in loss_curves("cross-entropy", foreground=0.01).describe()
    )


def test_describe_tracer():
    assert size_tracer("padded", 100, 96, 2).describe() == (
        "Size tracer, padded U-Net with 2 poolings. 100×96 fits: every pooling halves even sides. The output has the size of the input. "
        "Rule: n a multiple of 4. Nearest that fit: height 100, width 96. All skips are on. Full-resolution features reach the last "
        "block. 1,864,194 parameters."
    )


def test_describe_viewer():
    assert unpooling_viewer([[1, 2], [4, 3]]).describe() == (
        "Unpooling viewer, input 2×2. Pooling keeps 1 of 4 numbers; the letters, 2 bits each, say where in its window each was. "
        "True indices: 1 of 1 maxima have their value at their pixel; mean difference to the input 1.50. "
        "Random indices: 0 of 1 maxima have their value at their pixel (by chance 1 in 4); mean difference to the input 3. "
        "Upper left corner: 0 of 1 maxima have their value at their pixel; mean difference to the input 3. "
        "Bilinear: 1 of 1 maxima have their value at their pixel; mean difference to the input 1.50."
    )


MAKERS = [mask_playground, loss_curves, size_tracer, unpooling_viewer]


@functools.cache
def first_picture(make):
    return make().png()


@pytest.mark.parametrize("make", MAKERS)
def test_equal_states_give_equal_bytes(make):
    assert make().png() == first_picture(make)
    assert make().html() == make().html()


@pytest.mark.parametrize(
    ("make", "trait", "value"),
    [
        (mask_playground, "target", mask_playground("large").target),
        (mask_playground, "prediction", mask_playground("large").prediction),
        (mask_playground, "history", [[mask_playground().target, mask_playground("large").target]]),
        (mask_playground, "view", "boundaries"),
        (mask_playground, "view", "bands"),
        (mask_playground, "tolerance", 0),
        (mask_playground, "band", 2),
        (loss_curves, "loss", "Dice"),
        (loss_curves, "gamma", 1.0),
        (loss_curves, "foreground", 0.1),
        (loss_curves, "pf", 0.5),
        (loss_curves, "pb", 0.5),
        (unpooling_viewer, "values", [9] * 36),
        (unpooling_viewer, "seed", 7),
        (unpooling_viewer, "selected", [5, 5]),
        (size_tracer, "net", "padded"),
        (size_tracer, "height", 570),
        (size_tracer, "width", 16),
        (size_tracer, "depth", 2),
        (size_tracer, "skips", [True, False, True, True, True]),
    ],
)
def test_the_picture_shows_the_state(make, trait, value):
    widget = make()
    setattr(widget, trait, value)
    assert widget.png() != first_picture(make)
    assert trait in widget.state()


@pytest.mark.parametrize(
    "widget",
    [
        mask_playground(np.tri(8, 96, dtype=bool), np.zeros((8, 96), bool), tolerance=8),
        mask_playground(np.tri(96, 8, dtype=bool), np.ones((96, 8), bool), tolerance=0),
        loss_curves("Tversky", alpha=0, beta=0.05, foreground=0.0001),
        loss_curves("focal", gamma=5, foreground=0.5),
        unpooling_viewer(np.zeros((2, 8))),
        unpooling_viewer(np.full((8, 2), 9), seed=999),
        size_tracer("valid", 1, 2048, 5),
        size_tracer("padded", 1, 1, 1),
    ],
)
def test_extreme_states_draw(widget):
    for view in ("pixels", "boundaries", "bands") if hasattr(widget, "view") else ("",):
        if view:
            widget.view = view
        assert widget.png().startswith(b"\x89PNG")
    assert "nan" not in widget.describe()


TRUTH = np.eye(12, dtype=bool)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: mask_playground("disk"),
            "mask_playground: target must be a mask or one of stem, large, small, got 'disk'",
        ),
        (
            lambda: mask_playground(TRUTH.astype(int)),
            "mask_playground: target must be a mask (H, W) of bool, got int64 of shape (12, 12)",
        ),
        (
            lambda: mask_playground(TRUTH | True),
            "mask_playground: all pixels of target are object; it needs both object and background",
        ),
        (lambda: mask_playground(TRUTH & False), "mask_playground: all pixels of target are background; it needs both"),
        (
            lambda: mask_playground(TRUTH, TRUTH[:10]),
            "mask_playground: prediction has shape (10, 12); the target's is (12, 12)",
        ),
        (
            lambda: mask_playground(np.eye(97, dtype=bool)),
            "mask_playground: target has shape (97, 97); sides must be 8 to 96 pixels",
        ),
        (lambda: mask_playground(tolerance=9), "mask_playground: tolerance must be a whole number from 0 to 8, got 9"),
        (lambda: mask_playground(size=7), "mask_playground: size must be a whole number from 8 to 96, got 7"),
        (lambda: mask_playground().predict(TRUTH), "predict: mask has shape (12, 12); the target's is (32, 32)"),
        (
            lambda: loss_curves("dice"),
            "loss_curves: loss must be one of cross-entropy, focal, Dice, Tversky, got 'dice'",
        ),
        (lambda: loss_curves(gamma=-1), "loss_curves: gamma must be a number from 0 to 5, got -1"),
        (lambda: loss_curves(beta=0), "loss_curves: beta must be a number from 0.05 to 1, got 0"),
        (lambda: loss_curves(foreground=0.9), "loss_curves: foreground must be a number from 0.0001 to 0.5, got 0.9"),
        (lambda: loss_curves(alpha=True), "loss_curves: alpha must be a number from 0 to 1, got True"),
        (
            lambda: unpooling_viewer("noise"),
            "unpooling_viewer: values must be a map or one of edge, line, dots, got 'noise'",
        ),
        (lambda: unpooling_viewer(size=5), "unpooling_viewer: size must be even, got 5"),
        (lambda: unpooling_viewer(size=10), "unpooling_viewer: size must be a whole number from 2 to 8, got 10"),
        (
            lambda: unpooling_viewer(np.zeros((3, 4))),
            "unpooling_viewer: values have shape (3, 4); they must be (H, W), both even, 2 to 8",
        ),
        (
            lambda: unpooling_viewer([[1, 2], [3, 10]]),
            "unpooling_viewer: values must be whole numbers 0 to 9, got 1 to 10",
        ),
        (
            lambda: unpooling_viewer([[1, 2], [3, 4.5]]),
            "unpooling_viewer: values must be whole numbers 0 to 9, got 1 to 4.5",
        ),
        (lambda: unpooling_viewer(seed=-1), "unpooling_viewer: seed must be a whole number from 0 to 999, got -1"),
        (lambda: size_tracer("unet"), "size_tracer: net must be one of valid, padded, got 'unet'"),
        (lambda: size_tracer(height=0), "size_tracer: height must be a whole number from 1 to 2048, got 0"),
        (lambda: size_tracer(width=57.5), "size_tracer: width must be a whole number from 1 to 2048, got 57.5"),
        (lambda: size_tracer(depth=6), "size_tracer: depth must be a whole number from 1 to 5, got 6"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011, the message is compared
        call()
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("make", "trait", "value"),
    [
        (mask_playground, "tolerance", 9),
        (mask_playground, "view", "all"),
        (loss_curves, "pf", 1.0),
        (size_tracer, "skips", [True]),
    ],
)
def test_traits_refuse(make, trait, value):
    widget = make()
    with pytest.raises(traitlets.TraitError):
        setattr(widget, trait, value)

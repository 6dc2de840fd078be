import re

import pytest
import torch
from torch.testing import assert_close

from course_lib import evidence, ops
from course_lib.datasets import context
from course_lib.experiments import cue_distance
from course_lib.experiments.cue_distance import ARMS

FOUR = [name for name, arm in ARMS.items() if len(arm.rates) == 4]


@pytest.fixture(scope="module")
def twins():
    return cue_distance.Twins(6, seed=5)


@pytest.mark.parametrize("arm", ARMS)
def test_the_field_in_an_arms_name_is_that_of_its_network(arm):
    field = ops.receptive_field(ops.layers_of(cue_distance.build(arm, 0)))
    assert field.size == int(re.match(r"field (\d+)", arm)[1])
    assert field.jump == (16 if ARMS[arm].strides else 4)


@pytest.mark.parametrize("arm", ["field 39: rates 1,1,1,1", "field 95: rates 1,2,4,4", "field 95: strides 2,2,1,1"])
def test_the_gradient_confirms_the_field(arm):
    model = cue_distance.build(arm, 0).eval()
    for parameter in model.parameters():
        torch.nn.init.constant_(parameter, 0.1)  # positive throughout, so that nothing cancels and every ReLU is open
    model.forward = model.scores
    top, left, bottom, right = ops.field_box(ops.input_gradient(model, torch.rand(1, 3, 128, 128)))
    field = ops.receptive_field(ops.layers_of(model))
    start = field.start + (128 // field.jump // 2) * field.jump
    assert (top, left, bottom, right) == (start, start, start + field.size, start + field.size)


def test_arms_of_four_convolutions_have_equal_parameters_and_those_without_strides_equal_cost():
    models = {arm: cue_distance.build(arm, 0) for arm in FOUR}
    assert len({sum(p.numel() for p in m.parameters()) for m in models.values()}) == 1
    image = torch.zeros(1, 3, 96, 96)
    assert len({evidence.macs(m, image) for arm, m in models.items() if not ARMS[arm].strides}) == 1


def test_arms_of_four_convolutions_start_with_the_same_weights():
    a, b = (cue_distance.build(arm, 3) for arm in FOUR[:2])
    for left, right in zip(a.parameters(), b.parameters(), strict=True):
        assert torch.equal(left, right)


def test_twins_differ_in_the_skyline_and_in_the_name_of_the_vehicles_alone(twins):
    for k in range(0, len(twins), 2):
        (houses, a), (harbor, b) = twins[k], twins[k + 1]
        vehicle = a["semantic"] >= context.CAR
        top = int(torch.nonzero(a["semantic"] == context.SURFACE)[0, 0])
        assert torch.equal(houses[:, top:], harbor[:, top:])
        assert not torch.equal(houses[:, :top], harbor[:, :top])
        assert torch.equal(a["semantic"][~vehicle], b["semantic"][~vehicle])
        assert torch.equal(a["masks"], b["masks"])
        assert set(a["labels"].tolist()) == {context.CAR}
        assert set(b["labels"].tolist()) == {context.BOAT}


def test_every_vehicle_is_in_one_bin(twins):
    assert sum(twins.counts()) == sum(len(target["labels"]) for _, target in twins.samples)
    assert len(twins.counts()) == len(cue_distance.BINS)


def test_a_network_that_cannot_see_the_skyline_answers_alike_in_both_twins(twins):
    figures = cue_distance.measure(cue_distance.build("field 39: rates 1,1,1,1", 0), twins)
    assert figures["unmoved"] > 0.9
    assert figures["flip"] == 0
    assert abs(figures["vehicles"] - 0.5) < 0.03


class Given(torch.nn.Module):
    """Answers with the logits it was given, in order."""

    def __init__(self, logits):
        super().__init__()
        self.logits, self.asked = logits, 0

    def forward(self, images):
        self.asked += len(images)
        return self.logits[self.asked - len(images) : self.asked]


def test_measure_knows_the_right_answer_the_wrong_one_and_the_constant_one(twins):
    truth = torch.stack([torch.as_tensor(target["semantic"]) for _, target in twins.samples])
    onehot = torch.nn.functional.one_hot(truth, 4).movedim(-1, 1).float()
    right = cue_distance.measure(Given(onehot), twins)
    assert right["vehicles"] == right["pixels"] == right["flip"] == right["miou"] == 1
    assert right["unmoved"] == 0
    wrong = cue_distance.measure(Given(onehot[:, [0, 1, 3, 2]]), twins)
    assert wrong["vehicles"] == wrong["pixels"] == wrong["flip"] == 0
    always = torch.zeros_like(onehot)
    always[:, context.CAR] = 1
    constant = cue_distance.measure(Given(always), twins)
    assert constant["vehicles"] == constant["pixels"] == 0.5
    assert constant["flip"] == 0
    assert constant["unmoved"] == 1


def test_the_loss_weighs_vehicle_pixels_tenfold():
    model = torch.nn.Identity()
    logits, target = torch.randn(2, 4, 5, 7), torch.randint(0, 4, (2, 5, 7))
    loss = cue_distance.loss_of("field 39: rates 1,1,1,1")(model, (logits, {"semantic": target}))
    each = torch.nn.functional.cross_entropy(logits, target, reduction="none")
    weight = 1 + 9 * (target >= context.CAR)
    assert_close(loss, (weight * each).sum() / weight.sum())


def test_a_run_repeats(twins):
    train = cue_distance.scenes(8)
    _, first = cue_distance.run("field 127: rates 1,2,4,8", 0, train, twins, steps=2)
    _, again = cue_distance.run("field 127: rates 1,2,4,8", 0, train, twins, steps=2)
    assert first == again


def test_the_effective_field_of_many_small_steps_is_narrower_than_that_of_few_large_ones():
    small, large = (
        cue_distance.effective(cue_distance.build(arm, 0))
        for arm in ("field 127: 15 layers of rate 1", "field 127: rates 1,2,4,8")
    )
    assert 39 < small < 0.75 * large
    assert large <= 131

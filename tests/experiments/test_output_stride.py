import re

import pytest
import torch

from course_lib import evidence, ops
from course_lib.experiments import output_stride
from course_lib.experiments.output_stride import ARMS


@pytest.mark.parametrize("arm", ARMS)
def test_stride_and_field_are_those_of_the_name(arm):
    stride, size = map(int, re.search(r"stride (\d+).*field (\d+)", arm).groups())
    field = ops.receptive_field(ops.layers_of(output_stride.build(arm, 0)))
    assert (field.jump, field.size) == (stride, size)


def test_all_arms_share_their_weights_and_the_two_of_stride_8_their_cost():
    models = {arm: output_stride.build(arm, 1) for arm in ARMS}
    first, *others = (m.state_dict() for m in models.values())
    for state in others:
        assert state.keys() == first.keys()
        assert all(torch.equal(state[k], first[k]) for k in first)
    costs = [evidence.macs(m, torch.zeros(1, 3, 96, 96)) for arm, m in models.items() if "stride 8" in arm]
    assert len(costs) == 2
    assert len(set(costs)) == 1


def test_without_dilation_every_rate_is_one_and_with_it_the_last_stage_has_four():
    rates = {
        arm: {m.dilation[0] for m in output_stride.build(arm, 0).modules() if isinstance(m, torch.nn.Conv2d)}
        for arm in ARMS
    }
    assert rates["stride 8, not dilated (field 227)"] == rates["stride 32 (field 435)"] == {1}
    assert rates["stride 8, dilated (field 435)"] == {1, 2, 4}


@pytest.mark.parametrize("arm", ARMS)
def test_logits_have_the_size_of_the_picture(arm):
    assert output_stride.build(arm, 0).eval()(torch.zeros(2, 3, 70, 97)).shape == (2, 9, 70, 97)


def test_measure_averages_the_ious_of_the_things():
    _, val = output_stride.scenes()

    class Sky(torch.nn.Module):
        def forward(self, images):
            out = images.new_zeros(len(images), 9, *images.shape[-2:])
            out[:, val.classes.index("sky")] = 1
            return out

    figures = output_stride.measure(Sky(), val)
    assert figures["things"] == 0
    assert abs(figures["miou"] - figures["accuracy"] / 9) < 1e-6

import pytest
import torch
from torch.testing import assert_close

from course_lib import datasets, evidence
from course_lib.experiments import fcn_strides
from course_lib.experiments.fcn_strides import ARMS


def randomized(arm):
    model = fcn_strides.build(arm, 0)
    for name, parameter in model.named_parameters():
        if name.startswith("score"):
            torch.nn.init.normal_(parameter)
    return model.eval()


def test_arms_of_a_seed_share_vgg_fc6_and_fc7():
    first, *others = (fcn_strides.build(arm, 1).state_dict() for arm in ARMS)
    for state in others:
        shared = [key for key in first if not key.startswith(("score", "upscore"))]
        assert len(shared) > 90
        assert all(torch.equal(state[key], first[key]) for key in shared)


def test_the_control_has_the_parameters_and_the_cost_of_8s():
    models = {arm: fcn_strides.build(arm, 0) for arm in ARMS}
    params = {arm: sum(p.numel() for p in m.parameters()) for arm, m in models.items()}
    assert params["8s"] == params["8s, skips at stride 32"] == params["8s, fixed upsampling"]
    assert params["32s"] > params["8s"]  # 64 x 64 kernels: finer scores are not more parameters
    costs = [evidence.macs(m, torch.zeros(1, 3, 96, 96)) for m in models.values()]
    assert max(costs) < 1.01 * min(costs)


def test_fixed_upsampling_stays_bilinear_and_the_rest_learns():
    scenes = datasets.Scenes(8, 64, seed=0)
    model = fcn_strides.train("8s, fixed upsampling", 0, scenes, steps=2)
    start = fcn_strides.build("8s, fixed upsampling", 0).state_dict()
    changed = {key for key, value in model.named_parameters() if not torch.equal(value, start[key])}
    assert not any(key.startswith("upscore") for key in changed)
    assert {"score_fr.weight", "score_pool3.weight", "fc6.weight", "vgg.features.0.weight"} <= changed


@pytest.mark.parametrize("size", [(96, 96), (70, 97)])
def test_coarse_skips_hold_nothing_finer_than_stride_32(size):
    """Score maps of both arms have one size; at 96 pixels those of the control are a 3x3 grid, bilinearly enlarged."""
    fine, coarse = randomized("8s"), randomized("8s, skips at stride 32")
    coarse.load_state_dict(fine.state_dict())
    images = torch.randn(2, 3, *size)
    ours, theirs = coarse.scores(images), fine.scores(images)
    assert coarse(images).shape == fine(images).shape
    for name in ("score_pool4", "score_pool3"):
        assert ours[name].shape == theirs[name].shape
        assert not torch.allclose(ours[name], theirs[name])
        if size == (96, 96):
            grid = theirs[name].unflatten(-1, (3, -1)).mean(-1).unflatten(-2, (3, -1)).mean(-2)
            again = torch.nn.functional.interpolate(grid, ours[name].shape[-2:], mode="bilinear")
            assert_close(ours[name], again, rtol=1e-4, atol=1e-5)
    assert_close(ours["score_fr"], theirs["score_fr"])


@pytest.mark.parametrize("arm", ["32s", "16s", "8s"])
def test_shares_sum_to_the_logits(arm):
    model, images = randomized(arm), torch.randn(2, 3, 96, 96)
    shares = fcn_strides.shares(model, images)
    assert list(shares) == ["score_fr", "score_pool4", "score_pool3"][: ("32s", "16s", "8s").index(arm) + 1]
    assert_close(sum(shares.values()), model(images), rtol=1e-4, atol=1e-4)


def test_truth_at_stride_1_is_perfect_and_coarser_grids_lose_ever_more():
    val = fcn_strides.Truths(datasets.Scenes(4, 96, seed=1))
    miou, outline = zip(
        *(
            (f["miou"], f["boundary_f1"])
            for f in (fcn_strides.measure(fcn_strides.TruthAtStride(9, s), val) for s in (1, 8, 16, 32))
        ),
        strict=True,
    )
    assert miou[0] == outline[0] == 1
    assert miou[0] > miou[1] > miou[2] > miou[3]
    assert outline[1] > outline[2] > outline[3]


def test_measure_averages_the_ious_of_the_things_and_brackets_the_miou():
    _, val = fcn_strides.scenes()

    class Sky(torch.nn.Module):
        def forward(self, images):
            out = images.new_zeros(len(images), 9, *images.shape[-2:])
            out[:, val.classes.index("sky")] = 1
            return out

    figures = fcn_strides.measure(Sky(), val)
    assert figures["things"] == 0
    assert abs(figures["miou"] - figures["accuracy"] / 9) < 1e-6
    assert figures["low"] < figures["miou"] < figures["high"]

import pytest
import torch
from torch.testing import assert_close

from course_lib.experiments import checkerboard


@pytest.fixture(scope="module")
def few():
    return checkerboard.pictures(4, seed=5, size=64)


@pytest.mark.parametrize("arm", checkerboard.UPSAMPLERS)
def test_every_arm_doubles_exactly_and_paints_at_the_same_size(arm, few):
    layer = checkerboard.UPSAMPLERS[arm](5, 3)
    assert layer(torch.zeros(1, 5, 6, 7)).shape == (1, 3, 12, 14)
    assert checkerboard.build(arm, 0)(few).shape == few.shape


def test_arms_share_the_encoder_of_a_seed():
    a, b = checkerboard.build("k3s2", 1), checkerboard.build("resize-conv", 1)
    for left, right in zip(a.encoder.parameters(), b.encoder.parameters(), strict=True):
        assert torch.equal(left, right)


def test_k6s2_pixelshuffle_and_resize_conv_cost_the_same(few):
    from course_lib import evidence

    costs = {
        arm: evidence.macs(checkerboard.build(arm, 0), few[:1])
        for arm in ("k6s2", "PixelShuffle", "resize-conv", "k3s2")
    }
    assert costs["k6s2"] == costs["PixelShuffle"] == costs["resize-conv"] > costs["k3s2"]


def test_random_transposed_layers_start_with_a_pattern_and_the_cured_ones_without(few):
    share = {arm: checkerboard.run(arm, 0, 0, few, few)[1]["output"] for arm in checkerboard.UPSAMPLERS}
    clean = {"k4s2, bilinear start", "PixelShuffle, ICNR", "resize-conv"}
    assert max(share[arm] for arm in clean) < 0.01
    assert min(share[arm] for arm in set(share) - clean) > 0.1


def test_measure_knows_a_painted_checkerboard(few):
    i, j = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")

    class Painter(torch.nn.Module):
        def forward(self, x):
            return x + 10 / 255 * (((i + j) % 2) * 2 - 1)

    figures = checkerboard.measure(Painter(), few)
    assert_close(figures["amplitude"], 10.0, atol=1e-3, rtol=0)
    assert_close(figures["error"], 1.0, atol=1e-4, rtol=0)
    assert_close(figures["rmse"], 10.0, atol=1e-3, rtol=0)


def test_training_lowers_the_error_and_repeats(few):
    _, before = checkerboard.run("resize-conv", 0, 0, few, few)
    _, after = checkerboard.run("resize-conv", 0, 12, few, few)
    _, again = checkerboard.run("resize-conv", 0, 12, few, few)
    assert after["rmse"] < before["rmse"]
    assert after == again

import pytest
import torch
from torch.testing import assert_close

from course_lib.ops import period_energy


def test_pure_patterns_smooth_ramps_and_noise():
    i, j = torch.meshgrid(torch.arange(24.0), torch.arange(36.0), indexing="ij")
    checker, stripes, period3 = (i + j) % 2, i % 2, (j % 3 == 0).float()
    assert_close(period_energy(torch.stack([checker, stripes])), torch.ones(2))
    assert_close(period_energy(period3, 3), torch.tensor(1.0))
    assert period_energy(period3, 2) < 1e-5
    assert period_energy(torch.sin(i / 24 * 6.2832) + torch.cos(j / 36 * 6.2832)) < 1e-5
    noise = torch.randn(400, 24, 36, generator=torch.Generator().manual_seed(0))
    assert_close(period_energy(noise).mean(), torch.tensor(1 / 24 + 1 / 36), atol=0.004, rtol=0)


def test_energy_is_a_share_and_a_constant_has_none():
    smooth = torch.sin(torch.arange(32.0) / 32 * 6.2832).expand(32, 32)
    ripple = 0.1 * (torch.arange(32) % 2 * 2 - 1).float()
    assert_close(period_energy(smooth + ripple), torch.tensor(0.01 / (0.5 + 0.01)), atol=1e-5, rtol=1e-4)
    assert period_energy(torch.full((8, 8), 0.3)) == 0
    with pytest.raises(ValueError, match="9x8 map"):
        period_energy(torch.zeros(9, 8))

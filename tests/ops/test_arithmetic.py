import itertools

import pytest
import torch
import torch.nn.functional as F

from course_lib.ops import conv_output_size, transposed_output_size


def test_conv_size_is_torchs_over_the_whole_range():
    for n, k, s, p, d in itertools.product((1, 2, 5, 8, 11), (1, 2, 3, 5), (1, 2, 3), (0, 1, 3), (1, 2, 3)):
        x, w = torch.zeros(1, 1, n), torch.zeros(1, 1, k)
        if d * (k - 1) + 1 > n + 2 * p:
            with pytest.raises(ValueError, match="does not fit"):
                conv_output_size(n, k, s, p, d)
        else:
            assert conv_output_size(n, k, s, p, d) == F.conv1d(x, w, None, s, p, d).shape[-1]


def test_transposed_size_is_torchs_over_the_whole_range():
    seen = set()
    for n, k, s, p, op, d in itertools.product((1, 2, 5), (1, 2, 3, 5), (1, 2, 3), (0, 1, 3), (0, 1, 2), (1, 2, 3)):
        x, w = torch.zeros(1, 1, n), torch.zeros(1, 1, k)
        try:
            want = F.conv_transpose1d(x, w, None, s, p, op, 1, d).shape[-1]
        except RuntimeError:
            want = 0
        if want == 0:
            with pytest.raises(ValueError, match=r"output_padding|crops the whole output"):
                transposed_output_size(n, k, s, p, op, d)
        else:
            assert transposed_output_size(n, k, s, p, op, d) == want
        seen.add(want == 0)
    assert seen == {True, False}


@pytest.mark.parametrize("bad", [dict(size=0), dict(kernel=0), dict(stride=0), dict(padding=-1), dict(dilation=0)])
@pytest.mark.parametrize("rule", [conv_output_size, transposed_output_size])
def test_arguments_out_of_range_are_named(rule, bad):
    with pytest.raises(ValueError, match=f"{rule.__name__}: {next(iter(bad))} is"):
        rule(**{"size": 4, "kernel": 3} | bad)

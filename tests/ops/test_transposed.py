import itertools

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from course_lib import ops

CASES = [
    (k, s, p, op, d)
    for k, s, p, op, d in itertools.product((1, 2, 3, 4), (1, 2, 3), (0, 1, 2), (0, 1), (1, 2))
    if op < max(s, d) and 3 * s + d * (k - 1) + 1 + op > 2 * p
]


def _case(k, s, p, op, d):
    g = torch.Generator().manual_seed(k * 1000 + s * 100 + p * 10 + op + d)
    x = torch.randn(2, 3, 5, 4, generator=g, dtype=torch.float64)
    return x, torch.randn(3, 2, k, k, generator=g, dtype=torch.float64)


def test_scatter_equals_torch_on_odd_sizes_batches_and_channels():
    for case in CASES:
        x, w = _case(*case)
        _, s, p, op, d = case
        assert_close(ops.conv_transpose2d_scatter(x, w, s, p, op, d), F.conv_transpose2d(x, w, None, s, p, op, 1, d))


def test_zero_insertion_with_the_flipped_kernel_equals_torch():
    for k, s, p, op, d in CASES:
        if op or d > 1 or p > k - 1:
            continue
        x, w = _case(k, s, p, op, d)
        spread = F.pad(ops.insert_zeros(x, s), [k - 1 - p] * 4)
        assert_close(F.conv2d(spread, w.flip(2, 3).transpose(0, 1)), F.conv_transpose2d(x, w, stride=s, padding=p))


def test_the_matrix_is_the_convolution_and_its_transpose_the_transposed_convolution():
    k = torch.randn(3, 2, dtype=torch.float64)
    image = torch.randn(7, 6, dtype=torch.float64)
    for s, p, d in [(1, 0, 1), (2, 0, 1), (2, 1, 1), (1, 1, 2), (3, 1, 2)]:
        m = ops.convolution_matrix(k, (7, 6), s, p, d)
        out = F.conv2d(image[None, None], k[None, None], None, s, p, d)[0, 0]
        assert_close(m @ image.flatten(), out.flatten())
        back = (m.T @ out.flatten()).view(7, 6)
        missing = [
            7 - ops.transposed_output_size(out.shape[0], 3, s, p, 0, d),
            6 - ops.transposed_output_size(out.shape[1], 2, s, p, 0, d),
        ]
        assert_close(back, F.conv_transpose2d(out[None, None], k[None, None], None, s, p, missing, 1, d)[0, 0])


@pytest.mark.parametrize(
    ("kernel", "stride", "interior"),
    [(3, 2, {1, 2}), (4, 2, {2}), (2, 2, {1}), (5, 2, {2, 3}), (4, 4, {1}), (16, 8, {2})],
)
def test_coverage_counts(kernel, stride, interior):
    counts = ops.coverage(12, kernel, stride)
    assert set(counts[kernel:-kernel].tolist()) == interior
    ones = F.conv_transpose1d(torch.ones(1, 1, 12), torch.ones(1, 1, kernel), stride=stride)[0, 0]
    assert_close(counts.float(), ones)
    assert_close(ops.coverage(12, kernel, stride, padding=1), counts[1:-1])

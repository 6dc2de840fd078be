"""The questions of exercise 02: stamps, channels and padding, the matrix, sizes, counts, the bilinear kernel, ICNR."""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib import ops
from course_lib.checks.answer import Failed
from course_lib.checks.compare import difference
from course_lib.checks.core import Property, Question

GIVES_IT_AWAY = (
    "conv_transpose3d",
    "ConvTranspose3d",
    "convolution",
    "vjp",
    "conv_transpose1d",
    "conv_transpose2d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "grad",
    "conv2d_input",
    "fold",
    "Fold",
)


def _noise(rng, *shape: int, dtype=torch.float32) -> Tensor:
    return torch.from_numpy(rng.normal(size=shape)).to(dtype)


def _small(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)


def _double_precision(claim: str, student, given: dict, reference) -> Property:
    """The result has the dtype of the float64 inputs, or of the same inputs as float32, and is not computed in float32 on the way."""

    def test():
        got, want = student(**given), reference(**given)
        if why := difference(got, want, 1e-3, "any"):
            raise Failed(f"the values are not right yet: {why}", given, got, want)
        if got.dtype != want.dtype:
            raise Failed(f"it returned {str(got.dtype)[6:]}; for float64 input it must be float64", given, got, want)
        if difference(got, want, 1e-12, "any"):
            raise Failed(
                "the result has the precision of float32: something on the way is not float64", given, got, want
            )
        single = {name: value.float() if isinstance(value, Tensor) else value for name, value in given.items()}
        if (got := student(**single)).dtype != torch.float32:
            raise Failed(
                f"it returned {str(got.dtype)[6:]}; for float32 input it must be float32",
                single,
                got,
                reference(**single),
            )

    return Property(claim, test=test)


# 1 · stamps in one dimension


def _stamp_1d(x, kernel, stride):
    return F.conv_transpose1d(x[None, None], kernel[None, None], stride=stride)[0, 0]


def _overwrite(x, kernel, stride):
    out = torch.zeros((len(x) - 1) * stride + len(kernel), dtype=x.dtype)
    for i, value in enumerate(x):
        out[i * stride : i * stride + len(kernel)] = value * kernel
    return out


def _one_pixel_apart(x, kernel, stride):
    out = torch.zeros((len(x) - 1) * stride + len(kernel), dtype=x.dtype)
    for i, value in enumerate(x):
        out[i : i + len(kernel)] += value * kernel
    return out


def _dilated(x, kernel, stride):
    spread = torch.zeros((len(kernel) - 1) * stride + 1, dtype=x.dtype)
    spread[::stride] = kernel
    return _stamp_1d(x, spread, 1)


STAMP_MISTAKES = {
    "every stamp comes out mirrored (where you insert zeros and convolve, turn the kernel first)": lambda x, kernel, stride: (
        _stamp_1d(x, kernel.flip(0), stride)
    ),
    "later stamps overwrite earlier ones: where stamps overlap, they add": _overwrite,
    "the stamps are one pixel apart: they must be stride pixels apart": _one_pixel_apart,
    "the stamps are only one pixel apart, which also makes the output too short: they must be stride pixels apart": (
        lambda x, kernel, stride: _stamp_1d(x, kernel, 1)
    ),
    "the taps of the kernel are spread (a dilated convolution): here the stamps are spread, each keeps its shape": _dilated,
    "the last stamp is cut off: the output ends where the last stamp ends, at (n - 1) * stride + k": (
        lambda x, kernel, stride: _stamp_1d(x, kernel, stride)[: len(x) * stride]
    ),
    "the stamps are not scaled: each is the kernel times the input value": (
        lambda x, kernel, stride: _stamp_1d(torch.ones_like(x), kernel, stride)
    ),
}


def stamp_1d_properties(student, rng):
    yield Property(
        "stamps that only touch: kernel as long as the stride",
        cases=[
            {"x": _small(1, 2), "kernel": _small(1, 2), "stride": 2},
            {"x": _noise(rng, 4), "kernel": _noise(rng, 3), "stride": 3},
        ],
        reference=_stamp_1d,
        mistakes=STAMP_MISTAKES,
    )
    yield Property(
        "stamps that overlap add up",
        cases=[
            {"x": _small(1, 2), "kernel": _small(1, 2, 3), "stride": 2},
            {"x": _noise(rng, 5), "kernel": _noise(rng, 4), "stride": 1},
            {"x": _noise(rng, 6), "kernel": _noise(rng, 5), "stride": 2},
        ],
        reference=_stamp_1d,
        mistakes=STAMP_MISTAKES,
    )
    yield Property(
        "a stride longer than the kernel leaves gaps of zeros",
        cases=[
            {"x": _small(1, 2), "kernel": _small(1), "stride": 3},
            {"x": _noise(rng, 3), "kernel": _noise(rng, 2), "stride": 4},
        ],
        reference=_stamp_1d,
        mistakes=STAMP_MISTAKES,
    )
    given = {"x": _noise(rng, 5, dtype=torch.float64), "kernel": _noise(rng, 3, dtype=torch.float64), "stride": 2}
    yield _double_precision("it keeps the dtype of x, and its precision", student, given, _stamp_1d)


# 2 · two dimensions, channels, padding


def _transposed(x, weight, stride, padding):
    return F.conv_transpose2d(x, weight, stride=stride, padding=padding)


def _full(x, weight, stride, **_):
    return F.conv_transpose2d(x, weight, stride=stride)


def _one_sided(x, weight, stride, padding):
    full = _full(x, weight, stride)
    return full[:, :, : full.shape[2] - 2 * padding, : full.shape[3] - 2 * padding]


def _overwrite_2d(x, weight, stride, padding):
    (n, _, h, w), (_, c_out, kh, kw) = x.shape, weight.shape
    canvas = x.new_zeros(n, c_out, (h - 1) * stride + kh, (w - 1) * stride + kw)
    for i, j in itertools.product(range(h), range(w)):
        canvas[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw] = torch.einsum(
            "ni,iohw->nohw", x[:, :, i, j], weight
        )
    return canvas[:, :, padding : canvas.shape[2] - padding, padding : canvas.shape[3] - padding]


CONV_MISTAKES = {
    "every stamp comes out turned by 180 degrees (after inserting zeros, turn the kernel first)": lambda x, weight, stride, padding: (
        _transposed(x, weight.flip(2, 3), stride, padding)
    ),
    "the channels are mixed the wrong way: weight is (C_in, C_out, kH, kW)": lambda x, weight, stride, padding: (
        _transposed(x, weight.transpose(0, 1), stride, padding)
    ),
    "with padding 0 the slice [0:-0] is empty: compute where the crop ends": lambda x, weight, stride, padding: _full(
        x, weight, stride
    )[:, :, padding:-padding, padding:-padding],
    "the padding is added around the output: in a transposed convolution it is cropped away": lambda x, weight, stride, padding: (
        F.pad(_full(x, weight, stride), [padding] * 4)
    ),
    "the input is padded: padding belongs to the output here, where it is cropped": lambda x, weight, stride, padding: (
        _full(F.pad(x, [padding] * 4), weight, stride)
    ),
    "the padding is ignored: it crops that many pixels from each side": _full,
    "all pixels are cropped from the end: padding takes as many from the start": _one_sided,
    "only padding pixels are cropped in all: each of the two sides loses that many": lambda x, weight, stride, padding: (
        _full(x, weight, stride)[:, :, padding:, padding:]
    ),
    "later stamps overwrite earlier ones: where stamps overlap, they add": _overwrite_2d,
    "only the first input channel is used: every input channel stamps into every output channel": lambda x, weight, stride, padding: (
        _transposed(x[:, :1], weight[:1], stride, padding)
    ),
    "only the first picture of the batch is there": lambda x, weight, stride, padding: _transposed(
        x[:1], weight, stride, padding
    ),
    "the kernel is laid down transposed: rows and columns are exchanged": lambda x, weight, stride, padding: (
        _transposed(x, weight.transpose(2, 3), stride, padding)
    ),
}


def transposed_conv2d_properties(student, rng):
    def case(n, c_in, c_out, size, kernel, stride, padding, dtype=torch.float32):
        x, weight = _noise(rng, n, c_in, *size, dtype=dtype), _noise(rng, c_in, c_out, *kernel, dtype=dtype)
        return {"x": x, "weight": weight, "stride": stride, "padding": padding}

    tiny = {
        "x": _small(1, 2, 3, 4).view(1, 1, 2, 2),
        "weight": torch.arange(1.0, 10).view(1, 1, 3, 3),
        "stride": 2,
        "padding": 0,
    }
    yield Property(
        "one channel, no padding: stamps that add",
        cases=[tiny, case(1, 1, 1, (3, 5), (2, 2), 2, 0), case(1, 1, 1, (4, 3), (3, 3), 1, 0)],
        reference=_transposed,
        tol=1e-4,
        mistakes=CONV_MISTAKES,
    )
    yield Property(
        "channels are mixed by weight[input, output]",
        cases=[
            case(1, 2, 2, (2, 3), (1, 1), 1, 0),
            case(1, 3, 2, (3, 2), (2, 2), 2, 0),
            case(1, 1, 3, (2, 2), (3, 3), 2, 0),
        ],
        reference=_transposed,
        tol=1e-4,
        mistakes=CONV_MISTAKES,
    )
    yield Property(
        "batches, pictures and kernels that are not square, gaps between stamps",
        cases=[
            case(3, 2, 3, (2, 5), (3, 3), 2, 0),
            case(2, 2, 2, (4, 2), (2, 4), 3, 0),
            case(2, 3, 1, (3, 4), (2, 2), 1, 0),
        ],
        reference=_transposed,
        tol=1e-4,
        mistakes=CONV_MISTAKES,
    )
    yield Property(
        "padding crops each of the four sides",
        cases=[
            case(1, 1, 1, (3, 3), (4, 4), 2, 1),
            case(2, 3, 2, (4, 5), (5, 5), 2, 2),
            case(1, 2, 2, (5, 3), (3, 4), 3, 1),
            case(2, 2, 3, (4, 4), (3, 3), 1, 1),
            case(1, 2, 1, (3, 5), (1, 1), 2, 1),
        ],
        reference=_transposed,
        tol=1e-4,
        mistakes=CONV_MISTAKES,
    )
    given = case(2, 2, 3, (3, 4), (3, 3), 2, 1, torch.float64)
    yield _double_precision("it keeps the dtype of x, and its precision", student, given, _transposed)


# 3 · the matrix


def _matrix(kernel, height, width, stride):
    return ops.convolution_matrix(kernel, (height, width), stride).T.contiguous()


def _by_columns(kernel, height, width, stride):
    rows = _matrix(kernel, height, width, stride)
    return rows.view(height, width, -1).transpose(0, 1).reshape(height * width, -1)


MATRIX_MISTAKES = {
    "this is the convolution's own matrix: return its transpose, with one row per pixel of the large picture": (
        lambda kernel, height, width, stride: _matrix(kernel, height, width, stride).T
    ),
    "the kernel is turned by 180 degrees: PyTorch's convolution does not flip it": (
        lambda kernel, height, width, stride: _matrix(kernel.flip(0, 1), height, width, stride)
    ),
    "the stride is ignored": lambda kernel, height, width, stride: _matrix(kernel, height, width, 1),
    "the picture is flattened column by column: flatten it row by row": _by_columns,
    "height and width are exchanged": lambda kernel, height, width, stride: _matrix(kernel, width, height, stride),
}


def transposed_matrix_properties(student, rng):
    yield Property(
        "the matrix of a small convolution, transposed",
        cases=[
            {"kernel": torch.arange(1.0, 5).view(2, 2), "height": 3, "width": 3, "stride": 1},
            {"kernel": _noise(rng, 3, 3), "height": 5, "width": 5, "stride": 2},
        ],
        reference=_matrix,
        mistakes=MATRIX_MISTAKES,
    )
    yield Property(
        "pictures and kernels that are not square; rows the stride leaves out",
        cases=[
            {"kernel": _noise(rng, 2, 3), "height": 4, "width": 7, "stride": 2},
            {"kernel": _noise(rng, 2, 2), "height": 6, "width": 4, "stride": 3},
        ],
        reference=_matrix,
        mistakes=MATRIX_MISTAKES,
    )
    kernel, small = _noise(rng, 3, 2, dtype=torch.float64), _noise(rng, 3, 2, dtype=torch.float64)

    def carries_a_map_up():
        given = {"kernel": kernel, "height": 7, "width": 4, "stride": 2}
        matrix = student(**given)
        want = F.conv_transpose2d(small[None, None], kernel[None, None], stride=2)[0, 0]
        if not isinstance(matrix, Tensor) or matrix.shape != (28, 6):
            raise Failed(
                "for this picture of 7x4 pixels the matrix must have the shape (28, 6)", given, matrix, _matrix(**given)
            )
        if matrix.dtype != kernel.dtype:
            raise Failed(
                f"it returned {str(matrix.dtype)[6:]}; for a float64 kernel it must be float64",
                given,
                matrix,
                _matrix(**given),
            )
        got = (matrix @ small.flatten()).view(7, 4)
        if not torch.allclose(got, want, rtol=0, atol=1e-12):
            raise Failed("matrix @ map.flatten() is not F.conv_transpose2d of the map", given, got, want)

    yield Property("times a flattened map it is F.conv_transpose2d, in the kernel's precision", test=carries_a_map_up)


# 4 · which padding?


def _solve(size, target, kernel, stride):
    for padding in range(kernel + size * stride):
        output_padding = 2 * padding - ((size - 1) * stride + kernel - target)
        if 0 <= output_padding < stride:
            return padding, output_padding
    return None


def _any_output_padding(size, target, kernel, stride):
    surplus = (size - 1) * stride + kernel - target
    padding = max(0, -(-surplus // 2))
    return padding, 2 * padding - surplus


def _usual_padding(size, target, kernel, stride):
    padding = (kernel - 1) // 2
    output_padding = target - ((size - 1) * stride + kernel - 2 * padding)
    return (padding, output_padding) if 0 <= output_padding < stride else None


def _largest(size, target, kernel, stride):
    surplus = (size - 1) * stride + kernel - target
    pairs = [(p, 2 * p - surplus) for p in range(kernel + size * stride) if 0 <= 2 * p - surplus < stride]
    return pairs[-1] if pairs else None


def _one_side(size, target, kernel, stride):
    surplus = (size - 1) * stride + kernel - target
    return (max(0, surplus), max(0, -surplus)) if -surplus < stride else None


def _without_output_padding(size, target, kernel, stride):
    surplus = (size - 1) * stride + kernel - target
    return (surplus // 2, 0) if surplus >= 0 and surplus % 2 == 0 else None


def _n_for_n_minus_one(size, target, kernel, stride):
    return _solve(size + 1, target, kernel, stride)


def _swapped(size, target, kernel, stride):
    pair = _solve(size, target, kernel, stride)
    return pair and pair[::-1]


def _negative(size, target, kernel, stride):
    surplus = (size - 1) * stride + kernel - target
    padding = -(-surplus // 2)
    return padding, 2 * padding - surplus


def _up_to_the_kernel(size, target, kernel, stride):
    pair = _solve(size, target, kernel, stride)
    return pair if pair and pair[0] < kernel else None


def _may_equal_stride(size, target, kernel, stride):
    surplus = (size - 1) * stride + kernel - target
    padding = max(0, -(-surplus // 2))
    output_padding = 2 * padding - surplus
    return (padding, output_padding) if output_padding <= stride else None


def _rounded_down(size, target, kernel, stride):
    surplus = (size - 1) * stride + kernel - target
    return (max(0, surplus // 2), surplus % 2)


SOLVE_MISTAKES = {
    "output_padding must be smaller than stride, not equal to it": _may_equal_stride,
    "round the padding up: output_padding adds a pixel, it does not crop one": _rounded_down,
    "padding cannot be negative: padding only crops, and where even no padding leaves too little, there is no answer": _negative,
    "the pair is the wrong way round: return (padding, output_padding)": _swapped,
    "without padding the size is (size - 1) * stride + kernel: the first stamp covers kernel, only the others move on": _n_for_n_minus_one,
    "padding may be larger than the kernel: your search ends too early": _up_to_the_kernel,
    "output_padding must be smaller than stride: PyTorch refuses this pair": _any_output_padding,
    "padding (kernel - 1) // 2 is a habit, not a law: try every padding from 0 on": _usual_padding,
    "this works, but a smaller padding does too: start at 0": _largest,
    "padding crops both sides, so it counts twice": _one_side,
    "output_padding can repair what 2 * padding cannot: an odd difference": _without_output_padding,
}


def solve_padding_properties(student, rng):
    def case(size, target, kernel, stride):
        return {"size": size, "target": target, "kernel": kernel, "stride": stride}

    yield Property(
        "doubling, the everyday case",
        cases=[case(16, 32, 2, 2), case(16, 32, 3, 2), case(16, 32, 4, 2), case(16, 32, 5, 2)],
        reference=_solve,
        mistakes=SOLVE_MISTAKES,
    )
    yield Property(
        "it gives None where nothing fits",
        cases=[case(3, 8, 2, 2), case(5, 7, 2, 1), case(4, 100, 3, 2), case(8, 9, 3, 1), case(3, 12, 2, 2)],
        reference=_solve,
        mistakes=SOLVE_MISTAKES,
    )
    yield Property(
        "the smallest padding, at any stride",
        cases=[
            case(4, 13, 4, 4),
            case(4, 16, 5, 4),
            case(7, 21, 7, 3),
            case(5, 9, 3, 2),
            case(1, 1, 5, 5),
            case(6, 6, 3, 1),
        ],
        reference=_solve,
        mistakes=SOLVE_MISTAKES,
    )
    yield Property(
        "large paddings, and two hundred random cases",
        cases=[case(9, 5, 2, 3), case(12, 20, 4, 4), case(200, 5, 3, 4)]
        + [
            case(*(int(rng.integers(low, high)) for low, high in ((1, 20), (1, 60), (1, 8), (1, 5))))
            for _ in range(200)
        ],
        reference=_solve,
        mistakes=SOLVE_MISTAKES,
    )


# 5 · stamp counts


def _counts(height, width, kernel, stride):
    return ops.coverage(height, kernel, stride)[:, None] * ops.coverage(width, kernel, stride)[None, :]


def _even_counts(height, width, kernel, stride):
    each = kernel // stride
    return torch.full_like(_counts(height, width, kernel, stride), each * each)


def _inside_everywhere(height, width, kernel, stride):
    def along(n):
        return (kernel - 1 - torch.arange((n - 1) * stride + kernel) % stride) // stride + 1

    return along(height)[:, None] * along(width)[None, :]


COUNT_MISTAKES = {
    "the inside is right; at the border fewer stamps reach a pixel, because there are no inputs beyond it": _inside_everywhere,
    "row and column counts are added: a pixel gets one stamp for every pair, so they multiply": (
        lambda height, width, kernel, stride: (
            ops.coverage(height, kernel, stride)[:, None] + ops.coverage(width, kernel, stride)[None, :]
        )
    ),
    "every stamp counts, also where another one lies: add 1, do not set 1": (
        lambda height, width, kernel, stride: _counts(height, width, kernel, stride).clamp(max=1)
    ),
    "height and width are exchanged": lambda height, width, kernel, stride: _counts(width, height, kernel, stride),
    "the stride is ignored": lambda height, width, kernel, stride: _counts(height, width, kernel, 1),
    "the counts are not the same everywhere: fewer at the border, and inside they alternate unless stride divides kernel": (
        lambda height, width, kernel, stride: torch.full_like(
            _counts(height, width, kernel, stride), (-(-kernel // stride)) ** 2
        )
    ),
    "the counts are not the same everywhere: the border gets fewer, and inside they alternate unless stride divides kernel": _even_counts,
}


def stamp_counts_properties(student, rng):
    def case(height, width, kernel, stride):
        return {"height": height, "width": width, "kernel": kernel, "stride": stride}

    yield Property(
        "kernel 3, stride 2: the checkerboard",
        cases=[case(2, 2, 3, 2), case(4, 4, 3, 2)],
        reference=_counts,
        dtype="any",
        mistakes=COUNT_MISTAKES,
    )
    yield Property(
        "even counts inside when stride divides kernel, fewer at the border",
        cases=[case(3, 3, 2, 2), case(5, 5, 4, 2), case(4, 4, 4, 1)],
        reference=_counts,
        dtype="any",
        mistakes=COUNT_MISTAKES,
    )
    yield Property(
        "maps that are not square; pixels that no stamp reaches",
        cases=[case(2, 5, 3, 2), case(3, 1, 5, 2), case(4, 3, 2, 3)],
        reference=_counts,
        dtype="any",
        mistakes=COUNT_MISTAKES,
    )

    def counts_are_int64():
        got = student(**case(3, 2, 3, 2))
        if not isinstance(got, Tensor) or got.dtype != torch.int64:
            raise Failed(
                "counts are whole numbers: return a tensor of dtype int64", case(3, 2, 3, 2), got, _counts(3, 2, 3, 2)
            )

    yield Property("the counts are int64", test=counts_are_int64)


# 6 · the bilinear kernel


def _kernel_from(tent: Tensor) -> Tensor:
    return tent[:, None] * tent[None, :]


def _tent(stride: int, center: float, reach: float) -> Tensor:
    return (1 - (torch.arange(2 * stride) - center).abs() / reach).clamp(min=0)


BILINEAR_MISTAKES = {
    "the middle of 2 * stride pixels lies between two pixels, at stride - 0.5, not on one": (
        lambda stride: _kernel_from(_tent(stride, stride, stride))
    ),
    "the middle of 2 * stride pixels lies between two pixels, at stride - 0.5; yours is one to the left": (
        lambda stride: _kernel_from(_tent(stride, stride - 1, stride))
    ),
    "the tent reaches 0 on the outermost pixels, as if the corners were pinned (align_corners=True)": (
        lambda stride: _kernel_from(_tent(stride, stride - 0.5, stride - 0.5))
    ),
    "it is scaled to sum to 1: each phase must sum to 1, the whole kernel sums to stride**2": (
        lambda stride: ops.bilinear_kernel(stride) / stride**2
    ),
    "this is a box (nearest neighbor), not a tent": lambda stride: torch.ones(2 * stride, 2 * stride),
    "this is the tent of one axis in both: take the product of the row and the column weight, not their mean": (
        lambda stride: (_tent(stride, stride - 0.5, stride)[:, None] + _tent(stride, stride - 0.5, stride)[None, :]) / 2
    ),
}


def bilinear_kernel_properties(student, rng):
    yield Property(
        "stride 2: (1, 3, 3, 1)/4, row times column",
        cases=[{"stride": 2}],
        reference=lambda stride: ops.bilinear_kernel(stride),
        mistakes=BILINEAR_MISTAKES,
    )
    yield Property(
        "strides 4, 8, 6",
        cases=[{"stride": 4}, {"stride": 8}, {"stride": 6}],
        reference=lambda stride: ops.bilinear_kernel(stride),
        mistakes=BILINEAR_MISTAKES,
    )
    picture = _noise(rng, 1, 1, 5, 6)

    def phases_sum_to_one():
        kernel = student(stride=4)
        if not isinstance(kernel, Tensor) or kernel.shape != (8, 8):
            raise Failed(
                "for stride 4 it must be a tensor of shape (8, 8)", {"stride": 4}, kernel, ops.bilinear_kernel(4)
            )
        sums = torch.stack([kernel[a::4, b::4].sum() for a in range(4) for b in range(4)]).view(4, 4)
        if not torch.allclose(sums.double(), torch.ones(4, 4, dtype=torch.float64), atol=1e-5):
            why = "an output pixel meets every 4th row and column of the kernel; these weights must sum to 1, in each of the 16 phases"
            raise Failed(why, {"stride": 4}, sums, torch.ones(4, 4))

    yield Property("the weights that one output pixel meets sum to 1", test=phases_sum_to_one)

    def interpolates():
        kernel = student(stride=4)
        want = F.interpolate(picture, scale_factor=4, mode="bilinear", align_corners=False)[0, 0, 4:-4, 4:-4]
        if not isinstance(kernel, Tensor) or kernel.shape != (8, 8) or kernel.dtype != torch.float32:
            raise Failed(
                "it must be a float32 tensor of shape (8, 8) for stride 4",
                {"stride": 4},
                kernel,
                ops.bilinear_kernel(4),
            )
        got = F.conv_transpose2d(picture, kernel[None, None], stride=4, padding=2)[0, 0, 4:-4, 4:-4]
        if not torch.allclose(got, want, atol=1e-5):
            raise Failed("stamping with it is not bilinear interpolation inside the picture", {"stride": 4}, got, want)

    yield Property("stamping with it is F.interpolate, away from the border", test=interpolates)


# 7 · ICNR


def _icnr(base, scale):
    return base.repeat_interleave(scale**2, dim=0)


ICNR_MISTAKES = {
    "the whole list is repeated: PixelShuffle takes scale**2 channels in a row for one output channel; repeat filter by filter": (
        lambda base, scale: base.repeat(scale**2, 1, 1, 1)
    ),
    "each filter stands only scale times: a block has scale**2 pixels": lambda base, scale: base.repeat_interleave(
        scale, dim=0
    ),
    "the filters are divided by scale**2: a block repeats the value, it does not share it out": (
        lambda base, scale: _icnr(base, scale) / scale**2
    ),
    "without dim=0 the tensor is flattened first: repeat along the first dimension": lambda base, scale: (
        base.repeat_interleave(scale**2)
    ),
    "the input channels are repeated: repeat the filters, along the first dimension": lambda base, scale: (
        base.repeat_interleave(scale**2, dim=1)
    ),
    "the kernel is enlarged in space: its size stays; PixelShuffle does the enlarging": lambda base, scale: (
        base.repeat_interleave(scale, dim=2).repeat_interleave(scale, dim=3)
    ),
    "in Python ^ is not a power: 2 ^ 2 is 0 and 3 ^ 2 is 1; write scale**2": lambda base, scale: base.repeat_interleave(
        scale ^ 2, dim=0
    ),
    "only the first filter of each group is set": lambda base, scale: (
        _icnr(base, scale) * (torch.arange(len(base) * scale**2) % scale**2 == 0).to(base.dtype).view(-1, 1, 1, 1)
    ),
}


def icnr_weight_properties(student, rng):
    yield Property(
        "one output channel: scale**2 equal filters",
        cases=[{"base": _noise(rng, 1, 1, 1, 1), "scale": 2}, {"base": _noise(rng, 1, 2, 3, 3), "scale": 3}],
        reference=_icnr,
        mistakes=ICNR_MISTAKES,
    )
    yield Property(
        "several output channels: the order that PixelShuffle expects",
        cases=[
            {"base": _noise(rng, 3, 1, 1, 1), "scale": 2},
            {"base": _noise(rng, 4, 3, 3, 2, dtype=torch.float64), "scale": 3},
        ],
        reference=_icnr,
        mistakes=ICNR_MISTAKES,
    )
    given = {"base": _noise(rng, 2, 2, 3, 3, dtype=torch.float64), "scale": 2}
    yield _double_precision("it keeps the dtype of base", student, given, _icnr)
    base, features = _noise(rng, 3, 2, 3, 3), _noise(rng, 2, 2, 5, 4)

    def starts_as_nearest():
        given = {"base": base, "scale": 2}
        weight = student(**given)
        if not isinstance(weight, Tensor) or weight.shape != (12, 2, 3, 3):
            raise Failed("it must be a tensor of shape (12, 2, 3, 3) here", given, weight, _icnr(**given))
        got = F.pixel_shuffle(F.conv2d(features, weight.to(features.dtype), padding=1), 2)
        want = F.interpolate(F.conv2d(features, base, padding=1), scale_factor=2, mode="nearest")
        if not torch.allclose(got, want, atol=1e-5):
            raise Failed(
                "convolution and pixel_shuffle do not give a nearest-neighbor enlargement", given, got[0, 0], want[0, 0]
            )

    yield Property("with pixel_shuffle it starts as nearest neighbor", test=starts_as_nearest)


QUESTIONS = [
    Question("stamp_1d", "Stamps in one dimension", 2, stamp_1d_properties, forbid=GIVES_IT_AWAY),
    Question(
        "transposed_conv2d", "Two dimensions, channels, padding", 4, transposed_conv2d_properties, forbid=GIVES_IT_AWAY
    ),
    Question("transposed_matrix", "The matrix", 3, transposed_matrix_properties, forbid=GIVES_IT_AWAY),
    Question("solve_padding", "Which padding?", 3, solve_padding_properties),
    Question("stamp_counts", "Who gets how many stamps?", 2, stamp_counts_properties, forbid=GIVES_IT_AWAY),
    Question(
        "bilinear_kernel",
        "The kernel of bilinear interpolation",
        2,
        bilinear_kernel_properties,
        forbid=("UpsamplingBilinear2d",),
    ),
    Question("icnr_weight", "PixelShuffle without checkerboards", 3, icnr_weight_properties),
]

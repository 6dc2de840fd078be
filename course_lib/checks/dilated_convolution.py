"""The questions of exercise 03: kernels full of zeros, receptive fields, gaps, and two about networks (`dilated_networks`)."""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.checks.answer import Failed
from course_lib.checks.core import Property, Question
from course_lib.checks.dilated_networks import make_dense_properties, seen_box_properties
from course_lib.checks.mistakes import explained


def _noise(rng, *shape: int, dtype=torch.float32) -> Tensor:
    return torch.from_numpy(rng.normal(size=shape)).to(dtype)


# 1 · a kernel full of zeros


def _pair(rate) -> tuple[int, int]:
    return (rate, rate) if isinstance(rate, int) else tuple(rate)


def _dilate(weight, rate):
    rows, columns = _pair(rate)
    (*channels, height, width) = weight.shape
    out = weight.new_zeros(*channels, (height - 1) * rows + 1, (width - 1) * columns + 1)
    out[:, :, ::rows, ::columns] = weight
    return out


def _zeros_at_the_end(weight, rate):
    (rows, columns), out = _pair(rate), _dilate(weight, rate)
    return F.pad(out, [0, columns - 1, 0, rows - 1])


def _zeros_before(weight, rate):
    rows, columns = _pair(rate)
    return F.pad(_dilate(weight, rate), [columns - 1, 0, rows - 1, 0])


def _stretch(weight, rate):
    rows, columns = _pair(rate)
    return weight.repeat_interleave(rows, 2).repeat_interleave(columns, 3)


def _cut(weight, like):
    return weight[:, :, : like.shape[2], : like.shape[3]]


def _zeros_around(weight, rate):
    wide = _dilate(weight, rate)
    more_rows, more_columns = (wide.shape[axis] - weight.shape[axis] for axis in (2, 3))
    sides = [more_columns // 2, more_columns - more_columns // 2, more_rows // 2, more_rows - more_rows // 2]
    return F.pad(weight, sides)


def _filled_between(weight, rate):
    size = _dilate(weight, rate).shape[2:]
    return F.interpolate(weight, size=tuple(size), mode="bilinear", align_corners=True)


DILATE_MISTAKES = {
    "zeros follow the last tap: the kernel begins and ends on a tap, so its extent is (k - 1) * rate + 1, not k * rate": _zeros_at_the_end,
    "zeros precede the first tap: the kernel begins and ends on a tap, so its extent is (k - 1) * rate + 1": _zeros_before,
    "rate zeros stand between two taps: neighbors must be rate cells apart, so rate - 1 zeros lie between them": (
        lambda weight, rate: _dilate(weight, tuple(r + 1 for r in _pair(rate)))
    ),
    "the two rates are exchanged: the pair is (rows, columns)": lambda weight, rate: _dilate(weight, _pair(rate)[::-1]),
    "only the first rate of the pair is used: the second one spreads the columns": (
        lambda weight, rate: _dilate(weight, _pair(rate)[0])
    ),
    "only the second rate of the pair is used: the first one spreads the rows": (
        lambda weight, rate: _dilate(weight, _pair(rate)[1])
    ),
    "only the rows are spread: the columns need zeros too": lambda weight, rate: _dilate(weight, (_pair(rate)[0], 1)),
    "only the columns are spread: the rows need zeros too": lambda weight, rate: _dilate(weight, (1, _pair(rate)[1])),
    "the taps are repeated, as if a picture were enlarged: between them belong zeros": _stretch,
    "the taps are repeated: between them belong zeros": lambda weight, rate: _cut(
        _stretch(weight, rate), _dilate(weight, rate)
    ),
    "the taps stay together and the zeros stand around them: they belong between the taps": _zeros_around,
    "the cells between the taps are interpolated: they must be 0": _filled_between,
    "the taps come out mirrored: each keeps its order": lambda weight, rate: _dilate(weight.flip(2, 3), rate),
    "rows and columns of the kernel are exchanged": lambda weight, rate: _dilate(weight.transpose(2, 3), rate),
    "the channels are exchanged: the order is (C_out, C_in, kH, kW)": (
        lambda weight, rate: _dilate(weight.transpose(0, 1), rate)
    ),
    "only the first kernel is there: every output and input channel has its own": (
        lambda weight, rate: _dilate(weight[:1, :1], rate)
    ),
    "it is the kernel as it came in": lambda weight, rate: weight,
}


def dilate_kernel_properties(student, rng):
    def case(rate, *shape, dtype=torch.float32):
        return {"weight": _noise(rng, *shape, dtype=dtype), "rate": rate}

    def claim(text, *cases, dtype="kind"):
        return Property(text, cases=cases, reference=_dilate, dtype=dtype, tol=1e-9, mistakes=DILATE_MISTAKES)

    counting = {"weight": torch.arange(1.0, 10).view(1, 1, 3, 3), "rate": 2}
    yield claim("one kernel: rate - 1 zeros between neighbors, none outside", counting, case(3, 1, 1, 2, 2))
    yield claim("rate 1 changes nothing", case(1, 1, 1, 3, 3), case(1, 2, 3, 2, 3))
    yield claim(
        "many kernels, also such as are not square", case(2, 2, 3, 3, 2), case(4, 3, 1, 1, 3), case(3, 2, 2, 5, 1)
    )
    yield claim(
        "one rate for the rows, another for the columns",
        case((2, 3), 1, 1, 3, 3),
        case((1, 4), 2, 1, 2, 3),
        case((5, 2), 1, 2, 2, 2),
    )
    double = case((3, 2), 2, 2, 3, 2, dtype=torch.float64)
    yield claim("it keeps the dtype of the weight", double, case(2, 1, 2, 3, 3), dtype="exact")


# 2 · size, jump, start


def _walk(layers, step, reverse: bool = False):
    """Run step(size, jump, start, kernel, stride, padding, dilation) -> (size, jump, start) over the layers."""
    size, jump, start = 1, 1, 0
    for layer in reversed(layers) if reverse else layers:
        size, jump, start = step(size, jump, start, *layer)
    return size, jump, start


def _right_step(z, j, a, k, s, p, d):
    return z + (k - 1) * d * j, j * s, a - p * j


def _field(layers):
    return _walk(layers, _right_step)


# what one layer does to size z, jump j and start a, given kernel k, stride s, padding p, dilation d: each wrong in one way
WRONG_STEPS = {
    "the jump is multiplied too early: widen the size first, since the kernel steps over the layer's input; the stride comes last": (
        lambda z, j, a, k, s, p, d: (z + (k - 1) * d * j * s, j * s, a - p * j)
    ),
    "the jump is multiplied too early: size and start still count in steps of the layer's own input; the stride comes last": (
        lambda z, j, a, k, s, p, d: (z + (k - 1) * d * j * s, j * s, a - p * j * s)
    ),
    "a stride does not multiply the field, it multiplies the jump; only the layers after it grow faster": (
        lambda z, j, a, k, s, p, d: ((z + (k - 1) * d * j) * s, j * s, a - p * j)
    ),
    "a stride does not multiply the field (2 does not double it), it multiplies the jump; only the layers after it grow faster": (
        lambda z, j, a, k, s, p, d: (z * s + (k - 1) * d, j * s, a - p * j)
    ),
    "a stride does not stretch the field that is already there; it multiplies the jump, for the layers after it": (
        lambda z, j, a, k, s, p, d: (z * s + (k - 1) * d * j, j * s, a - p * j)
    ),
    "the strides before a layer are forgotten in the size: its taps lie dilation * jump pixels apart, not dilation": (
        lambda z, j, a, k, s, p, d: (z + (k - 1) * d, j * s, a - p * j)
    ),
    "the strides before a layer are forgotten in size and start: there one cell of its input is jump pixels wide": (
        lambda z, j, a, k, s, p, d: (z + (k - 1) * d, j * s, a - p)
    ),
    "the strides add up: they must multiply": lambda z, j, a, k, s, p, d: (z + (k - 1) * d * j, j + s - 1, a - p * j),
    "the jump is the stride of the last layer alone: strides multiply": (
        lambda z, j, a, k, s, p, d: (z + (k - 1) * d * j, s, a - p * j)
    ),
    "the dilation is multiplied into the jump: dilation spreads the taps, only strides make the output coarser": (
        lambda z, j, a, k, s, p, d: (z + (k - 1) * d * j, j * s * d, a - p * j)
    ),
    "the dilation is ignored: two taps lie dilation cells apart": (
        lambda z, j, a, k, s, p, d: (z + (k - 1) * j, j * s, a - p * j)
    ),
    "the extent of a dilated kernel is (k - 1) * dilation + 1, not k * dilation: no zeros follow the last tap": (
        lambda z, j, a, k, s, p, d: (z + (k * d - 1) * j, j * s, a - p * j)
    ),
    "a layer adds its extent less one: one cell of the kernel is counted already": (
        lambda z, j, a, k, s, p, d: (z + ((k - 1) * d + 1) * j, j * s, a - p * j)
    ),
    "a layer adds (kernel - 1) * dilation steps, not kernel * dilation": (
        lambda z, j, a, k, s, p, d: (z + k * d * j, j * s, a - p * j)
    ),
    "padding makes the map larger, not what a cell sees: it moves only the start": (
        lambda z, j, a, k, s, p, d: (z + ((k - 1) * d - 2 * p) * j, j * s, a - p * j)
    ),
    "padding adds nothing to what a cell sees: it moves only the start": (
        lambda z, j, a, k, s, p, d: (z + ((k - 1) * d + 2 * p) * j, j * s, a - p * j)
    ),
    "the padding is forgotten in the start: a layer's first window begins padding cells before its input, at a negative pixel": (
        lambda z, j, a, k, s, p, d: (z + (k - 1) * d * j, j * s, a)
    ),
    "in the start padding counts cells of the layer's own input, and each is jump pixels wide": (
        lambda z, j, a, k, s, p, d: (z + (k - 1) * d * j, j * s, a - p)
    ),
    "in the start the padding counts cells of the layer's input, so use the jump before this layer's stride": (
        lambda z, j, a, k, s, p, d: (z + (k - 1) * d * j, j * s, a - p * j * s)
    ),
    "the start moves the wrong way: with padding the first window begins before the picture, at a negative pixel": (
        lambda z, j, a, k, s, p, d: (z + (k - 1) * d * j, j * s, a + p * j)
    ),
    "padding is not spread by the dilation: it counts cells, so the start moves by padding * jump": (
        lambda z, j, a, k, s, p, d: (z + (k - 1) * d * j, j * s, a - p * d * j)
    ),
    "in the start the padding counts once on the left; the other half lies on the right": (
        lambda z, j, a, k, s, p, d: (z + (k - 1) * d * j, j * s, a - 2 * p * j)
    ),
}


def _field_mistakes() -> dict:
    walks = {message: (lambda layers, step=step: _walk(layers, step)) for message, step in WRONG_STEPS.items()}

    def reordered(*order):
        return lambda layers: tuple(_field(layers)[i] for i in order)

    def middle(layers):
        size, jump, start = _field(layers)
        return size, jump, start + (size - 1) / 2

    return walks | {
        "the list is walked from its end with the rules for walking from its start: begin with the first layer": (
            lambda layers: _walk(layers, _right_step, reverse=True)
        ),
        "the size begins at 1: without any layer a cell sees its own pixel": (
            lambda layers: (_field(layers)[0] - 1, *_field(layers)[1:])
        ),
        "this start is the middle of the first window: asked is its first pixel": middle,
        "this start is the middle of the first window: asked is its first pixel, which may be negative": (
            lambda layers: tuple(int(value // 1) for value in middle(layers))
        ),
        "this start is minus half the size: that holds only where every layer pads by half its extent; add up the paddings": (
            lambda layers: (*_field(layers)[:2], -(_field(layers)[0] // 2))
        ),
        "the stride of the last layer is left out of the jump: neighboring output cells are that much farther apart": (
            lambda layers: (_field(layers)[0], _field(layers[:-1])[1], _field(layers)[2])
        ),
        "the order is (size, jump, start)": reordered(1, 0, 2),
        "the order is (size, jump, start); yours is (size, start, jump)": reordered(0, 2, 1),
    }


FIELD_MISTAKES = _field_mistakes()
VGG = [[(3, 1, 1, 1)] * convolutions + [(2, 2, 0, 1)] for convolutions in (2, 2, 3, 3, 3)]


def _resnet50(dilations: tuple[int, ...] = (1, 1, 1, 1), strides: tuple[int, ...] = (1, 2, 2, 2)):
    layers = [(7, 2, 3, 1), (3, 2, 1, 1)]
    for blocks, dilation, stride in zip((3, 4, 6, 3), dilations, strides, strict=True):
        for block in range(blocks):
            layers += [(1, 1, 0, 1), (3, stride if block == 0 else 1, dilation, dilation), (1, 1, 0, 1)]
    return layers


def _with_names(why: str) -> str:
    for item, name in enumerate(("size", "jump", "start")):
        why = why.replace(f"item {item}:", f"the {name} is not right:")
    return why


def receptive_field_properties(student, rng):
    def claim(text, *stacks):
        cases = [{"layers": stack} for stack in stacks]
        return explained(text, student, cases, _field, FIELD_MISTAKES, lambda failed: _with_names(failed.why))

    yield claim("plain layers: a 3x3 adds two pixels", [(3, 1, 0, 1)], [(3, 1, 0, 1), (5, 1, 0, 1)], [])
    yield claim(
        "strides: the layers after one grow the field faster",
        [(3, 2, 0, 1), (3, 1, 0, 1)],
        [(2, 2, 0, 1), (3, 1, 0, 1), (2, 2, 0, 1), (3, 3, 0, 1), (5, 1, 0, 1)],
        [(1, 2, 0, 1), (3, 2, 0, 1)],
    )
    yield claim(
        "dilation spreads the taps",
        [(3, 1, 0, 2)],
        [(3, 1, 0, 1), (5, 2, 0, 3), (2, 1, 0, 4), (3, 1, 0, 2)],
        [(1, 1, 0, 7), (3, 2, 0, 2)],
    )
    yield claim(
        "padding moves the start, nothing else",
        [(3, 1, 1, 1)],
        [(3, 2, 1, 1), (3, 1, 1, 1)],
        [(5, 2, 2, 1), (3, 3, 0, 1), (3, 1, 4, 1), (2, 2, 1, 1)],
        [(3, 1, 2, 2), (3, 2, 1, 3)],
    )
    yield claim(
        "real networks: VGG-16 (212 pixels after its last pooling), ResNet-50 (427), strided and dilated",
        VGG[0] + VGG[1],
        [layer for stage in VGG for layer in stage],
        _resnet50(),
        _resnet50((1, 1, 2, 4), (1, 2, 1, 1)),
    )
    stacks = [
        [tuple(int(rng.integers(1, high)) - (i == 2) for i, high in enumerate((8, 4, 5, 5))) for _ in range(length)]
        for length in (2, 2, 3, 4, 5, 6, 8)
        for _ in range(10)
    ]
    yield claim("seventy random stacks", *stacks)


# 3 · touched cells


def _line(rates, taps) -> Tensor:
    """Which cells of one row are touched if each layer's taps lie at these multiples of its rate."""
    line = torch.ones(1, dtype=torch.bool)
    for rate in rates:
        line = torch.stack([F.pad(line, [tap * rate, (2 - tap) * rate]) for tap in taps]).any(0)
    return line


def _paths(rates) -> Tensor:
    """Along how many paths each input cell reaches the one output cell: int64 (size, size)."""
    line = torch.ones(1, dtype=torch.int64)
    for rate in rates:
        line = F.pad(line, [2 * rate, 0]) + F.pad(line, [rate, rate]) + F.pad(line, [0, 2 * rate])
    return line[:, None] * line[None, :]


def _touched(rates):
    return _paths(rates) > 0


def _nothing_without_layers(rates):
    if rates:
        raise ValueError("this mistake has no layers")
    return torch.zeros(1, 1, dtype=torch.bool)


def _missing(failed) -> str:
    """Why some touched cells may be missing, where no path that does not exist is claimed."""
    got, want = failed.got, failed.want
    is_map = (
        isinstance(got, Tensor) and isinstance(want, Tensor) and got.dtype == torch.bool and got.shape == want.shape
    )
    if not is_map or (got & ~want).any():
        return failed.why
    return (
        f"{int((want & ~got).sum())} of {int(want.sum())} touched cells are missing, the first at "
        f"{(want & ~got).nonzero()[0].tolist()}: a path counts whatever its weight; if you ask a gradient, a negative one counts too, and "
        "random weights may cancel"
    )


def _laid_over(rates):
    size = 1 + 2 * sum(rates)
    seen = torch.zeros(size, size, dtype=torch.bool)
    seen[size // 2, size // 2] = True
    for rate in rates:
        middle = torch.tensor([size // 2 - rate, size // 2, size // 2 + rate])
        seen[middle[:, None], middle] = True
    return seen


def _plus(rates):
    """As if a kernel had five taps: the middle, and one on each side."""
    seen = torch.ones(1, 1, dtype=torch.bool)
    for r in rates:
        shifts = [(r, r, r, r), (2 * r, 0, r, r), (0, 2 * r, r, r), (r, r, 2 * r, 0), (r, r, 0, 2 * r)]
        seen = torch.stack([F.pad(seen, shift) for shift in shifts]).any(0)
    return seen


def _while_it_is_read(rates):
    """The map is shifted and changed in place at the same time."""
    size = 1 + 2 * sum(rates)
    seen = torch.zeros(size, size, dtype=torch.bool)
    seen[size // 2, size // 2] = True
    for rate in rates:
        for shift in itertools.product((-rate, 0, rate), repeat=2):
            seen |= seen.roll(shift, (0, 1))
    return seen


def _with_zeros_at_the_end(rates):
    return F.pad(_touched(rates), [0, sum(rate - 1 for rate in rates)] * 2)


TOUCH_MISTAKES = {
    "every cell of the field counts as touched: between spread taps lie cells that no path reaches": (
        lambda rates: torch.ones_like(_touched(rates))
    ),
    "the layers' taps are laid over each other: a layer's nine taps start from every cell that the layers so far touch": _laid_over,
    "the layers are merged into one kernel with the rates added: every layer keeps its own nine taps": (
        lambda rates: _touched([sum(rates)])
    ),
    "the rates are multiplied into one kernel: every layer keeps its own nine taps": (
        lambda rates: _touched([torch.tensor(rates).prod().item()])
    ),
    "a cell reached along two paths is touched: combine with or, not with exclusive or": (
        lambda rates: _paths(rates) % 2 == 1
    ),
    "these count the paths: return whether there is one, as truth values": _paths,
    "these are 0 and 1: return truth values (bool)": lambda rates: _touched(rates).long(),
    "these are 0.0 and 1.0: return truth values (bool)": lambda rates: _touched(rates).float(),
    "these are floats, the number of paths: return whether there is one, as truth values": (
        lambda rates: _paths(rates).float()
    ),
    "rows and columns are joined with or: a cell is touched where its row and its column are": (
        lambda rates: _touched(rates)[0][:, None] | _touched(rates)[0]
    ),
    "the middle taps are missing: along each axis the taps lie at -rate, 0 and rate": (
        lambda rates: _line(rates, (0, 2))[:, None] & _line(rates, (0, 2))
    ),
    "without a layer the output cell is itself the one input cell: return [[True]]": _nothing_without_layers,
    "it is upside down: True stands for touched": lambda rates: ~_touched(rates),
    "the four corner taps are missing: a 3x3 kernel has nine": _plus,
    "the map is changed while it is still being read: shift the map as it was before this layer": _while_it_is_read,
    "a rate that occurs twice is used once: every layer counts": lambda rates: _touched(sorted(set(rates))),
    "only the last layer is there": lambda rates: _touched(rates[-1:]),
    "only the first layer is there": lambda rates: _touched(rates[:1]),
    "the map is too large: one kernel spans 2 * rate + 1 cells, not 3 * rate": _with_zeros_at_the_end,
    "this is one axis only: make it (size, size)": lambda rates: _touched(rates)[0],
}


def touched_properties(student, rng):
    def claim(text, *stacks):
        cases = [{"rates": stack} for stack in stacks]
        return explained(text, student, cases, _touched, TOUCH_MISTAKES, _missing)

    yield claim("one layer: nine taps", [1], [2], [4])
    yield claim("without rate 1 there are holes: 2, 2, 2 touches 49 of 169 cells", [2, 2], [2, 2, 2], [2, 3], [2, 4, 4])
    yield claim("1, 2, 5 touches all 289 cells, but 1, 2, 8 leaves holes", [1, 2], [1, 2, 5], [1, 2, 8], [1, 1, 1])
    yield claim("holes near the border, rates in any order", [1, 4], [5, 1], [3, 1, 1], [2, 1, 7], [6, 2, 3])
    yield claim("without a layer the output cell is the input cell", [])


# 4 · rates without gaps


def _fewest(field: int) -> int:
    """Layers needed: n of them reach at most (3**n - 1) / 2 cells to each side without a gap."""
    layers = 0
    while 3**layers < field:
        layers += 1
    return layers


def _touched_in_line(rates) -> int:
    """How many cells of one row a stack touches; one bit for each cell."""
    line = 1
    for rate in rates:
        line |= line << rate | line << 2 * rate
    return line.bit_count()


def _trouble(rates, field: int) -> str | None:
    """What is wrong with a choice of rates, in one sentence."""
    if not isinstance(rates, list | tuple):
        return f"return a list of whole numbers, not {type(rates).__name__}"
    if bad := [rate for rate in rates if type(rate) is not int]:
        return f"the rates must be whole numbers (int); one of them is {str(bad[0])[:40]}, a {type(bad[0]).__name__}"
    if bad := [rate for rate in rates if rate < 1]:
        return f"a rate is at least 1; yours has {bad[0]}" + (": leave out the layer" if not bad[0] else "")
    size, few = 1 + 2 * sum(rates), _fewest(field)
    named = f"the rates {list(rates)}" if len(rates) <= 12 else f"your {len(rates)} rates"
    if size != field:
        if len(rates) == few and sorted(rates) == [3**i for i in range(few)]:
            return f"{named} reach the largest field of {few} layers, {size}: for {field} the last rate must be smaller"
        if sum(rates) == field:
            return f"{named} sum up to {field}, but that makes a field of {size}: a 3x3 layer adds 2 * rate to the one cell you begin with"
        return f"{named} have the field {size}, not {field}: begin with 1 and add 2 * rate for each layer"
    if (cells := _touched_in_line(rates)) != field:
        return (
            f"{named} have the right field, but leave holes: only {cells**2} of {field**2} cells are touched. "
            "A step that is wider than the block touched so far jumps over cells"
        )
    if len(rates) > few:
        return f"{named} are right and leave no hole, but they are {len(rates)} layers where {few} would do: take larger steps"
    return None


def choose_rates_properties(student, rng):
    def claim(text, fields):
        def test():
            for field in fields:
                rates = student(field=field)
                if why := _trouble(rates, field):
                    raise Failed(why, {"field": field}, rates)

        return Property(text, test=test)

    yield claim("small fields: right size, no hole, fewest layers", (3, 5, 7, 9, 11))
    yield claim("the largest fields of two, three, four, five layers", (9, 27, 81, 243))
    yield claim("the next larger fields need one more layer", (11, 29, 83, 245))
    yield claim("every odd field up to 401", range(3, 402, 2))
    yield claim("a field of one cell needs no layer: []", (1,))


QUESTIONS = [
    Question("dilate_kernel", "A kernel full of zeros", 2, dilate_kernel_properties),
    Question("receptive_field", "Size, jump, start", 3, receptive_field_properties),
    Question("touched", "Which cells are touched?", 2, touched_properties),
    Question("choose_rates", "Rates without gaps", 3, choose_rates_properties),
    Question("seen_box", "What can this cell see?", 5, seen_box_properties),
    Question("make_dense", "The same network, dense", 5, make_dense_properties),
]

"""Exercise 01, the questions about maps: the YOLO volume, connected components, a head of linear layers that slides."""

import torch
from torch import Tensor, nn

from course_lib import ops
from course_lib.checks.answer import Failed
from course_lib.checks.compare import difference
from course_lib.checks.core import Property
from course_lib.grading.words import as_array, brief

# 5 · the YOLO volume


def _read(volume, num_boxes, num_classes):
    *grid, depth = volume.shape
    if depth == num_boxes * (5 + num_classes):
        return _with_own_scores(volume, num_boxes, num_classes)
    if depth == 5 * num_boxes + num_classes:
        boxes = volume[..., : 5 * num_boxes].reshape(*grid, num_boxes, 5)
        return boxes[..., :4], boxes[..., 4:] * volume[..., None, 5 * num_boxes :]
    return None


def _with_own_scores(volume, num_boxes, num_classes):
    each = volume.reshape(*volume.shape[:-1], num_boxes, -1)
    return each[..., :4], each[..., 4:5] * each[..., 5:]


def _is_shared(volume, num_boxes, num_classes) -> bool:
    return volume.shape[-1] != num_boxes * (5 + num_classes)


def _refuses_own(volume, num_boxes, num_classes):
    return _read(volume, num_boxes, num_classes) if _is_shared(volume, num_boxes, num_classes) else None


def _refuses_shared(volume, num_boxes, num_classes):
    return None if _is_shared(volume, num_boxes, num_classes) else _read(volume, num_boxes, num_classes)


def _interleaved(volume, num_boxes, num_classes):
    """Box after box taken for number after number."""
    per_box = 5 if _is_shared(volume, num_boxes, num_classes) else 5 + num_classes
    *grid, _ = volume.shape
    front = volume[..., : per_box * num_boxes].reshape(*grid, per_box, num_boxes).transpose(-1, -2)
    rest = volume[..., per_box * num_boxes :]
    return _read(torch.cat([front.reshape(*grid, -1), rest], -1), num_boxes, num_classes)


def _confidence_first(volume, num_boxes, num_classes):
    return _read(_moved(volume, num_boxes, num_classes, [4, 0, 1, 2, 3]), num_boxes, num_classes)


def _moved(volume, num_boxes, num_classes, order):
    """The volume a reader would need to see so that the right reader gives what one with another order gives."""
    boxes_end = 5 * num_boxes if _is_shared(volume, num_boxes, num_classes) else volume.shape[-1]
    each = volume[..., :boxes_end].reshape(*volume.shape[:-1], num_boxes, -1)
    order = [order.index(i) for i in range(5)] if order else list(range(5))
    each = torch.cat([each[..., order], each[..., 5:]], -1)
    return torch.cat([each.flatten(-2), volume[..., boxes_end:]], -1)


def _classes_first(volume, num_boxes, num_classes):
    if _is_shared(volume, num_boxes, num_classes):
        return _read(volume.roll(-num_classes, -1), num_boxes, num_classes)
    each = volume.reshape(*volume.shape[:-1], num_boxes, -1).roll(-num_classes, -1)
    return _read(each.flatten(-2), num_boxes, num_classes)


def _without_confidence(volume, num_boxes, num_classes):
    boxes, _ = _read(volume, num_boxes, num_classes)
    if _is_shared(volume, num_boxes, num_classes):
        classes = volume[..., None, 5 * num_boxes :].expand(*boxes.shape[:-1], num_classes)
    else:
        classes = volume.reshape(*volume.shape[:-1], num_boxes, -1)[..., 5:]
    return boxes, classes


def _softmax(volume, num_boxes, num_classes):
    boxes, classes = _without_confidence(volume, num_boxes, num_classes)
    return boxes, _confidence(volume, num_boxes, num_classes) * classes.softmax(-1)


def _confidence(volume, num_boxes, num_classes):
    front = volume[..., : 5 * num_boxes] if _is_shared(volume, num_boxes, num_classes) else volume
    return front.reshape(*volume.shape[:-1], num_boxes, -1)[..., 4:5]


def _one_vector_per_cell(volume, num_boxes, num_classes):
    boxes, classes = _without_confidence(volume, num_boxes, num_classes)
    return boxes, classes[..., 0, :]


def _last_vector_for_all(volume, num_boxes, num_classes):
    boxes, _ = _read(volume, num_boxes, num_classes)
    return boxes, _confidence(volume, num_boxes, num_classes) * volume[..., None, -num_classes:]


def _five_numbers(volume, num_boxes, num_classes):
    boxes, scores = _read(volume, num_boxes, num_classes)
    return torch.cat([boxes, _confidence(volume, num_boxes, num_classes)], -1), scores


def _confidence_alone(volume, num_boxes, num_classes):
    return _read(volume, num_boxes, num_classes)[0], _confidence(volume, num_boxes, num_classes)


def _anything_goes(volume, num_boxes, num_classes):
    """Whatever is not the one depth is taken for the other."""
    if _is_shared(volume, num_boxes, num_classes):
        return _read(volume[..., : 5 * num_boxes + num_classes], num_boxes, num_classes)
    return _read(volume, num_boxes, num_classes)


def _by_divisibility(volume, num_boxes, num_classes):
    """Class scores of their own wherever the depth can be divided by the number of boxes."""
    if volume.shape[-1] % num_boxes == 0:
        return _with_own_scores(volume, num_boxes, num_classes)
    return _anything_goes(volume, num_boxes, num_classes)


def _parts_exchanged(volume, num_boxes, num_classes):
    return _read(volume, num_boxes, num_classes)[::-1]


def _square_grid(volume, num_boxes, num_classes):
    side = volume.shape[0]
    per_box = 5 if _is_shared(volume, num_boxes, num_classes) else 5 + num_classes
    if per_box == 5:
        grid = volume.view(side, side, -1)
        return _read(grid, num_boxes, num_classes)
    each = volume.view(side, side, num_boxes, -1)
    return each[..., :4], each[..., 4:5] * each[..., 5:]


VOLUME_MISTAKES = {
    "this depth is num_boxes * (5 + num_classes): every box brings its own class scores, as with anchors": _refuses_own,
    "this depth is 5 * num_boxes + num_classes: the boxes of a cell share one vector of class scores": _refuses_shared,
    "the depth fits neither layout: return None": _anything_goes,
    "that num_boxes divides the depth proves nothing, 5 * 5 + 20 is a multiple of 5 too: compare it with both formulas": _by_divisibility,
    "box stands after box: reshape the depth to (num_boxes, numbers per box), not the other way round": _interleaved,
    "the confidence is the fifth number of a box: x, y, width, height, confidence": _confidence_first,
    "the class scores come last, after the numbers of the boxes": _classes_first,
    "a score is the confidence of the box times the class score": _without_confidence,
    "the class scores are used as they are, without a softmax": _softmax,
    "the scores have an axis of boxes here too: (..., num_boxes, num_classes), since every box has its confidence": _one_vector_per_cell,
    "every box has class scores of its own here: these come from the last box": _last_vector_for_all,
    "the numbers are used as they are, without a sigmoid": (
        lambda volume, num_boxes, num_classes: _read(volume.sigmoid(), num_boxes, num_classes)
    ),
    "a box is x, y, width, height: the confidence goes into the scores": _five_numbers,
    "the second part has one score per class: confidence times class scores": _confidence_alone,
    "the parts are exchanged: boxes first, then scores": _parts_exchanged,
    "the grid need not be square, and a batch may come before it: keep `volume.shape[:-1]` as it is": _square_grid,
}


def read_volume_properties(student, rng):
    def volume(*shape: int, dtype=torch.float32) -> Tensor:
        return torch.from_numpy(rng.random(shape).round(2)).to(dtype)

    def case(grid: tuple, num_boxes: int, num_classes: int, own: bool, extra: int = 0, dtype=torch.float32) -> dict:
        depth = num_boxes * (5 + num_classes) if own else 5 * num_boxes + num_classes
        return {"volume": volume(*grid, depth + extra, dtype=dtype), "num_boxes": num_boxes, "num_classes": num_classes}

    def property_of(claim: str, *cases: dict) -> Property:
        return Property(claim, cases, _read, mistakes=VOLUME_MISTAKES)

    yield property_of(
        "every box with its own class scores (anchors)",
        case((1, 1), 2, 3, True), case((2, 2), 3, 2, True), case((3, 3), 1, 4, True),
    )  # fmt: skip
    yield property_of(
        "one vector of class scores per cell",
        case((1, 1), 2, 3, False), case((2, 2), 3, 2, False), case((3, 3), 2, 1, False),
    )  # fmt: skip
    yield property_of(
        "the homework with 19×19 cells, in both layouts; 7×7 and 13×13 cells as in the papers",
        case((19, 19), 5, 20, True), case((19, 19), 5, 20, False), case((7, 7), 2, 20, False), case((13, 13), 5, 80, True),
    )  # fmt: skip
    yield property_of(
        "any other depth is refused with None",
        case((2, 2), 2, 3, False, extra=1), case((2, 2), 2, 3, True, extra=2), case((1, 3), 3, 4, False, extra=-3),
        {"volume": volume(2, 2, 20), "num_boxes": 3, "num_classes": 6},
    )  # fmt: skip
    yield property_of(
        "batches, and grids that are not square",
        case((2, 3, 4), 2, 3, True), case((3, 1, 5), 2, 3, False), case((2, 2, 4, 3), 3, 2, False), case((5, 2), 4, 7, True),
    )  # fmt: skip
    double = [case((2, 3), 2, 3, own, dtype=torch.float64) for own in (True, False)]
    yield Property("it keeps the dtype of the volume", double, _read, dtype="exact", mistakes=VOLUME_MISTAKES)


# 6 · connected components


def _components(classes, connectivity):
    return ops.connected_components(classes, connectivity)


def _map(*rows: str) -> Tensor:
    return torch.tensor([[0 if pixel == "." else int(pixel) for pixel in row] for row in rows])


def _snake(height: int, width: int) -> Tensor:
    """One path that goes to and fro over the map: even rows are full, odd rows have one pixel at one end."""
    path = torch.zeros(height, width, dtype=torch.int64)
    path[::2] = 1
    path[1::4, -1] = path[3::4, 0] = 1
    return path


def _spiral(size: int) -> Tensor:
    """A path one pixel wide that turns inwards, with one pixel of background between its windings."""
    path, (row, column), (down, right) = torch.zeros(size, size, dtype=torch.int64), (0, 0), (0, 1)
    path[0, 0] = 1
    for run in [size - 1, *(n for n in range(size - 1, 1, -2) for _ in range(2))]:
        for _ in range(run):
            row, column = row + down, column + right
            path[row, column] = 1
        down, right = right, -down
    return path


def _explain(got: tuple, classes: Tensor, connectivity: int) -> str | None:
    """What is wrong with (labels, count), said of the first pixel or component that shows it; None where all is right."""
    want, count = _components(classes, connectivity)
    labels, numbers = got
    inside = classes != 0
    if torch.equal(labels, classes) and labels.max() > count:  # no numbering of components reaches so far
        return "these are the classes themselves: two objects of one class that lie apart need two numbers"
    if (labels[~inside] != 0).any():
        return f"{_place((labels != 0) & ~inside)} is background, class 0: its label is 0"
    if (labels[inside] == 0).any():
        return (
            f"{_place((labels == 0) & inside)} belongs to an object, but its label is 0; components are numbered from 1"
        )
    for number in labels.unique().tolist():
        if number and len(together := want[labels == number].unique()) > 1:
            return _joined(labels == number, together, classes, want, connectivity)
    for number in range(1, count + 1):
        if len(parts := labels[want == number].unique()) > 1:
            return _torn(want == number, parts, classes, connectivity)
    if not torch.equal(labels, want):
        return f"the components are right, their numbers are not: {_numbering(labels, want, classes)}"
    if numbers != count:
        return f"the labels are right, but the count is {int(numbers)}; there are {count} components"
    return None


def _place(pixels: Tensor) -> str:
    row, column = pixels.nonzero()[0].tolist()
    return f"the pixel in row {row}, column {column}"


def _joined(pixels: Tensor, together: Tensor, classes: Tensor, want: Tensor, connectivity: int) -> str:
    if len(found := classes[pixels].unique().tolist()) > 1:
        return f"classes {found[0]} and {found[1]} are one component here: neighbors belong together only if their classes are equal"
    by_corners = ops.connected_components(torch.where(pixels, classes, 0), 8)[1]
    if connectivity == 4 and by_corners < len(together):
        return "with connectivity 4, pixels that touch only at a corner are not neighbors"
    if _meet(pixels[:, 0], pixels[:, -1]) or _meet(pixels[0], pixels[-1]):
        return (
            "parts at opposite borders are one component here: the picture does not wrap around. Python takes index -1 for "
            "the last row or column, and in a flattened map the end of a row touches the next row's start"
        )
    return f"{len(together)} components have one number; no path of neighbors joins them"


def _meet(border: Tensor, opposite: Tensor) -> bool:
    """Whether pixels of two borders would be neighbors, or nearly so, if the borders touched."""
    near = torch.nn.functional.pad(opposite.float(), (1, 1)).unfold(0, 3, 1).amax(-1)
    return bool((border & (near > 0)).any())


def _torn(component: Tensor, parts: Tensor, classes: Tensor, connectivity: int) -> str:
    by_edges = ops.connected_components(component, 4)[1]
    if connectivity == 8 and by_edges > 1:
        return "with connectivity 8, pixels that touch at a corner are neighbors"
    return (
        f"one component carries {len(parts)} numbers, {parts[0]} and {parts[1]} among them: go on until none of its pixels has an "
        f"unnumbered neighbor, on any of the {connectivity} sides; parts that meet later, as in a U, are one"
    )


def _numbering(labels: Tensor, want: Tensor, classes: Tensor) -> str:
    if not torch.equal(labels.unique(), want.unique()):
        return "they must be 1, 2, 3, ... without gaps"
    first = [classes[labels == number][0] for number in range(1, int(labels.max()) + 1)]
    if first == sorted(first) and len(set(map(int, first))) > 1:
        return "they go class by class; number components in reading order, whatever their class"
    columns = ops.connected_components(want.T)[0].T
    if torch.equal(labels, columns):
        return "they go column by column; reading order goes along the rows, from the top"
    return "a component gets its number where reading, row by row, meets its first pixel"


def label_components_properties(student, rng):
    def judged(claim: str, *cases: tuple[Tensor, int]) -> Property:
        def test():
            for classes, connectivity in cases:
                _compare_components(student, {"classes": classes, "connectivity": connectivity})

        return Property(claim, test=test)

    def noise(height: int, width: int, classes: int, share: float) -> Tensor:
        values = torch.from_numpy(rng.integers(1, classes + 1, (height, width)))
        return torch.where(torch.from_numpy(rng.random((height, width)) < share), values, 0)

    yield judged(
        "objects that lie apart, numbered in reading order",
        (_map("77..", "...7", ".7.7"), 4),
        (_map("..2", "1..", "1.2"), 4),
    )
    corner = _map("1..", ".1.", "..1")
    yield judged(
        "corners: neighbors with connectivity 8, not with 4",
        (corner, 4),
        (corner, 8),
        (_map(".3", "3."), 8),
        (_map("2.2", ".2."), 4),
    )
    yield judged(
        "objects that touch: two classes stay two components, one class becomes one",
        (_map("1122", "1122"), 4),
        (_map("222", ".22", "221"), 4),
        (_map("12", "21"), 8),
    )
    bend = _map("1.1.1", "1.1.1", "11111")
    yield judged(
        "U shapes, combs and spirals are one component",
        (_map("1.1", "111"), 4),
        (bend, 4),
        (_map("..1.2", ".1..2", "1.222"), 8),
        (_map("..11", "11.1", ".1.1", "..11"), 4),
        (_spiral(9), 4),
        (1 - _spiral(9), 8),
    )
    yield judged(
        "borders: nothing wraps around; a row, a column, nothing, everything",
        (_map("1..1", "....", "1..."), 4),
        (_map("...1", "1...", "...1"), 8),
        (_map("1.11.1"), 4),
        (_map("1", "2", "2", ".", "2"), 8),
        (torch.zeros(3, 2, dtype=torch.int64), 4),
        (torch.full((3, 5), 254), 8),
    )
    yield judged(
        "random maps",
        *[(noise(7, 10, 2, share), c) for share in (0.4, 0.7) for c in (4, 8)],
        (noise(12, 5, 1, 0.55), 4),
    )

    def long_path():
        given = {"classes": _snake(47, 63), "connectivity": 4}
        try:
            _compare_components(student, given)
        except Failed as failed:
            if "RecursionError" not in failed.why:
                raise
            why = (
                "a function that calls itself once per pixel stops at Python's limit of about 1,000 calls inside each other: "
                "keep the pixels still to visit in a queue (`collections.deque`)"
            )
            raise Failed(why, given) from None

    yield Property("one path of 1,500 pixels", test=long_path)


def _compare_components(student, given: dict) -> None:
    got, want = student(**given), _components(**given)
    shape = tuple(given["classes"].shape)
    if not isinstance(got, list | tuple) or len(got) != 2 or not isinstance(got[0], Tensor):
        raise Failed("return a pair: the labels, an int64 tensor (H, W), and their count, an int", given, got, want)
    if got[0].shape != shape:
        why = f"the labels have shape {tuple(got[0].shape)}; they have the shape of the map, {shape}"
        raise Failed(why, given, got, want)
    if got[0].dtype != torch.int64:
        raise Failed(f"the labels are {str(got[0].dtype)[6:]}; they must be int64", given, got, want)
    number = as_array(got[1])
    if number is None or number.ndim or number.dtype.kind not in "iu":
        raise Failed(f"the count must be one whole number; it is {brief(got[1])}", given, got, want)
    if why := _explain(got, **given):
        raise Failed(why, given, got, want)


# 7 · a head that slides


def _head(rng, channels: int, size: tuple[int, int], *widths: int, bias=True, dtype=torch.float32) -> nn.Sequential:
    """Flatten, then linear layers with ReLU between them, with weights that come from rng alone."""
    layers, inputs = [nn.Flatten()], channels * size[0] * size[1]
    for width in widths:
        linear = nn.utils.skip_init(nn.Linear, inputs, width, bias=bias, dtype=dtype)
        for parameter in linear.parameters():
            parameter.data = torch.from_numpy(rng.normal(size=parameter.shape) / inputs**0.5).to(dtype)
        layers += [linear, nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers[:-1])


def _slide(head: nn.Sequential, features: Tensor, height: int, width: int) -> Tensor:
    """The head's answer for every window of height x width: (N, n, H - height + 1, W - width + 1)."""
    windows = features.unfold(2, height, 1).unfold(3, width, 1)  # (N, C, rows, columns, height, width)
    n, channels, rows, columns = windows.shape[:4]
    flat = windows.permute(0, 2, 3, 1, 4, 5).reshape(-1, channels, height, width)
    return head(flat).view(n, rows, columns, -1).permute(0, 3, 1, 2)


def _diagnose(network: nn.Module, head: nn.Sequential, height: int, width: int) -> str | None:
    """The first thing in the answer's layers that cannot be right; None where they look right."""
    layers = [module for module in network.modules() if not isinstance(module, nn.Sequential)]
    linears = [module for module in head if isinstance(module, nn.Linear)]
    convs = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    for kind in (nn.Linear, nn.Flatten):
        if any(isinstance(layer, kind) for layer in layers):
            return f"a {kind.__name__} is left: it takes one map size only and gives no map"
    if len(convs) != len(linears):
        return f"there are {len(convs)} convolutions for {len(linears)} linear layers; each becomes one"
    for i, (conv, linear) in enumerate(zip(convs, linears, strict=True)):
        if why := _wrong_layer(i, conv, linear, (height, width) if i == 0 else (1, 1)):
            return why
    relus = [sum(isinstance(layer, nn.ReLU) for layer in each) for each in (layers, head)]
    if relus[0] != relus[1]:
        return (
            f"there are {relus[0]} ReLUs where the head has {relus[1]}: only the linear layers change, the others stay"
        )
    return None


def _wrong_layer(i: int, conv: nn.Conv2d, linear: nn.Linear, kernel: tuple[int, int]) -> str | None:
    name = "the first convolution" if i == 0 else f"convolution {i + 1}"
    if conv.kernel_size == (1, 1) != kernel:
        return (
            f"the first convolution has a 1×1 kernel, which sees one pixel; its linear layer saw all {kernel[0]}×{kernel[1]}, "
            "so the kernel must be that large. Only the layers behind it become 1×1"
        )
    if conv.kernel_size == kernel[::-1] != kernel:
        return f"the kernel is {conv.kernel_size}: height comes first, {kernel}"
    if conv.kernel_size != kernel:
        which = (
            "as large as the map that Flatten saw" if i == 0 else "1×1: its linear layer saw one vector per position"
        )
        return f"{name} has the kernel {conv.kernel_size}; it must be {which}"
    if conv.padding not in ((0, 0), "valid") or conv.stride != (1, 1) or conv.dilation != (1, 1) or conv.groups != 1:
        return f"{name} has a padding, stride, dilation or groups of its own: the window slides by one pixel, inside the map"
    shape = (linear.out_features, linear.in_features // (kernel[0] * kernel[1]), *kernel)
    if conv.weight.shape != shape:
        return f"the weight of {name} has shape {tuple(conv.weight.shape)}; it must be {shape}"
    if conv.weight.dtype != linear.weight.dtype:
        return f"{name} is {str(conv.weight.dtype)[6:]}; the head is {str(linear.weight.dtype)[6:]}, so make it with that dtype"
    return _wrong_weights(name, conv, linear.weight.detach(), shape) or _wrong_bias(name, conv.bias, linear.bias)


def _wrong_weights(name: str, conv: nn.Conv2d, weight: Tensor, shape: tuple) -> str | None:
    if torch.equal(conv.weight, weight.view(shape)):
        return None
    n, channels, height, width = shape
    layouts = {
        "row, column, channel": weight.view(n, height, width, channels).permute(0, 3, 1, 2),
        "channel, column, row": weight.view(n, channels, width, height).transpose(2, 3),
    }
    for layout, other in layouts.items():
        if torch.equal(conv.weight, other):
            return f"the weights are laid out as {layout}; Flatten writes channel, row, column, so view them as {shape}"
    if torch.equal(conv.weight, weight.view(shape).flip(2, 3)):
        return "the kernel is turned by 180 degrees: PyTorch's convolution does not flip its kernel"
    if torch.allclose(conv.weight.double(), weight.view(shape).double(), rtol=1e-5, atol=1e-6):
        return f"the weights of {name} have lost precision on the way"
    return f"{name} does not have the linear layer's weights: copy them, `conv.weight.data = ...`"


def _wrong_bias(name: str, bias: Tensor | None, wanted: Tensor | None) -> str | None:
    if wanted is None:
        return (
            None if bias is None or not bias.any() else f"{name} has a bias, its linear layer has none: pass bias=False"
        )
    if bias is None:
        return f"{name} has no bias, its linear layer has one"
    return (
        None if torch.equal(bias, wanted) else f"the bias of {name} is not copied: a new layer begins with a random one"
    )


def head_to_conv_properties(student, rng):
    def case(channels: int, size: tuple[int, int], *widths: int, **options) -> tuple[dict, Tensor]:
        """Arguments, and features on which the head works."""
        head = _head(rng, channels, size, *widths, **options)
        features = torch.from_numpy(rng.normal(size=(2, channels, *size))).to(options.get("dtype", torch.float32))
        return {"head": head, "height": size[0], "width": size[1]}, features

    def larger(given: dict, features: Tensor, more: tuple[int, int]) -> Tensor:
        n, channels, height, width = features.shape
        return torch.from_numpy(rng.normal(size=(n, channels, height + more[0], width + more[1]))).to(features.dtype)

    def judged(claim: str, *cases: tuple[dict, Tensor], tol: float = 1e-4) -> Property:
        def test():
            for given, features in cases:
                _compare_networks(student(**given), given, features, tol)

        return Property(claim, test=test)

    plain, deep = case(2, (3, 3), 4, 3), case(3, (2, 2), 5, 4, 3)
    flat, tall = case(2, (2, 3), 4, 2), case(3, (4, 1), 3, 2)
    yield judged("on a map of exactly height × width it gives what the head gives", plain, deep)
    yield judged(
        "on a larger map it slides: every output is the head's answer to one window",
        (plain[0], larger(*plain, (1, 1))), (deep[0], larger(*deep, (3, 5))),
    )  # fmt: skip
    yield judged(
        "maps and windows that are not square", flat, (flat[0], larger(*flat, (2, 0))), (tall[0], larger(*tall, (1, 4)))
    )
    single, bare = case(4, (3, 2), 6), case(2, (3, 3), 4, 3, bias=False)
    yield judged("one linear layer alone; layers without bias", single, bare, (bare[0], larger(*bare, (2, 1))))
    double = case(3, (3, 2), 5, 4, dtype=torch.float64)
    yield judged(
        "a float64 head stays float64, with exactly its weights",
        double,
        (double[0], larger(*double, (1, 2))),
        tol=1e-12,
    )


@torch.no_grad()
def _compare_networks(network, given: dict, features: Tensor, tol: float) -> None:
    """Raise Failed where the network differs from the head on any window of the features."""
    head, size = given["head"], (given["height"], given["width"])
    want = _slide(head, features, *size)
    if not isinstance(network, nn.Module):
        raise Failed("return a network: an nn.Sequential of layers of torch.nn", given, network)
    shape = tuple(features.shape)
    try:
        got = network.eval()(features)
    except Exception as error:
        why = _diagnose(network, head, *size) or f"it stops with {type(error).__name__}: {str(error)[:150]}"
        raise Failed(f"on features of shape {shape} the network stops: {why}", given) from None
    if problem := difference(got, want, tol, "exact"):
        raise Failed(_diagnose(network, head, *size) or f"on features of shape {shape}: {problem}", given, got, want)

"""Exercise 03: wrong answers as learners write them, each with what the check must say, and right answers written otherwise."""

import copy

import torch
import torch.nn.functional as F
from harness import exercise_tests
from torch import nn

from course_lib import ops


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


# 1 · a kernel full of zeros


def kernel_spread(weight, rows, columns):
    out = weight.new_zeros(*weight.shape[:2], (weight.shape[2] - 1) * rows + 1, (weight.shape[3] - 1) * columns + 1)
    out[:, :, ::rows, ::columns] = weight
    return out


def kernel_by_transposed_convolution(weight, rate):
    flat = weight.flatten(0, 1)[:, None]
    unit = torch.ones(1, 1, 1, 1, dtype=weight.dtype)
    out = F.conv_transpose2d(flat, unit, stride=rate)
    return out.view(*weight.shape[:2], *out.shape[2:])


def kernel_by_loops(weight, rate):
    rows, columns = pair(rate)
    c_out, c_in, kh, kw = weight.shape
    out = torch.zeros(c_out, c_in, (kh - 1) * rows + 1, (kw - 1) * columns + 1, dtype=weight.dtype)
    for i in range(kh):
        for j in range(kw):
            out[:, :, i * rows, j * columns] = weight[:, :, i, j]
    return out


def kernel_by_kronecker(weight, rate):
    rows, columns = pair(rate)
    corner = torch.zeros(rows, columns, dtype=weight.dtype)
    corner[0, 0] = 1
    return torch.stack([torch.stack([torch.kron(one, corner) for one in several]) for several in weight])


def kernel_zeros_first(weight, rate):
    rows, columns = pair(rate)
    out = weight.new_zeros(*weight.shape[:2], weight.shape[2] * rows, weight.shape[3] * columns)
    out[:, :, rows - 1 :: rows, columns - 1 :: columns] = weight
    return out


def kernel_rate_zeros(weight, rate):
    rows, columns = pair(rate)
    return kernel_spread(weight, rows + 1, columns + 1)


def kernel_pair_exchanged(weight, rate):
    rows, columns = pair(rate)
    return kernel_spread(weight, columns, rows)


def kernel_first_of_pair(weight, rate):
    rate = pair(rate)[0]
    return kernel_spread(weight, rate, rate)


def kernel_integer_only(weight, rate):
    return kernel_spread(weight, rate, rate)


def kernel_stretched(weight, rate):
    rows, columns = pair(rate)
    return weight.repeat_interleave(rows, dim=2).repeat_interleave(columns, dim=3)


def kernel_nearest(weight, rate):
    rows, columns = pair(rate)
    size = (weight.shape[2] - 1) * rows + 1, (weight.shape[3] - 1) * columns + 1
    return kernel_stretched(weight, rate)[:, :, : size[0], : size[1]]


def kernel_interpolated(weight, rate):
    rows, columns = pair(rate)
    size = (weight.shape[2] - 1) * rows + 1, (weight.shape[3] - 1) * columns + 1
    return F.interpolate(weight, size=size, mode="bilinear", align_corners=True)


def kernel_zeros_around(weight, rate):
    rows, columns = pair(rate)
    down, across = (weight.shape[2] - 1) * (rows - 1), (weight.shape[3] - 1) * (columns - 1)
    return F.pad(weight, [across // 2, across - across // 2, down // 2, down - down // 2])


def kernel_rows_only(weight, rate):
    return kernel_spread(weight, pair(rate)[0], 1)


def kernel_float32(weight, rate):
    rows, columns = pair(rate)
    return kernel_spread(weight.float(), rows, columns)


# 2 · size, jump, start


def field_backwards(layers):
    size, jump, start = 1, 1, 0
    for kernel, stride, padding, dilation in reversed(layers):
        size = (size - 1) * stride + (kernel - 1) * dilation + 1
        start = start * stride - padding
        jump *= stride
    return size, jump, start


def field_of_two_cells(layers):
    """By where the windows of cells 0 and 1 begin and end."""
    windows = [[0, 0], [1, 1]]
    for kernel, stride, padding, dilation in layers[::-1]:
        windows = [[a * stride - padding, b * stride - padding + (kernel - 1) * dilation] for a, b in windows]
    (first, last), (second, _) = windows
    return [last - first + 1, second - first, first]


def field_asks_the_library(layers):
    return tuple(ops.receptive_field(layers))


def field_jump_first(layers):
    size, jump, start = 1, 1, 0
    for kernel, stride, padding, dilation in layers:
        jump *= stride
        size += (kernel - 1) * dilation * jump
        start -= padding * jump
    return size, jump, start


def field_stride_doubles(layers):
    size, jump, start = 1, 1, 0
    for kernel, stride, padding, dilation in layers:
        size = (size + (kernel - 1) * dilation * jump) * stride
        start -= padding * jump
        jump *= stride
    return size, jump, start


def field_stretched_by_stride(layers):
    size, jump, start = 1, 1, 0
    for kernel, stride, padding, dilation in layers:
        size = size * stride + (kernel - 1) * dilation
        start -= padding * jump
        jump *= stride
    return size, jump, start


def field_without_jump(layers):
    size, jump, start = 1, 1, 0
    for kernel, stride, padding, dilation in layers:
        size += (kernel - 1) * dilation
        start -= padding
        jump *= stride
    return size, jump, start


def field_without_dilation(layers):
    return field_backwards([(kernel, stride, padding, 1) for kernel, stride, padding, _ in layers])


def field_extent_k_times_d(layers):
    size, jump, start = 1, 1, 0
    for kernel, stride, padding, dilation in layers:
        size += (kernel * dilation - 1) * jump
        start -= padding * jump
        jump *= stride
    return size, jump, start


def field_padding_in_size(layers):
    size, jump, start = 1, 1, 0
    for kernel, stride, padding, dilation in layers:
        size += ((kernel - 1) * dilation - 2 * padding) * jump
        start -= padding * jump
        jump *= stride
    return size, jump, start


def field_without_padding(layers):
    return field_backwards([(kernel, stride, 0, dilation) for kernel, stride, _, dilation in layers])


def field_start_in_cells(layers):
    size, jump, _ = field_backwards(layers)
    return size, jump, -sum(padding for _, _, padding, _ in layers)


def field_start_positive(layers):
    size, jump, start = field_backwards(layers)
    return size, jump, -start


def field_start_at_zero_at_least(layers):
    size, jump, start = field_backwards(layers)
    return size, jump, max(start, 0)


def field_start_is_middle(layers):
    size, jump, start = field_backwards(layers)
    return size, jump, start + (size - 1) // 2


def field_start_is_half_the_size(layers):
    size, jump, _ = field_backwards(layers)
    return size, jump, -(size // 2)


def field_from_the_end(layers):
    size, jump, start = 1, 1, 0
    for kernel, stride, padding, dilation in layers[::-1]:
        size += (kernel - 1) * dilation * jump
        start -= padding * jump
        jump *= stride
    return size, jump, start


def field_size_from_zero(layers):
    size, jump, start = field_backwards(layers)
    return size - 1, jump, start


# 3 · touched cells


def touched_by_sets(rates):
    reached = {0}
    for rate in rates:
        reached = {place + step for place in reached for step in (0, rate, 2 * rate)}
    line = torch.tensor([i in reached for i in range(1 + 2 * sum(rates))])
    return line[:, None] & line[None, :]


def touched_by_gradient(rates):
    size = 1 + 2 * sum(rates)
    picture = torch.ones(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    out = picture
    for rate in rates:
        out = F.conv2d(out, torch.ones(1, 1, 3, 3, dtype=torch.float64), dilation=rate)
    out.sum().backward()
    return picture.grad[0, 0] > 0


def touched_everything(rates):
    size = 1 + 2 * sum(rates)
    return torch.ones(size, size, dtype=torch.bool)


def touched_laid_over(rates):
    size = 1 + 2 * sum(rates)
    seen = torch.zeros(size, size, dtype=torch.bool)
    middle = size // 2
    for rate in rates:
        for dy in (-rate, 0, rate):
            for dx in (-rate, 0, rate):
                seen[middle + dy, middle + dx] = True
    seen[middle, middle] = True
    return seen


def touched_one_big_kernel(rates):
    total = sum(rates)
    seen = torch.zeros(1 + 2 * total, 1 + 2 * total, dtype=torch.bool)
    seen[:: max(total, 1), :: max(total, 1)] = True
    return seen


def touched_exclusive(rates):
    seen = torch.ones(1, 1, dtype=torch.bool)
    for rate in rates:
        n = len(seen)
        wider = torch.zeros(n + 2 * rate, n + 2 * rate, dtype=torch.bool)
        for dy in (0, rate, 2 * rate):
            for dx in (0, rate, 2 * rate):
                wider[dy : dy + n, dx : dx + n] ^= seen
        seen = wider
    return seen


def touched_counts(rates):
    seen = torch.ones(1, 1, dtype=torch.int64)
    for rate in rates:
        n = len(seen)
        wider = torch.zeros(n + 2 * rate, n + 2 * rate, dtype=torch.int64)
        for dy in (0, rate, 2 * rate):
            for dx in (0, rate, 2 * rate):
                wider[dy : dy + n, dx : dx + n] += seen
        seen = wider
    return seen


def touched_each_rate_once(rates):
    return touched_by_sets(set(rates))


def touched_cross(rates):
    seen = torch.ones(1, 1, dtype=torch.bool)
    for r in rates:
        n = len(seen)
        wider = torch.zeros(n + 2 * r, n + 2 * r, dtype=torch.bool)
        for dy, dx in ((r, r), (0, r), (2 * r, r), (r, 0), (r, 2 * r)):
            wider[dy : dy + n, dx : dx + n] |= seen
        seen = wider
    return seen


def touched_while_it_is_read(rates):
    size = 1 + 2 * sum(rates)
    seen = torch.zeros(size, size, dtype=torch.bool)
    seen[size // 2, size // 2] = True
    for rate in rates:
        for dy in (-rate, 0, rate):
            for dx in (-rate, 0, rate):
                seen |= torch.roll(seen, (dy, dx), dims=(0, 1))
    return seen


def touched_rows_or_columns(rates):
    line = touched_by_sets(rates)[0]
    return line[:, None] | line[None, :]


def touched_every_smallest_step(rates):
    line = torch.zeros(1 + 2 * sum(rates), dtype=torch.bool)
    line[:: min(rates, default=1)] = True
    return line[:, None] & line[None, :]


def touched_last_layer(rates):
    return touched_by_sets(rates[-1:])


def touched_holes(rates):
    return ~touched_by_sets(rates)


# 4 · rates without gaps


def rates_from_powers(field):
    """Powers of three while they fit, then the rest, wherever it falls in the order."""
    reach, rates, step = field // 2, [], 1
    while reach > 0:
        rates.insert(0, min(step, reach))
        reach -= rates[0]
        step *= 3
    return tuple(rates)


def rates_last_one_first(field):
    """From the largest down: each as large as the rest could still fill."""
    rates = []
    while field > 1:
        few = 1
        while 3**few < field:
            few += 1
        rates.append((field - 3 ** (few - 1) + 1) // 2)
        field -= 2 * rates[-1]
    return rates


def rates_all_one(field):
    return [1] * (field // 2)


def rates_one_layer(field):
    return [field // 2] if field > 1 else []


def rates_doubling(field):
    reach, rates, step = field // 2, [], 1
    while reach > 0:
        rates.append(min(step, reach))
        reach -= rates[-1]
        step *= 2
    return rates


def rates_equal(field):
    reach, few = field // 2, 0
    while 3**few < field:
        few += 1
    return [reach // few + (i < reach % few) for i in range(few)]


def rates_ones_and_the_rest(field):
    reach, few = field // 2, 0
    while 3**few < field:
        few += 1
    return [1] * (few - 1) + [reach - few + 1] if few else []


def rates_whole_powers(field):
    rates = []
    while 3 ** len(rates) < field:
        rates.append(3 ** len(rates))
    return rates


def rates_that_sum_to_the_field(field):
    rates, step = [], 1
    while field > 0:
        rates.append(min(step, field))
        field -= rates[-1]
        step *= 3
    return rates


def rates_with_zero(field):
    rates, block = [], 1
    while block < field or not rates:
        rates.append(min(block, (field - block) // 2))
        block += 2 * rates[-1]
    return rates


def rates_float(field):
    rates, block = [], 1
    while block < field:
        rates.append(min(block, (field - block) / 2))
        block += 2 * rates[-1]
    return rates


# 5 · what can this cell see?


def box_of(seen):
    rows, columns = seen.any(1).nonzero(), seen.any(0).nonzero()
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def opened(network, keep=()):
    layers = []
    for layer in network:
        if isinstance(layer, nn.MaxPool2d) and nn.MaxPool2d not in keep:
            layer = nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding)
        if isinstance(layer, nn.BatchNorm2d | nn.ReLU) and type(layer) not in keep:
            layer = nn.Identity()
        layers.append(copy.deepcopy(layer))
    twin = nn.Sequential(*layers)
    for parameter in twin.parameters():
        nn.init.constant_(parameter, 0.5)
    return twin


def gradient(network, picture, cell):
    picture = picture.clone().requires_grad_()
    network(picture)[0, :, cell[0], cell[1]].sum().backward()
    return picture.grad[0].abs().sum(0)


def box_by_nan(network, shape, cell):
    """A pixel that is not a number makes every cell that looks at it not a number."""
    channels, height, width = shape
    pictures = torch.zeros(height * width, channels, height * width, dtype=torch.float64)
    pictures[range(height * width), :, range(height * width)] = float("nan")
    with torch.no_grad():
        out = network.double().eval()(pictures.view(-1, *shape))
    return box_of(out[:, :, cell[0], cell[1]].isnan().any(1).view(height, width))


def box_in_steps(network, shape, cell):
    """Backwards through the layers, one at a time, without any weight: the gradient of an average over each window."""
    maps, picture = [torch.zeros(1, *shape)], torch.zeros(1, *shape)
    with torch.no_grad():
        for layer in network.eval():
            maps.append(layer(maps[-1]))
    marked = torch.zeros_like(maps[-1])
    marked[..., cell[0], cell[1]] = 1
    for layer, before in zip(network[::-1], maps[-2::-1], strict=True):
        picture = before.new_ones(before.shape, requires_grad=True)
        opened(nn.Sequential(layer))(picture).backward(marked)
        marked = (picture.grad > 0).float()
    return list(box_of(marked[0, 0]))


def box_of_these_weights(network, shape, cell):
    return box_of(gradient(network, torch.rand(1, *shape), cell) > 0)


def box_in_training_mode(network, shape, cell):
    return box_of(gradient(opened(network, keep=(nn.BatchNorm2d,)), torch.rand(1, *shape), cell) > 0)


def box_of_many_pictures(network, shape, cell):
    network.eval()
    return box_of(sum(gradient(network, 3 * torch.randn(1, *shape), cell) for _ in range(20)) > 0)


def box_where_maxima_stay(network, shape, cell):
    return box_of(gradient(opened(network, keep=(nn.MaxPool2d, nn.ReLU)), torch.rand(1, *shape), cell) > 0)


def box_of_positive_weights(network, shape, cell):
    twin = nn.Sequential(*[
        nn.AvgPool2d(m.kernel_size, m.stride, m.padding) if isinstance(m, nn.MaxPool2d) else m
        for m in network.eval() if not isinstance(m, nn.ReLU | nn.BatchNorm2d)
    ])  # fmt: skip
    for parameter in twin.parameters():
        parameter.data.abs_()
    return box_of(gradient(twin, torch.ones(1, *shape), cell) > 0)


def box_inclusive(network, shape, cell):
    top, left, bottom, right = box_in_steps(network, shape, cell)
    return top, left, bottom - 1, right - 1


def box_columns_first(network, shape, cell):
    top, left, bottom, right = box_in_steps(network, shape, cell)
    return left, top, right, bottom


def box_height_and_width(network, shape, cell):
    top, left, bottom, right = box_in_steps(network, shape, cell)
    return top, left, bottom - top, right - left


def box_exchanges_the_cell(network, shape, cell):
    twin = opened(network)
    picture = torch.ones(1, *shape, requires_grad=True)
    column, row = cell
    out = twin(picture)
    out[0, :, min(row, out.shape[2] - 1), min(column, out.shape[3] - 1)].sum().backward()
    return box_of(picture.grad[0].sum(0) > 0)


def box_of_the_middle(network, shape, cell):
    out = opened(network)(torch.ones(1, *shape))
    return box_in_steps(network, shape, (out.shape[2] // 2, out.shape[3] // 2))


def box_of_all_cells(network, shape, cell):
    picture = torch.ones(1, *shape, requires_grad=True)
    opened(network)(picture).sum().backward()
    return box_of(picture.grad[0].sum(0) > 0)


def box_of_two_cells(network, shape, cell):
    twin, picture = opened(network), torch.ones(1, *shape, requires_grad=True)
    out = twin(picture)
    out[0, :, out.shape[2] // 2, out.shape[3] // 2].sum().backward(retain_graph=True)
    out[0, :, cell[0], cell[1]].sum().backward()
    return box_of(picture.grad[0].sum(0) > 0)


def chain(network, axis):
    settings = ("kernel_size", "stride", "padding", "dilation")
    windows = [layer for layer in network if isinstance(layer, nn.Conv2d | nn.MaxPool2d)]
    return [tuple(pair(getattr(layer, name))[axis] for name in settings) for layer in windows]


def box_by_recursion(network, shape, cell):
    starts, stops = [], []
    for axis in (0, 1):
        size, jump, start = field_backwards(chain(network, axis))
        starts.append(start + cell[axis] * jump)
        stops.append(start + cell[axis] * jump + size)
    return *starts, *stops


def box_by_recursion_cut(network, shape, cell):
    top, left, bottom, right = box_by_recursion(network, shape, cell)
    return max(top, 0), max(left, 0), min(bottom, shape[1]), min(right, shape[2])


def box_around_the_cell(network, shape, cell):
    sides = []
    for axis in (0, 1):
        size, jump, _ = field_backwards(chain(network, axis))
        middle, half = cell[axis] * jump, size // 2
        sides.append((max(0, middle - half), min(shape[1 + axis], middle + half + size % 2)))
    return sides[0][0], sides[1][0], sides[0][1], sides[1][1]


# 6 · the same network, dense


def changed(network, settle):
    """A deep copy whose windows had settle(layer, rate, own stride) applied."""
    dense, rate = copy.deepcopy(network), 1
    for layer in dense:
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            stride = pair(layer.stride)[0]
            settle(layer, rate, stride)
            rate *= stride
    return network, dense


def times(values, factor):
    return tuple(value * factor for value in pair(values))


def dense_by_settings(network):
    """New layers, which then load the old state."""
    layers, rate = [], 1
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            new = nn.Conv2d(
                layer.in_channels,
                layer.out_channels,
                layer.kernel_size,
                padding=times(layer.padding, rate),
                dilation=times(layer.dilation, rate),
                groups=layer.groups,
                bias=layer.bias is not None,
                dtype=layer.weight.dtype,
            )
            new.load_state_dict(layer.state_dict())
            rate *= layer.stride[0]
        elif isinstance(layer, nn.MaxPool2d):
            new = nn.MaxPool2d(layer.kernel_size, 1, layer.padding, times(layer.dilation, rate))
            rate *= pair(layer.stride)[0]
        else:
            new = copy.deepcopy(layer)
        layers.append(new)
    return [network, nn.Sequential(*layers).eval()]


def dense_layers(network, copied=True):
    layers, rate = [], 1
    for layer in network:
        if copied:
            layer = copy.deepcopy(layer)
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            layer.dilation, layer.padding = times(layer.dilation, rate), times(layer.padding, rate)
            rate *= pair(layer.stride)[0]
            layer.stride = 1
        layers.append(layer)
    return network, nn.Sequential(*layers)


def dense_in_place(network):
    return dense_layers(network, copied=False)


def dense_asks_the_library(network):
    return network, ops.dilated(network, 1)


def dense_only_the_new_one(network):
    return dense_layers(network)[1]


def dense_wrong_way_round(network):
    return dense_layers(network)[::-1]


def dense_rate_too_early(network):
    def settle(layer, rate, stride):
        layer.dilation, layer.padding = times(layer.dilation, rate * stride), times(layer.padding, rate * stride)
        layer.stride = 1

    return changed(network, settle)


def dense_without_dilation(network):
    def settle(layer, rate, stride):
        layer.stride = 1

    return changed(network, settle)


def dense_padding_stays(network):
    def settle(layer, rate, stride):
        layer.dilation, layer.stride = times(layer.dilation, rate), 1

    return changed(network, settle)


def dense_padding_as_dilation(network):
    def settle(layer, rate, stride):
        layer.dilation, layer.stride = times(layer.dilation, rate), 1
        if isinstance(layer, nn.Conv2d) and max(layer.kernel_size) > 1:
            layer.padding = layer.dilation

    return changed(network, settle)


def dense_convolutions_only(network):
    dense, rate = copy.deepcopy(network), 1
    for layer in dense:
        if isinstance(layer, nn.Conv2d):
            layer.dilation, layer.padding = times(layer.dilation, rate), times(layer.padding, rate)
            rate *= layer.stride[0]
            layer.stride = 1
    return network, dense


def dense_pooling_not_dilated(network):
    def settle(layer, rate, stride):
        if isinstance(layer, nn.Conv2d):
            layer.dilation, layer.padding = times(layer.dilation, rate), times(layer.padding, rate)
        layer.stride = 1

    return changed(network, settle)


def dense_last_stride_only(network):
    dense, rate = copy.deepcopy(network), 1
    for layer in dense:
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            layer.dilation, layer.padding = times(layer.dilation, rate), times(layer.padding, rate)
            if pair(layer.stride)[0] > 1:
                rate = pair(layer.stride)[0]
            layer.stride = 1
    return network, dense


def dense_strides_added(network):
    dense, rate = copy.deepcopy(network), 0
    for layer in dense:
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            layer.dilation = times(layer.dilation, max(rate, 1))
            layer.padding = times(layer.padding, max(rate, 1))
            if pair(layer.stride)[0] > 1:
                rate += pair(layer.stride)[0]
            layer.stride = 1
    return network, dense


def dense_total_rate(network):
    total = 1
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            total *= pair(layer.stride)[0]

    def settle(layer, rate, stride):
        if rate > 1:
            layer.dilation, layer.padding = times(layer.dilation, total), times(layer.padding, total)
        layer.stride = 1

    return changed(network, settle)


def dense_own_dilation_lost(network):
    def settle(layer, rate, stride):
        layer.padding, layer.stride = times(layer.padding, rate), 1
        if rate > 1:
            layer.dilation = (rate, rate)

    return changed(network, settle)


def dense_tuple_repeated(network):
    def settle(layer, rate, stride):
        layer.dilation, layer.padding, layer.stride = layer.dilation * rate, layer.padding * rate, 1

    return changed(network, settle)


def dense_new_statistics(network):
    network, dense = dense_layers(network)
    for i, layer in enumerate(dense):
        if isinstance(layer, nn.BatchNorm2d):
            dense[i] = nn.BatchNorm2d(layer.num_features).double().eval()
    return network, dense


def dense_without_pooling(network):
    dense, rate = [], 1
    for layer in copy.deepcopy(network):
        if isinstance(layer, nn.MaxPool2d):
            rate *= pair(layer.stride)[0]
            continue
        if isinstance(layer, nn.Conv2d):
            layer.dilation, layer.padding = times(layer.dilation, rate), times(layer.padding, rate)
            rate *= layer.stride[0]
            layer.stride = 1
        dense.append(layer)
    return network, nn.Sequential(*dense)


def dense_enlarged(network):
    stride = 1
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            stride *= pair(layer.stride)[0]
    return network, nn.Sequential(*copy.deepcopy(network), nn.Upsample(scale_factor=stride))


def dense_with_zeros_in_the_kernel(network):
    def settle(layer, rate, stride):
        layer.padding, layer.stride = times(layer.padding, rate), 1
        if isinstance(layer, nn.Conv2d):
            weight = kernel_spread(layer.weight.data, *times(layer.dilation, rate))
            layer.weight, layer.kernel_size, layer.dilation = nn.Parameter(weight), tuple(weight.shape[2:]), (1, 1)
        else:
            layer.dilation = times(layer.dilation, rate)

    return changed(network, settle)


MUTANTS = {
    "dilate_kernel": [
        (kernel_by_kronecker, "(k - 1) * rate + 1, not k * rate"),
        (kernel_zeros_first, "zeros precede the first tap"),
        (kernel_rate_zeros, "rate - 1 zeros lie between"),
        (kernel_pair_exchanged, "two rates are exchanged"),
        (kernel_first_of_pair, "only the first rate"),
        (kernel_integer_only, "it stopped with TypeError"),
        (kernel_stretched, "as if a picture were enlarged"),
        (kernel_nearest, "taps are repeated"),
        (kernel_interpolated, "interpolated"),
        (kernel_zeros_around, "belong between the taps"),
        (kernel_rows_only, "only the rows are spread"),
        (kernel_float32, "dtype float32 where float64"),
    ],
    "receptive_field": [
        (field_asks_the_library, "of course_lib, which this question does not allow"),
        (field_jump_first, "jump is multiplied too early"),
        (field_stride_doubles, "a stride does not multiply the field"),
        (field_stretched_by_stride, "2 does not double it"),
        (field_without_jump, "strides before a layer are forgotten"),
        (field_without_dilation, "dilation is ignored"),
        (field_extent_k_times_d, "not k * dilation"),
        (field_padding_in_size, "moves only the start"),
        (field_without_padding, "padding is forgotten in the start"),
        (field_start_in_cells, "each is jump pixels wide"),
        (field_start_positive, "the wrong way"),
        (field_start_at_zero_at_least, "at a negative pixel"),
        (field_start_is_middle, "asked is its first pixel"),
        (field_start_is_half_the_size, "add up the paddings"),
        (field_from_the_end, "begin with the first layer"),
        (field_size_from_zero, "the size begins at 1"),
    ],
    "touched": [
        (touched_everything, "no path reaches"),
        (touched_laid_over, "laid over each other"),
        (touched_one_big_kernel, "merged into one kernel"),
        (touched_exclusive, "exclusive or"),
        (touched_counts, "count the paths"),
        (touched_each_rate_once, "occurs twice is used once"),
        (touched_while_it_is_read, "while it is still being read"),
        (touched_cross, "corner taps are missing"),
        (touched_rows_or_columns, "joined with or"),
        (touched_every_smallest_step, "no path reaches"),
        (touched_last_layer, "only the last layer"),
        (touched_holes, "upside down"),
    ],
    "choose_rates": [
        (rates_all_one, "4 layers where 2 would do"),
        (rates_one_layer, "leave holes"),
        (rates_doubling, "take larger steps"),
        (rates_equal, "leave holes"),
        (rates_ones_and_the_rest, "jumps over cells"),
        (rates_whole_powers, "the last rate must be smaller"),
        (rates_that_sum_to_the_field, "sum up to 3, but that makes a field of 7"),
        (rates_with_zero, "leave out the layer"),
        (rates_float, "must be whole numbers"),
    ],
    "seen_box": [
        (box_of_these_weights, "the ReLU is shut"),
        (box_of_these_weights, "the pixel that won"),
        (box_of_many_pictures, "each other's negative"),
        (box_of_positive_weights, "weights are 0 by chance"),
        (box_where_maxima_stay, "the pixel that won"),
        (box_in_training_mode, "asked is evaluation mode"),
        (box_inclusive, "one past the last"),
        (box_columns_first, "rows come first"),
        (box_height_and_width, "height and the width"),
        (box_exchanges_the_cell, "the two exchanged"),
        (box_of_the_middle, "in the middle of the map"),
        (box_of_all_cells, "not of the whole map"),
        (box_of_two_cells, "have added up"),
        (box_by_recursion, "leaves the picture"),
        (box_by_recursion_cut, "cutting the window at the picture is not enough"),
        (box_around_the_cell, "around the pixel cell * jump"),
    ],
    "make_dense": [
        (dense_in_place, "make a deep copy first"),
        (dense_asks_the_library, "of course_lib, which this question does not allow"),
        (dense_only_the_new_one, "return the pair"),
        (dense_wrong_way_round, "wrong way round"),
        (dense_rate_too_early, "spreads only the layers after it"),
        (dense_without_dilation, "moved its neighbors 2 cells apart"),
        (dense_padding_stays, "padding must grow"),
        (dense_padding_as_dilation, "it had no padding"),
        (dense_convolutions_only, "loses its stride like a convolution"),
        (dense_pooling_not_dilated, "the pooling network[4] has dilation 1 where 2"),
        (dense_last_stride_only, "only the last removed stride counts there"),
        (dense_strides_added, "they multiply (2 and 3)"),
        (dense_total_rate, "strides removed before it: 2"),
        (dense_own_dilation_lost, "is overwritten"),
        (dense_tuple_repeated, "multiplying a tuple repeats it"),
        (dense_new_statistics, "is not the old one's"),
        (dense_without_pooling, "all layers stay"),
        (dense_enlarged, "those between are not the old network's answers"),
        (dense_with_zeros_in_the_kernel, "no more and no fewer"),
    ],
}
ALTERNATES = {
    "dilate_kernel": [kernel_by_transposed_convolution, kernel_by_loops],
    "receptive_field": [field_backwards, field_of_two_cells],
    "touched": [touched_by_sets, touched_by_gradient],
    "choose_rates": [rates_from_powers, rates_last_one_first],
    "seen_box": [box_by_nan, box_in_steps],
    "make_dense": [dense_by_settings, dense_layers],
}

TestExercise = exercise_tests("03_dilated_convolution", MUTANTS, ALTERNATES)

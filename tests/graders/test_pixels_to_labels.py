"""Exercise 01: wrong answers as learners write them, each with what the check must say, and right answers written otherwise."""

import itertools
from collections import deque

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from harness import exercise_tests
from scipy import ndimage
from torch import nn

from course_lib import ops

# 1 · box IoU


def _corners(a, b):
    return torch.maximum(a[:, None, :2], b[None, :, :2]), torch.minimum(a[:, None, 2:], b[None, :, 2:])


def _area(boxes):
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def iou_by_loops(a, b):
    out = torch.zeros(len(a), len(b), dtype=a.dtype)
    for i, j in itertools.product(range(len(a)), range(len(b))):
        width = min(a[i, 2], b[j, 2]) - max(a[i, 0], b[j, 0])
        height = min(a[i, 3], b[j, 3]) - max(a[i, 1], b[j, 1])
        if width > 0 and height > 0:
            out[i, j] = width * height / (_area(a[i : i + 1])[0] + _area(b[j : j + 1])[0] - width * height)
    return out


def iou_in_numpy(a, b):
    left, right = a.numpy()[:, None], b.numpy()[None]
    shared = np.clip(np.minimum(left[..., 2:], right[..., 2:]) - np.maximum(left[..., :2], right[..., :2]), 0, None)
    inter = shared.prod(-1)
    areas = [np.clip(boxes[..., 2:] - boxes[..., :2], 0, None).prod(-1) for boxes in (left, right)]
    union = areas[0] + areas[1] - inter
    return torch.from_numpy(np.divide(inter, union, out=np.zeros_like(inter), where=union > 0))


def _iou(a, b, more=0.0, minus=True, eps=0.0, clamp="each", fix=True):
    low, high = _corners(a, b)
    sides = high - low + more
    if clamp == "each":
        inter = sides.clamp(min=0).prod(-1)
    else:
        inter = sides.prod(-1).clamp(min=0) if clamp == "after" else sides.prod(-1)
    area_a = (a[:, 2] - a[:, 0] + more) * (a[:, 3] - a[:, 1] + more)
    area_b = (b[:, 2] - b[:, 0] + more) * (b[:, 3] - b[:, 1] + more)
    union = area_a[:, None] + area_b - inter * minus + eps
    return torch.where(union > 0, inter / union, 0) if fix else inter / union


def iou_counts_twice(a, b):
    return _iou(a, b, minus=False)


def iou_inclusive(a, b):
    return _iou(a, b, more=1.0)


def iou_unclamped(a, b):
    return _iou(a, b, clamp="no")


def iou_clamped_late(a, b):
    return _iou(a, b, clamp="after")


def iou_divides_by_zero(a, b):
    return _iou(a, b, fix=False)


def iou_with_epsilon(a, b):
    return _iou(a, b, eps=1e-6)


def iou_with_a_tiny_epsilon(a, b):
    return _iou(a, b, eps=1e-9)


def iou_of_pairs(a, b):
    n = min(len(a), len(b))
    return torch.diagonal(iou_by_loops(a[:n], b[:n]))


def iou_single_precision(a, b):
    return iou_by_loops(a.float(), b.float())


def iou_rounded(a, b):
    return iou_by_loops(a.float(), b.float()).to(a.dtype)


def iou_over_the_smaller(a, b):
    low, high = _corners(a, b)
    return (high - low).clamp(min=0).prod(-1) / torch.minimum(_area(a)[:, None], _area(b))


def iou_over_the_hull(a, b):
    low, high = _corners(a, b)
    around = torch.maximum(a[:, None, 2:], b[:, 2:]) - torch.minimum(a[:, None, :2], b[:, :2])
    return (high - low).clamp(min=0).prod(-1) / around.prod(-1)


def iou_reads_sizes(a, b):
    to_corners = [torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1) for boxes in (a, b)]
    return iou_by_loops(*to_corners)


def iou_is_dice(a, b):
    low, high = _corners(a, b)
    both = _area(a)[:, None] + _area(b)
    return torch.where(both > 0, 2 * (high - low).clamp(min=0).prod(-1) / both, 0)


def iou_counts_pixels(a, b):
    def painted(box):
        grid = torch.zeros(30, 30, dtype=torch.bool)
        grid[int(box[1]) : int(box[3]), int(box[0]) : int(box[2])] = True
        return grid

    out = torch.zeros(len(a), len(b), dtype=a.dtype)
    for i, j in itertools.product(range(len(a)), range(len(b))):
        one, other = painted(a[i]), painted(b[j])
        out[i, j] = (one & other).sum() / max(1, int((one | other).sum()))
    return out


def iou_asks_torchvision(a, b):
    return torchvision.ops.box_iou(a, b).nan_to_num()


# 2 · which task does it answer?


def tasks_by_pixels(masks, labels, things):
    semantic = panoptic = True
    for pixel in masks.flatten(1).T.tolist():
        found = [label for label, inside in zip(labels.tolist(), pixel, strict=True) if inside]
        semantic &= len(set(found)) == 1
        panoptic &= len(found) == 1
    rest = [label for label in labels.tolist() if label not in things]
    return {
        "semantic": semantic,
        "instance": all(label in things for label in labels.tolist()),
        "panoptic": panoptic and all(rest.count(label) == 1 for label in rest),
    }


def tasks_by_class_map(masks, labels, things):
    least, most = torch.full(masks.shape[1:], 999), torch.full(masks.shape[1:], -1)
    for mask, label in zip(masks, labels, strict=True):
        least[mask] = least[mask].clamp(max=int(label))
        most[mask] = most[mask].clamp(min=int(label))
    is_thing = torch.isin(labels, torch.tensor(things))
    stuff = labels[~is_thing]
    return {
        "semantic": (least == most).all(),
        "instance": is_thing.all(),
        "panoptic": (masks.sum(0) == 1).all() & torch.tensor(len(stuff) == len(stuff.unique())),
    }


def _but(**changed):
    """The right verdicts, but for tasks that a rule of one's own decides: name=function(masks, labels, things)."""

    def which_tasks(masks, labels, things):
        right = tasks_by_pixels(masks, labels, things)
        return right | {task: bool(rule(masks, labels, things)) for task, rule in changed.items()}

    return which_tasks


def tasks_instance_covers(masks, labels, things):
    return _but(instance=lambda m, y, t: tasks_by_pixels(m, y, t)["instance"] and (m.sum(0) > 0).all())(
        masks, labels, things
    )


def tasks_instance_without_overlap(masks, labels, things):
    return _but(instance=lambda m, y, t: tasks_by_pixels(m, y, t)["instance"] and (m.sum(0) < 2).all())(
        masks, labels, things
    )


def tasks_instance_with_stuff(masks, labels, things):
    return _but(instance=lambda m, y, t: any(label in t for label in y.tolist()))(masks, labels, things)


def tasks_instance_is_panoptic(masks, labels, things):
    return _but(instance=lambda m, y, t: (m.sum(0) == 1).all())(masks, labels, things)


def tasks_void_is_an_object(masks, labels, things):
    return _but(instance=lambda m, y, t: set(y.tolist()) <= {*t, 255})(masks, labels, things)


def tasks_panoptic_with_gaps(masks, labels, things):
    return _but(panoptic=lambda m, y, t: (m.sum(0) <= 1).all())(masks, labels, things)


def tasks_panoptic_is_a_sum(masks, labels, things):
    return _but(panoptic=lambda m, y, t: len(m) > 0 and (m.sum(0) >= 1).all())(masks, labels, things)


def tasks_areas_add_up(masks, labels, things):
    return _but(panoptic=lambda m, y, t: m.sum() == m[0].numel() if len(m) else False)(masks, labels, things)


def tasks_stuff_in_pieces(masks, labels, things):
    return _but(panoptic=lambda m, y, t: (m.sum(0) == 1).all())(masks, labels, things)


def tasks_voids(masks, labels, things):
    def rule(m, y, t):
        stuff = [label for label in y.tolist() if label not in t and label != 255]
        return (m.sum(0) == 1).all() and len(stuff) == len(set(stuff))

    return _but(panoptic=rule)(masks, labels, things)


def tasks_semantic_without_overlap(masks, labels, things):
    return _but(semantic=lambda m, y, t: (m.sum(0) == 1).all())(masks, labels, things)


def tasks_semantic_last_wins(masks, labels, things):
    return _but(semantic=lambda m, y, t: (m.sum(0) >= 1).all())(masks, labels, things)


def tasks_semantic_void_is_missing(masks, labels, things):
    return _but(semantic=lambda m, y, t: tasks_by_pixels(m, y, t)["semantic"] and 255 not in y.tolist())(
        masks, labels, things
    )


def tasks_only_one(masks, labels, things):
    """The tasks exclude each other, so the finest one is it."""
    right = tasks_by_pixels(masks, labels, things)
    return right | {"semantic": right["semantic"] and not right["panoptic"]}


def tasks_crash_without_objects(masks, labels, things):
    assert len(masks) > 0, "no masks"
    return tasks_by_pixels(masks, labels, things)


def tasks_all_true(masks, labels, things):
    return {"semantic": True, "instance": True, "panoptic": True}


def tasks_as_a_list(masks, labels, things):
    return [task for task, right in tasks_by_pixels(masks, labels, things).items() if right]


# 3 · the panoptic code


def _codec(maps, source, target, weights=(1, 256, 65536), thousand=1000, dim=-3, cast=True, first=0):
    if source == "pair":
        pair = (maps.long() if cast else maps).unbind(dim)
        ids = pair[first] * thousand + pair[1 - first]
    elif source == "rgb":
        ids = sum((maps.long() if cast else maps).select(dim, i) * weight for i, weight in enumerate(weights))
    else:
        ids = maps
    if target == "pair":
        pair = [ids // thousand, ids % thousand]
        return torch.stack([pair[first], pair[1 - first]], dim)
    if target == "rgb":
        return torch.stack([ids // weight % 256 for weight in weights], dim).to(torch.uint8)
    return ids


def code_by_six_functions(maps, source, target):
    if (source, target) == ("pair", "rgb"):
        return code_by_six_functions(code_by_six_functions(maps, "pair", "id"), "id", "rgb")
    if (source, target) == ("rgb", "pair"):
        return code_by_six_functions(code_by_six_functions(maps, "rgb", "id"), "id", "pair")
    if (source, target) == ("pair", "id"):
        return maps[..., 0, :, :].to(torch.int64) * 1000 + maps[..., 1, :, :].to(torch.int64)
    if (source, target) == ("id", "pair"):
        return torch.stack((torch.div(maps, 1000, rounding_mode="floor"), maps.remainder(1000)), dim=maps.ndim - 2)
    if (source, target) == ("id", "rgb"):
        return torch.stack(((maps & 255), (maps >> 8) & 255, maps >> 16), dim=maps.ndim - 2).byte()
    array = maps.numpy().astype(np.int64)
    return torch.from_numpy(array[..., 0, :, :] | array[..., 1, :, :] << 8 | array[..., 2, :, :] << 16)


def code_in_bytes(maps, source, target):
    return _codec(maps, source, target, cast=False)


def code_cast_too_late(maps, source, target):
    out = _codec(maps, source, "id", cast=False).long()
    return out if target == "id" else _codec(out, "id", target)


def code_in_bgr(maps, source, target):
    return _codec(maps, source, target, weights=(65536, 256, 1))


def code_with_xor(maps, source, target):
    return _codec(maps, source, target, weights=(1, 256, 256 ^ 2))


def code_in_base_256(maps, source, target):
    return _codec(maps, source, target, thousand=256)


def code_instance_first(maps, source, target):
    return _codec(maps, source, target, first=1)


def code_forgets_batches(maps, source, target):
    return _codec(maps, source, target, dim=0)


def code_stacks_in_front(maps, source, target):
    return _codec(_codec(maps, source, "id"), "id", target, dim=0)


def code_channels_last(maps, source, target):
    out = _codec(maps, source, target)
    return out.movedim(-3, -1) if target == "rgb" else out


def code_of_255_values(maps, source, target):
    if target == "rgb":
        ids = _codec(maps, source, "id")
        return torch.stack([ids % 255, ids // 255 % 255, ids // 255**2], -3).to(torch.uint8)
    return _codec(maps, source, target, weights=(1, 255, 255**2))


def code_two_bytes(maps, source, target):
    if target == "rgb":
        ids = _codec(maps, source, "id")
        return torch.stack([ids % 256, ids // 256 % 256, torch.zeros_like(ids)], -3).to(torch.uint8)
    return _codec(maps, source, target)


def code_void_is_255(maps, source, target):
    if source == "pair":
        classes, instances = maps.long().unbind(-3)
        ids = torch.where(classes == 255, 255, classes * 1000 + instances)
        return ids if target == "id" else _codec(ids, "id", target)
    return _codec(maps, source, target)


def code_in_floats(maps, source, target):
    if target == "pair":
        ids = _codec(maps, source, "id")
        return torch.stack([ids / 1000, ids % 1000], dim=-3)
    return _codec(maps, source, target)


def code_picture_as_int64(maps, source, target):
    out = _codec(maps, source, target)
    return out.long() if target == "rgb" else out


# 4 · run lengths


def _encode(mask, flat=None, first=None):
    flat = mask.T.flatten().tolist() if flat is None else flat
    counts, current = [0], False if first is None else flat[0]
    for pixel in flat:
        if pixel != current:
            counts.append(0)
            current = pixel
        counts[-1] += 1
    return {"size": list(mask.shape), "counts": counts}


def _decode(rle, first=False):
    height, width = rle["size"]
    flat = [bool(i % 2) != first for i, count in enumerate(rle["counts"]) for _ in range(count)]
    return torch.tensor(flat, dtype=torch.bool).view(width, height).T


def runs_in_numpy(value, to):
    if to == "rle":
        flat = np.asfortranarray(value.numpy()).ravel(order="F").astype(np.int8)
        changes = np.flatnonzero(np.diff(np.concatenate([[0], flat]))).tolist()
        ends = [*changes, flat.size]
        return {"size": tuple(value.shape), "counts": np.diff([0, *ends]).tolist()}
    signs = torch.arange(len(value["counts"])) % 2
    flat = signs.repeat_interleave(torch.tensor(value["counts"]))
    return flat.view(value["size"][1], -1).t().bool()


def runs_by_groupby(value, to):
    if to == "mask":
        out = torch.zeros(value["size"], dtype=torch.bool)
        at = 0
        for i, count in enumerate(value["counts"]):
            for k in range(at, at + count):
                out[k % value["size"][0], k // value["size"][0]] = i % 2
            at += count
        return out
    groups = [(key, len(list(group))) for key, group in itertools.groupby(value.T.reshape(-1).tolist())]
    return {"size": list(value.size()), "counts": [0] * groups[0][0] + [length for _, length in groups]}


def runs_row_by_row(value, to):
    if to == "rle":
        return _encode(value, value.flatten().tolist())
    flat = [bool(i % 2) for i, count in enumerate(value["counts"]) for _ in range(count)]
    return torch.tensor(flat).reshape(value["size"])


def runs_start_with_the_first(value, to):
    return _encode(value, first=True) if to == "rle" else _decode(value)


def runs_start_with_ones(value, to):
    return _encode(~value) if to == "rle" else _decode(value, first=True)


def runs_zero_in_front(value, to):
    if to == "mask":
        return _decode(value)
    code = _encode(value, first=True)
    return code | {"counts": [0, *code["counts"]]}


def runs_begin_with_nothing(value, to):
    if to == "mask":
        return _decode(value)
    counts, current = [0], False
    for pixel in value.T.flatten().tolist():
        if pixel == current:
            counts[-1] += 1
        else:
            counts.append(0)
            current = pixel
    return {"size": list(value.shape), "counts": counts}


def runs_last_one_missing(value, to):
    if to == "mask":
        return _decode(value)
    code = _encode(value)
    return code | {"counts": code["counts"][:-1]}


def runs_starts_and_lengths(value, to):
    if to == "mask":
        return _decode(value)
    pairs, at = [], 1
    for i, count in enumerate(_encode(value)["counts"]):
        pairs += [at, count] if i % 2 else []
        at += count
    return {"size": list(value.shape), "counts": pairs}


def runs_change_places(value, to):
    if to == "mask":
        return _decode(value)
    return {"size": list(value.shape), "counts": np.cumsum(_encode(value)["counts"])[:-1].tolist()}


def runs_size_width_first(value, to):
    if to == "rle":
        return _encode(value) | {"size": [value.shape[1], value.shape[0]]}
    return _decode(value)


def runs_mask_on_its_side(value, to):
    return _encode(value) if to == "rle" else _decode(value).T


def runs_reshaped_wrongly(value, to):
    return _encode(value) if to == "rle" else _decode(value).T.reshape(value["size"])


def runs_mask_of_bytes(value, to):
    return _encode(value) if to == "rle" else _decode(value).byte()


def runs_counts_as_tensor(value, to):
    if to == "mask":
        return _decode(value)
    code = _encode(value)
    return code | {"counts": torch.tensor(code["counts"])}


def runs_from_the_library(value, to):
    return ops.rle_encode(value) if to == "rle" else ops.rle_decode(value)


def runs_one_direction(value, to):
    return _encode(value)


# 5 · the YOLO volume


def _split(volume, num_boxes, num_classes):
    """(boxes (..., A, 5), class scores (..., A, C)) or None."""
    grid, depth = volume.shape[:-1], volume.shape[-1]
    if depth == num_boxes * (5 + num_classes):
        each = volume.reshape(*grid, num_boxes, -1)
        return each[..., :5], each[..., 5:]
    if depth == num_boxes * 5 + num_classes:
        shared = volume[..., -num_classes:].unsqueeze(-2).expand(*grid, num_boxes, num_classes)
        return volume[..., :-num_classes].reshape(*grid, num_boxes, 5), shared
    return None


def volume_box_by_box(volume, num_boxes, num_classes):
    depth, boxes, scores = volume.shape[-1], [], []
    own = depth == num_boxes * (5 + num_classes)
    if not own and depth != 5 * num_boxes + num_classes:
        return None
    step = 5 + num_classes if own else 5
    for k in range(num_boxes):
        start = k * step
        boxes.append(volume[..., start : start + 4])
        classes = volume[..., start + 5 : start + step] if own else volume[..., 5 * num_boxes :]
        scores.append(volume[..., start + 4, None] * classes)
    return torch.stack(boxes, dim=-2), torch.stack(scores, dim=-2)


def volume_homework_answer(volume, num_boxes, num_classes):
    """45 for everything: one class vector per cell, also with anchors."""
    if volume.shape[-1] != 5 * num_boxes + num_classes:
        return None
    boxes, classes = _split(volume, num_boxes, num_classes)
    return boxes[..., :4], boxes[..., 4:] * classes


def volume_own_only(volume, num_boxes, num_classes):
    if volume.shape[-1] != num_boxes * (5 + num_classes):
        return None
    boxes, classes = _split(volume, num_boxes, num_classes)
    return boxes[..., :4], boxes[..., 4:] * classes


def volume_interleaved(volume, num_boxes, num_classes):
    grid = volume.shape[:-1]
    if volume.shape[-1] == num_boxes * (5 + num_classes):
        each = volume.reshape(*grid, 5 + num_classes, num_boxes).transpose(-1, -2)
        return each[..., :4], each[..., 4:5] * each[..., 5:]
    if volume.shape[-1] == num_boxes * 5 + num_classes:
        each = volume[..., : 5 * num_boxes].reshape(*grid, 5, num_boxes).transpose(-1, -2)
        return each[..., :4], each[..., 4:5] * volume[..., None, 5 * num_boxes :]
    return None


def volume_confidence_first(volume, num_boxes, num_classes):
    if (parts := _split(volume, num_boxes, num_classes)) is None:
        return None
    return parts[0][..., 1:], parts[0][..., :1] * parts[1]


def volume_classes_in_front(volume, num_boxes, num_classes):
    if volume.shape[-1] == 5 * num_boxes + num_classes:
        volume = torch.cat([volume[..., num_classes:], volume[..., :num_classes]], -1)
    return volume_box_by_box(volume, num_boxes, num_classes)


def volume_no_confidence(volume, num_boxes, num_classes):
    if (parts := _split(volume, num_boxes, num_classes)) is None:
        return None
    return parts[0][..., :4], parts[1]


def volume_softmax(volume, num_boxes, num_classes):
    if (parts := _split(volume, num_boxes, num_classes)) is None:
        return None
    return parts[0][..., :4], parts[0][..., 4:] * parts[1].softmax(-1)


def volume_shared_stays_flat(volume, num_boxes, num_classes):
    if (parts := _split(volume, num_boxes, num_classes)) is None:
        return None
    if volume.shape[-1] == num_boxes * (5 + num_classes):
        return parts[0][..., :4], parts[0][..., 4:] * parts[1]
    return parts[0][..., :4], volume[..., 5 * num_boxes :]


def volume_last_classes_for_all(volume, num_boxes, num_classes):
    if (parts := _split(volume, num_boxes, num_classes)) is None:
        return None
    return parts[0][..., :4], parts[0][..., 4:] * volume[..., None, -num_classes:]


def volume_takes_anything(volume, num_boxes, num_classes):
    if volume.shape[-1] == num_boxes * (5 + num_classes):
        return volume_box_by_box(volume, num_boxes, num_classes)
    return volume_box_by_box(volume[..., : 5 * num_boxes + num_classes], num_boxes, num_classes)


def volume_by_divisibility(volume, num_boxes, num_classes):
    if volume.shape[-1] % num_boxes == 0:
        each = volume.reshape(*volume.shape[:-1], num_boxes, -1)
        return each[..., :4], each[..., 4:5] * each[..., 5:]
    return volume_box_by_box(volume, num_boxes, num_classes)


def volume_square_grids(volume, num_boxes, num_classes):
    side = volume.shape[0]
    if volume.shape[-1] == num_boxes * (5 + num_classes):
        each = volume.view(side, side, num_boxes, -1)
        return each[..., :4], each[..., 4:5] * each[..., 5:]
    return volume_box_by_box(volume, num_boxes, num_classes)


def volume_five_numbers(volume, num_boxes, num_classes):
    if (parts := _split(volume, num_boxes, num_classes)) is None:
        return None
    return parts[0], parts[0][..., 4:] * parts[1]


def volume_in_floats(volume, num_boxes, num_classes):
    return volume_box_by_box(volume.float(), num_boxes, num_classes)


# 6 · connected components

FOUR, CORNERS = [(-1, 0), (0, -1), (0, 1), (1, 0)], [(-1, -1), (-1, 1), (1, -1), (1, 1)]


def _search(classes, connectivity, same=None, wrap=False, starts=None):
    height, width = classes.shape
    grid, labels, count = classes.tolist(), torch.zeros(height, width, dtype=torch.int64), 0
    same = same or (lambda one, other: one == other)
    for i, j in starts or itertools.product(range(height), range(width)):
        if not grid[i][j] or labels[i, j]:
            continue
        count += 1
        labels[i, j] = count
        queue = deque([(i, j)])
        while queue:
            r, c = queue.popleft()
            for dr, dc in FOUR + CORNERS * (connectivity == 8):
                nr, nc = r + dr, c + dc
                if nr >= height or nc >= width or (not wrap and (nr < 0 or nc < 0)):
                    continue
                if same(grid[nr][nc], grid[r][c]) and grid[nr][nc] and not labels[nr, nc]:
                    labels[nr, nc] = count
                    queue.append((nr % height, nc % width))
    return labels, count


def components_by_union_find(classes, connectivity):
    height, width = classes.shape
    parent = list(range(height * width))

    def root(k):
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    flat = classes.flatten().tolist()
    for k, value in enumerate(flat):
        i, j = divmod(k, width)
        for di, dj in [(-1, 0), (0, -1)] + [(-1, -1), (-1, 1)] * (connectivity == 8):
            if i + di >= 0 and 0 <= j + dj < width and value == flat[k + di * width + dj]:
                one, other = sorted((root(k), root(k + di * width + dj)))
                parent[other] = one
    numbers = {}
    labels = [numbers.setdefault(root(k), len(numbers) + 1) if value else 0 for k, value in enumerate(flat)]
    return torch.tensor(labels).view(height, width), len(numbers)


def components_by_spreading(classes, connectivity):
    """Every pixel takes the smallest number among its neighbors of its class, until nothing changes."""
    height, width = classes.shape
    number = torch.arange(1, height * width + 1).view(height, width)
    padded = F.pad(classes, [1, 1, 1, 1], value=-1)
    while True:
        before, wide = number.clone(), F.pad(number, [1, 1, 1, 1], value=10**9)
        for dr, dc in FOUR + CORNERS * (connectivity == 8):
            window = slice(1 + dr, 1 + dr + height), slice(1 + dc, 1 + dc + width)
            number = torch.where(padded[window] == classes, torch.minimum(number, wide[window]), number)
        if torch.equal(number, before):
            break
    labels = torch.zeros_like(number)
    roots = number[classes != 0].unique()
    labels[classes != 0] = torch.searchsorted(roots, number[classes != 0]) + 1
    return labels, len(roots)


def components_by_a_stack(classes, connectivity):
    """Depth first, without calls: the pixels to visit lie on a stack."""
    labels, count = np.zeros(tuple(classes.shape), dtype=np.int64), 0
    padded = np.pad(classes.numpy(), 1)
    for i, j in np.argwhere(classes.numpy()):
        if labels[i, j]:
            continue
        count += 1
        stack = [(i, j)]
        while stack:
            r, c = stack.pop()
            if labels[r, c]:
                continue
            labels[r, c] = count
            for dr, dc in FOUR + CORNERS * (connectivity == 8):
                if padded[r + dr + 1, c + dc + 1] == padded[r + 1, c + 1] and not labels[r + dr, c + dc]:
                    stack.append((r + dr, c + dc))
    return torch.from_numpy(labels), count


def components_always_4(classes, connectivity):
    return _search(classes, 4)


def components_always_8(classes, connectivity):
    return _search(classes, 8)


def components_any_class(classes, connectivity):
    return _search(classes, connectivity, same=lambda one, other: bool(one) == bool(other))


def components_with_background(classes, connectivity):
    return _search(classes + 1, connectivity)


def components_wrap_around(classes, connectivity):
    return _search(classes, connectivity, wrap=True)


def components_flattened(classes, connectivity):
    height, width = classes.shape
    flat, labels, count = classes.flatten().tolist(), [0] * classes.numel(), 0
    for start, value in enumerate(flat):
        if not value or labels[start]:
            continue
        count += 1
        labels[start] = count
        queue = deque([start])
        while queue:
            k = queue.popleft()
            steps = [-1, 1, -width, width]
            if connectivity == 8:
                steps += [-width - 1, -width + 1, width - 1, width + 1]
            for n in [k + step for step in steps]:
                if 0 <= n < len(flat) and flat[n] == flat[k] and not labels[n]:
                    labels[n] = count
                    queue.append(n)
    return torch.tensor(labels).view(height, width), count


def components_recursive(classes, connectivity):
    labels, count = torch.zeros_like(classes).tolist(), 0
    grid, (height, width) = classes.tolist(), classes.shape

    def fill(i, j, value):
        if 0 <= i < height and 0 <= j < width and grid[i][j] == value and not labels[i][j]:
            labels[i][j] = count
            for di, dj in FOUR + CORNERS * (connectivity == 8):
                fill(i + di, j + dj, value)

    for i, j in itertools.product(range(height), range(width)):
        if grid[i][j] and not labels[i][j]:
            count += 1
            fill(i, j, grid[i][j])
    return torch.tensor(labels), count


def components_are_classes(classes, connectivity):
    return classes, len(classes.unique()) - 1


def components_from_scipy(classes, connectivity):
    labels, count = torch.zeros_like(classes), 0
    for value in classes.unique().tolist():
        if value:
            part, number = ndimage.label((classes == value).numpy(), np.ones((3, 3)) if connectivity == 8 else None)
            labels += torch.from_numpy(part).long() + count * torch.from_numpy(part > 0)
            count += number
    first = {}
    flat = [first.setdefault(k, len(first) + 1) if k else 0 for k in labels.flatten().tolist()]
    return torch.tensor(flat).view(labels.shape), count


def components_one_pass(classes, connectivity):
    """The left or the upper neighbor's number, or a new one; nothing is merged."""
    labels, count = torch.zeros_like(classes), 0
    height, width = classes.shape
    for i, j in itertools.product(range(height), range(width)):
        for di, dj in [(0, -1), (-1, 0)] + [(-1, -1), (-1, 1)] * (connectivity == 8):
            r, c = i + di, j + dj
            if classes[i, j] and not labels[i, j] and r >= 0 and 0 <= c < width and classes[r, c] == classes[i, j]:
                labels[i, j] = labels[r, c]
        if classes[i, j] and not labels[i, j]:
            count += 1
            labels[i, j] = count
    return labels, count


def components_class_by_class(classes, connectivity):
    labels, count = torch.zeros_like(classes), 0
    for value in classes.unique().tolist():
        if value:
            part, number = _search((classes == value).long(), connectivity)
            labels[part > 0] = part[part > 0] + count
            count += number
    return labels, count


def components_by_columns(classes, connectivity):
    height, width = classes.shape
    return _search(classes, connectivity, starts=[(i, j) for j in range(width) for i in range(height)])


def components_largest_first(classes, connectivity):
    labels, count = _search(classes, connectivity)
    sizes = labels.flatten().bincount(minlength=count + 1)[1:]
    rank = torch.zeros(count + 1, dtype=torch.int64)
    rank[sizes.argsort(descending=True, stable=True) + 1] = torch.arange(1, count + 1)
    return rank[labels], count


def components_counts_the_background(classes, connectivity):
    labels, _ = _search(classes, connectivity)
    return labels, len(labels.unique())


def components_from_zero(classes, connectivity):
    labels, count = _search(classes, connectivity)
    return (labels - 1).clamp(min=0), count


def components_in_floats(classes, connectivity):
    labels, count = _search(classes, connectivity)
    return labels.float(), count


# 7 · a head that slides


def _convert(head, height, width, kernel=None, layout=None, bias=True, relu=True, copy=True, padding=0, dtype=None):
    """A head made convolutional, with one thing wrong."""
    layers, size = [], (height, width)
    for layer in head:
        if isinstance(layer, nn.ReLU) and relu:
            layers.append(layer)
        if not isinstance(layer, nn.Linear):
            continue
        channels, out = layer.in_features // (size[0] * size[1]), layer.out_features
        with_bias = bias and layer.bias is not None
        conv = nn.Conv2d(
            channels, out, kernel or size, bias=with_bias, padding=padding, dtype=dtype or layer.weight.dtype
        )
        if copy:
            view = layout or (lambda weight, shape: weight.view(shape))
            with torch.no_grad():
                conv.weight.copy_(view(layer.weight, (out, channels, *size)))
                if with_bias:
                    conv.bias.copy_(layer.bias)
        layers.append(conv)
        size, kernel = (1, 1), None
    return nn.Sequential(*layers)


def head_by_state_dicts(head, height, width):
    """Slices and state dicts instead of a loop over layers."""
    linears = [layer for layer in head if type(layer) is nn.Linear]
    convs = []
    for i, linear in enumerate(linears):
        kernel = (height, width) if i == 0 else 1
        weight = linear.weight.detach().clone()
        weight = weight.unflatten(1, (-1, height, width)) if i == 0 else weight[..., None, None]
        conv = nn.Conv2d(weight.shape[1], weight.shape[0], kernel, bias=linear.bias is not None).to(weight.dtype)
        conv.load_state_dict({"weight": weight} | ({"bias": linear.bias} if linear.bias is not None else {}))
        convs += [nn.ReLU(inplace=True), conv]
    return nn.Sequential(*convs[1:])


def head_all_1x1(head, height, width):
    """Every linear layer becomes a 1×1 convolution, as the saying goes; of a window's weights the mean is kept."""
    return _convert(
        head, height, width, kernel=(1, 1), layout=lambda weight, shape: weight.view(shape).mean((2, 3), True)
    )


def head_pools_to_size(head, height, width):
    return nn.Sequential(nn.AdaptiveAvgPool2d((height, width)), *head)


def head_rows_first(head, height, width):
    def layout(weight, shape):
        out, channels, rows, columns = shape
        return weight.reshape(out, rows, columns, channels).permute(0, 3, 1, 2)

    return _convert(head, height, width, layout=layout)


def head_columns_first(head, height, width):
    def layout(weight, shape):
        out, channels, rows, columns = shape
        return weight.reshape(out, channels, columns, rows).transpose(2, 3)

    return _convert(head, height, width, layout=layout)


def head_flipped(head, height, width):
    return _convert(head, height, width, layout=lambda weight, shape: weight.view(shape).flip(2, 3))


def head_without_bias(head, height, width):
    return _convert(head, height, width, bias=False)


def head_bias_not_copied(head, height, width):
    network = _convert(head, height, width)
    for layer in network:
        if isinstance(layer, nn.Conv2d) and layer.bias is not None:
            layer.bias = nn.Parameter(torch.randn_like(layer.bias))
    return network


def head_always_with_bias(head, height, width):
    network, layers = _convert(head, height, width), []
    for layer in network:
        if isinstance(layer, nn.Conv2d) and layer.bias is None:
            other = nn.Conv2d(layer.in_channels, layer.out_channels, layer.kernel_size)
            other.weight = layer.weight
            layer = other
        layers.append(layer)
    return nn.Sequential(*layers)


def head_new_weights(head, height, width):
    return _convert(head, height, width, copy=False)


def head_without_relu(head, height, width):
    return _convert(head, height, width, relu=False)


def head_padded(head, height, width):
    return _convert(head, height, width, padding=(height // 2, width // 2))


def head_square_kernels(head, height, width):
    if height == width:
        return _convert(head, height, width)
    return _convert(head, width, height)


def head_single_precision(head, height, width):
    return _convert(head, height, width, dtype=torch.float32)


def head_rounded(head, height, width):
    return _convert(head, height, width, layout=lambda weight, shape: weight.view(shape).float().to(weight.dtype))


def head_from_the_library(head, height, width):
    layers, size = [], (height, width)
    for layer in head:
        if isinstance(layer, nn.Linear):
            layers.append(ops.linear_to_conv(layer, size))
            size = (1, 1)
        elif isinstance(layer, nn.ReLU):
            layers.append(layer)
    return nn.Sequential(*layers)


def head_all_large(head, height, width):
    layers = []
    for layer in head:
        if isinstance(layer, nn.Linear):
            channels = max(1, layer.in_features // (height * width))
            layers.append(nn.Conv2d(channels, layer.out_features, (height, width)))
        elif isinstance(layer, nn.ReLU):
            layers.append(layer)
    first = next(layer for layer in head if isinstance(layer, nn.Linear))
    with torch.no_grad():
        layers[0].weight.copy_(first.weight.view(layers[0].weight.shape))
        if first.bias is not None:
            layers[0].bias.copy_(first.bias)
    return nn.Sequential(*layers)


MUTANTS = {
    "pairwise_iou": [
        (iou_counts_twice, "counted twice"),
        (iou_inclusive, "exclusive"),
        (iou_unclamped, "two negative ones"),
        (iou_clamped_late, "before you multiply"),
        (iou_divides_by_zero, "0/0 is NaN"),
        (iou_with_epsilon, "added to the union"),
        (iou_with_a_tiny_epsilon, "added to the union"),
        (iou_of_pairs, "every box of a meets"),
        (iou_over_the_smaller, "smaller box"),
        (iou_over_the_hull, "the box around both"),
        (iou_reads_sizes, "other corner"),
        (iou_single_precision, "it must be float64"),
        (iou_rounded, "precision of float32"),
        (iou_is_dice, "this is Dice"),
        (iou_counts_pixels, "need not be whole numbers"),
        (iou_asks_torchvision, "box_iou"),
    ],
    "which_tasks": [
        (tasks_instance_covers, "may leave pixels out"),
        (tasks_instance_without_overlap, "masks may overlap"),
        (tasks_instance_with_stuff, "which is stuff"),
        (tasks_instance_is_panoptic, "may leave pixels out"),
        (tasks_void_is_an_object, "which is void"),
        (tasks_panoptic_with_gaps, "lies in no mask; a panoptic map"),
        (tasks_panoptic_is_a_sum, "lies in two masks; a panoptic map"),
        (tasks_areas_add_up, "a panoptic map gives every pixel"),
        (tasks_stuff_in_pieces, "only things are told apart"),
        (tasks_voids, "void has 2 segments"),
        (tasks_semantic_without_overlap, "but these are of one class"),
        (tasks_semantic_last_wins, "lies in masks of two classes"),
        (tasks_semantic_void_is_missing, "void, is an answer too"),
        (tasks_only_one, "every pixel has exactly one class"),
        (tasks_crash_without_objects, "no masks"),
        (tasks_all_true, "must be False"),
        (tasks_as_a_list, "return a dict"),
    ],
    "convert_panoptic": [
        (code_in_bytes, "256 is 0"),
        (code_cast_too_late, "first, not afterwards"),
        (code_in_bgr, "opposite order"),
        (code_with_xor, "not a power"),
        (code_in_base_256, "256 belongs to the picture"),
        (code_instance_first, "exchanged"),
        (code_forgets_batches, "along dim -3"),
        (code_stacks_in_front, "stack along dim -3"),
        (code_channels_last, "before height and width"),
        (code_of_255_values, "256 values"),
        (code_two_bytes, "third byte"),
        (code_void_is_255, "void is 255000"),
        (code_in_floats, "divided by `//`"),
        (code_picture_as_int64, "dtype int64 where uint8"),
    ],
    "convert_mask": [
        (runs_row_by_row, "down the first column"),
        (runs_start_with_the_first, "for zeros, always"),
        (runs_start_with_ones, "exchanged: the first count is for zeros"),
        (runs_zero_in_front, "although the first pixel is not set"),
        (runs_begin_with_nothing, "length 1 already"),
        (runs_last_one_missing, "last run is missing"),
        (runs_starts_and_lengths, "starts and lengths"),
        (runs_change_places, "from one change to the next"),
        (runs_size_width_first, "[height, width]"),
        (runs_mask_on_its_side, "on its side"),
        (runs_reshaped_wrongly, "down the first column"),
        (runs_mask_of_bytes, "dtype bool"),
        (runs_counts_as_tensor, "not a tensor"),
        (runs_from_the_library, "of course_lib"),
        (runs_one_direction, "it stopped with"),
    ],
    "read_volume": [
        (volume_homework_answer, "brings its own class scores"),
        (volume_own_only, "share one vector"),
        (volume_interleaved, "box stands after box"),
        (volume_confidence_first, "fifth number"),
        (volume_classes_in_front, "class scores come last"),
        (volume_no_confidence, "confidence of the box times"),
        (volume_softmax, "without a softmax"),
        (volume_shared_stays_flat, "an axis of boxes"),
        (volume_last_classes_for_all, "from the last box"),
        (volume_takes_anything, "fits neither"),
        (volume_by_divisibility, "compare it with both formulas"),
        (volume_square_grids, "need not be square"),
        (volume_five_numbers, "goes into the scores"),
        (volume_in_floats, "dtype float32 where float64"),
    ],
    "label_components": [
        (components_always_4, "at a corner are neighbors"),
        (components_always_8, "only at a corner are not neighbors"),
        (components_any_class, "only if their classes are equal"),
        (components_with_background, "is background, class 0"),
        (components_wrap_around, "does not wrap around"),
        (components_flattened, "does not wrap around"),
        (components_recursive, "keep the pixels still to visit in a queue"),
        (components_are_classes, "the classes themselves"),
        (components_from_scipy, "it uses `ndimage.label`"),
        (components_one_pass, "one component carries 2 numbers"),
        (components_class_by_class, "go class by class"),
        (components_by_columns, "column by column"),
        (components_largest_first, "meets its first pixel"),
        (components_counts_the_background, "the count is 4; there are 3"),
        (components_from_zero, "numbered from 1"),
        (components_in_floats, "int64"),
    ],
    "head_to_conv": [
        (head_all_1x1, "has a 1×1 kernel"),
        (head_pools_to_size, "a Linear is left"),
        (head_rows_first, "channel, row, column"),
        (head_columns_first, "channel, column, row"),
        (head_flipped, "180 degrees"),
        (head_without_bias, "has no bias"),
        (head_bias_not_copied, "is not copied"),
        (head_always_with_bias, "pass bias=False"),
        (head_new_weights, "copy them"),
        (head_without_relu, "0 ReLUs"),
        (head_padded, "inside the map"),
        (head_square_kernels, "height comes first"),
        (head_single_precision, "float64"),
        (head_rounded, "lost precision"),
        (head_from_the_library, "of course_lib"),
        (head_all_large, "must be 1×1"),
    ],
}
ALTERNATES = {
    "pairwise_iou": [iou_by_loops, iou_in_numpy],
    "which_tasks": [tasks_by_pixels, tasks_by_class_map],
    "convert_panoptic": [code_by_six_functions],
    "convert_mask": [runs_in_numpy, runs_by_groupby],
    "read_volume": [volume_box_by_box],
    "label_components": [components_by_union_find, components_by_spreading, components_by_a_stack],
    "head_to_conv": [head_by_state_dicts],
}

TestExercise = exercise_tests("01_pixels_to_labels", MUTANTS, ALTERNATES)

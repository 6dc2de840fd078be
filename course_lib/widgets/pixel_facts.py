"""What each task says about one pixel, in the words of pixel_facts.js: the same arithmetic for the still picture.

A connected component is found without the instances. So two objects of one class that touch become one component, and an object that
another hides in part becomes two: `findings` names both, and what lies between the pieces.
"""

from dataclasses import dataclass

import numpy as np
import torch

from course_lib.ops import connected_components
from course_lib.widgets.base import format_number

VOID = 255


@dataclass
class Scene:
    """One picture and what is known about it; what the data set does not annotate is None.

    rgb (H, W, 3) uint8; semantic (H, W) int64, void 255; masks (M, H, W) bool; boxes M times [x1, y1, x2, y2]; panoptic (H, W) int64;
    objects: (number, class) each; owner (H, W) int64: the first object that covers a pixel, from 1, else 0.
    """

    rgb: np.ndarray
    semantic: np.ndarray | None
    masks: np.ndarray | None
    boxes: list | None
    panoptic: np.ndarray | None
    objects: list[tuple[int, int]] | None
    owner: np.ndarray
    classes: list[str]
    colors: list[list[int]]
    things: list[int]

    def layers(self) -> list[str]:
        """The layers that there is something to draw for."""
        there = {"image": self.rgb, "semantic": self.semantic, "instances": self.masks, "panoptic": self.panoptic}
        return [name for name, value in {**there, "components": self.semantic}.items() if value is not None]

    def components(self, connectivity: int) -> tuple[np.ndarray, list[list[int]]] | None:
        """Components of the thing classes: labels (H, W) int64 from 1 in reading order, and the numbers of the objects in each."""
        if self.semantic is None:
            return None
        values = np.where(np.isin(self.semantic, self.things), self.semantic + 1, 0)
        labels, count = connected_components(torch.from_numpy(values), connectivity)
        pairs = np.unique(np.stack([labels.numpy(), self.owner], -1)[self.owner > 0], axis=0).tolist()
        held = [sorted({self.objects[k - 1][0] for label, k in pairs if label == c}) for c in range(1, count + 1)]
        return labels.numpy(), held

    def segments(self, layer: str, connectivity: int) -> np.ndarray:
        """What is one segment in a layer: (H, W) int64, 0 for pixels in none."""
        if layer == "components":
            return self.components(connectivity)[0]
        if layer == "instances":
            return self.owner
        found = self.semantic if layer == "semantic" or self.panoptic is None else self.panoptic
        return self.owner if found is None else found + 1


def objects_of(masks, labels, panoptic, shape) -> tuple[list[tuple[int, int]] | None, np.ndarray]:
    """(number, class) of each object, and the owner map: from the masks where there are any, else from the panoptic map."""
    owner = np.zeros(shape, np.int64)
    if masks is not None:
        for k in range(len(masks), 0, -1):
            owner[masks[k - 1]] = k
        return [(k, label) for k, label in enumerate(labels, 1)], owner
    if panoptic is None:
        return None, owner
    ids = sorted((i for i in np.unique(panoptic).tolist() if i % 1000), key=lambda i: (i % 1000, i))
    for k, i in enumerate(ids, 1):
        owner[panoptic == i] = k
    return [(i % 1000, i // 1000) for i in ids], owner


def facts(scene: Scene, row: int, column: int, components) -> dict[str, str]:
    """Everything the course knows about a pixel, by name, in the browser's words."""
    at = row, column
    owner = int(scene.owner[at])
    if scene.semantic is not None:
        class_id = int(scene.semantic[at])
    elif scene.panoptic is not None:
        class_id = int(scene.panoptic[at]) // 1000
    else:
        class_id = scene.objects[owner - 1][1] if owner else None
    known = class_id not in (None, VOID)
    name = scene.classes[class_id] if known else "void"
    kind = "a thing" if known and class_id in scene.things else "stuff"
    red, green, blue = (f"{v / 255:.2f}" for v in scene.rgb[at].tolist())
    found = {"pixel": f"row {row}, column {column}", "image": f"red {red}, green {green}, blue {blue}"}
    if class_id is None:
        found["class"] = "none: no mask covers it"
    else:
        found["class"] = f"{name} ({class_id}), {kind}" if known else "void (255): no label, so it is not judged"
    if scene.objects is not None:
        found["instance"] = _instance(scene, at, name if known else None, kind)
    if scene.panoptic is not None:
        code = int(scene.panoptic[at])
        r, g, b = code % 256, code // 256 % 256, code // 65536
        found["panoptic id"] = f"{code // 1000}·1000 + {code % 1000} = {code}"
        found["COCO color"] = f"R {r}, G {g}, B {b}: {r} + 256·{g} + 65536·{b}"
    if components is not None:
        k, held = int(components[0][at]), components[1]
        none = f"none: {name} is stuff" if known else "none: no label"
        holds = f", holds {_tags(held[k - 1])}" if k and held[k - 1] else ""
        found["component"] = f"c{k} of {len(held)}{holds}" if k else none
    return found


def _instance(scene: Scene, at, name: str | None, kind: str) -> str:
    owner = int(scene.owner[at])
    here = [owner] if owner else []
    if scene.masks is not None:
        here = [k for k, mask in enumerate(scene.masks, 1) if mask[at]]
    if len(here) > 1:
        return f"{_tags(scene.objects[k - 1][0] for k in here)}: masks overlap"
    if not here:
        return f"none: {'no label' if name is None else f'{name} is stuff' if kind == 'stuff' else 'no mask covers it'}"
    box = ""
    if scene.boxes is not None and scene.masks is not None:
        box = f", box ({', '.join(format_number(v, 1) for v in scene.boxes[here[0] - 1])})"
    return f"#{scene.objects[here[0] - 1][0]} of {len(scene.objects)}{box}"


def findings(scene: Scene, components) -> list[str]:
    """For each thing class in the picture one sentence: how many objects, how many components, what became one, what was cut."""
    labels, held = components
    said = []
    for class_id in sorted(scene.things):
        mine = [k for k, (_, label) in enumerate(scene.objects or [], 1) if label == class_id]
        found = np.unique(labels[(labels > 0) & (scene.semantic == class_id)]).tolist()
        if not mine and not found:
            continue
        name = scene.classes[class_id]
        if scene.objects is None:
            said.append(f"{name}: {_count(len(found), 'component')}.")
            continue
        words = [f"{_tags(held[k - 1])} touch and became one (c{k})" for k in found if len(held[k - 1]) > 1]
        words += [cut for k in mine if (cut := _cut(scene, labels, k))]
        numbers = f"{name}: {_count(len(mine), 'instance')}, {_count(len(found), 'component')}"
        each = ", one each" if len(mine) == len(found) else ""
        said.append(f"{numbers}: {'; '.join(words)}." if words else f"{numbers}{each}.")
    return said or ["No thing in this picture, so no component."]


def _cut(scene: Scene, labels: np.ndarray, k: int) -> str:
    """The sentence about object k if its pixels lie in several components, else ""."""
    inside = np.flatnonzero((scene.owner == k) & (labels > 0))
    of = labels.ravel()[inside]
    pieces = sorted((inside[of == label] for label in np.unique(of)), key=lambda piece: (-len(piece), piece[0]))
    if len(pieces) < 2:
        return ""
    cutters = [_between(scene, k, piece, pieces[0]) for piece in pieces[1:]]
    names = list(dict.fromkeys(name for cutter in cutters for name in cutter or []))
    why = f" by {_list(names)}" if names else " that touch only at a corner" if None in cutters else ""
    into = ", ".join(f"c{label}" for label in np.unique(of).tolist())
    return f"#{scene.objects[k - 1][0]} is cut into {len(pieces)} pieces ({into}){why}"


def _between(scene: Scene, k: int, piece: np.ndarray, rest: np.ndarray) -> list[str] | None:
    """What lies between two pieces of object k, on the line between their nearest pixels; None where they touch at a corner."""
    width = scene.owner.shape[1]
    y, x = np.divmod(rest, width)
    best, line = None, (0, 0, 0, 0)
    for i in piece.tolist():
        r, c = divmod(i, width)
        distance = (r - y) ** 2 + (c - x) ** 2
        j = int(distance.argmin())
        if best is None or distance[j] < best:
            best, line = distance[j], (r, c, int(y[j]), int(x[j]))
    r, c, y, x = line
    steps = max(abs(y - r), abs(x - c))
    if steps == 1:
        return None
    names = []
    for t in range(1, steps):
        at = r + (2 * (y - r) * t + steps) // (2 * steps), c + (2 * (x - c) * t + steps) // (2 * steps)
        owner, class_id = int(scene.owner[at]), int(scene.semantic[at])
        if owner:
            number, label = scene.objects[owner - 1]
            names += [] if owner == k else [f"{scene.classes[label]} #{number}"]
        else:
            names.append("void" if class_id == VOID else scene.classes[class_id])
    return names


def _list(words: list[str]) -> str:
    return "".join(words) if len(words) < 2 else f"{', '.join(words[:-1])} and {words[-1]}"


def _tags(numbers) -> str:
    return _list([f"#{number}" for number in numbers])


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"

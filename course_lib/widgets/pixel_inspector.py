"""What does each task say about a pixel: its class, its object, its one number, its connected component?

The semantic map names the class, the instance set the object, the panoptic map both at once; connected components of the semantic
map look like instances until objects touch or hide one another.

The browser computes and draws all this (pixel_facts.js, pixel_inspector.js); pixel_facts.py repeats it for the still picture.
"""

import base64
import textwrap
from typing import Any

import numpy as np
import traitlets

from course_lib.widgets import pixel_facts
from course_lib.widgets.base import BLUE, INK, VERMILLION, CourseWidget
from course_lib.widgets.drawing import sheet, write
from course_lib.widgets.label_maps import (
    LARGEST,
    borders,
    centers,
    es_module_with_maps,
    lines,
    pack,
    pixels,
    tag,
    unpack,
)

LAYERS = ("image", "semantic", "instances", "panoptic", "components")
ROWS = {"semantic": "class", "instances": "instance", "panoptic": "panoptic id", "components": "component"}


class PixelInspector(CourseWidget):
    """Use `pixel_inspector`. The traits are the state; set layer, connectivity, row and column to move the widget."""

    _esm = es_module_with_maps("pixel_facts.js", "pixel_inspector.js")

    layer = traitlets.Enum(LAYERS, "image").tag(sync=True)
    connectivity = traitlets.Enum((4, 8), 4, help="neighbors of a pixel in the connected components").tag(sync=True)
    row = traitlets.Int(0, min=0).tag(sync=True)
    column = traitlets.Int(0, min=0).tag(sync=True)
    size = traitlets.List(help="[H, W]").tag(sync=True)
    pixels = traitlets.Unicode(help="the picture: base64 of H * W * 3 bytes").tag(sync=True)
    semantic = traitlets.Unicode("", help="packed (label_maps.pack); empty if the set has none").tag(sync=True)
    panoptic = traitlets.Unicode("", help="packed").tag(sync=True)
    masks = traitlets.Unicode("", help="packed, all masks one after another").tag(sync=True)
    labels = traitlets.List(None, allow_none=True, help="class of each mask; None if the set has no masks").tag(
        sync=True
    )
    boxes = traitlets.List(None, allow_none=True, help="[x1, y1, x2, y2] of each mask").tag(sync=True)
    classes = traitlets.List().tag(sync=True)
    colors = traitlets.List().tag(sync=True)
    things = traitlets.List().tag(sync=True)

    @traitlets.validate("layer")
    def _has_layer(self, proposal):
        there = self.scene().layers()
        if self.size and proposal.value not in there:
            raise traitlets.TraitError(f"layer must be one of {', '.join(there)} here, got {proposal.value!r}")
        return proposal.value

    @traitlets.validate("row", "column")
    def _is_inside(self, proposal):
        name = proposal.trait.name
        if self.size and proposal.value >= self.size[name == "column"]:
            raise traitlets.TraitError(f"{name} must be 0 to {self.size[name == 'column'] - 1}, got {proposal.value}")
        return proposal.value

    def scene(self) -> pixel_facts.Scene:
        """The picture and its annotations as arrays."""
        shape = tuple(self.size)
        semantic, panoptic = (unpack(text, shape) if text else None for text in (self.semantic, self.panoptic))
        masks = None if self.labels is None else unpack(self.masks, (len(self.labels), *shape)) > 0
        rgb = np.frombuffer(base64.b64decode(self.pixels), np.uint8).reshape(*shape, 3)
        objects, owner = pixel_facts.objects_of(masks, self.labels, panoptic, shape)
        return pixel_facts.Scene(
            rgb, semantic, masks, self.boxes, panoptic, objects, owner, self.classes, self.colors, self.things
        )

    def facts(self) -> dict[str, str]:
        """What is known about the pixel under the cursor, by name."""
        scene = self.scene()
        return pixel_facts.facts(scene, self.row, self.column, scene.components(self.connectivity))

    def findings(self) -> list[str]:
        """For each thing class a sentence: instances, components, what became one and what was cut. Empty without a semantic map."""
        scene = self.scene()
        components = scene.components(self.connectivity)
        return [] if components is None else pixel_facts.findings(scene, components)

    def describe(self) -> str:
        facts = self.facts()
        words = "; ".join(text if name == "pixel" else f"{name} {text}" for name, text in facts.items())
        found = f". {' '.join(self.findings())}" if self.layer == "components" else "."
        name = f"components, {self.connectivity} neighbors" if self.layer == "components" else self.layer
        return f"Pixel inspector, layer {name}: {words}{found}"

    def figure(self):
        scene, facts = self.scene(), self.facts()
        words = self.findings() if self.layer == "components" else []
        said = [line for sentence in words for line in textwrap.wrap(sentence, 122, subsequent_indent="   ")]
        height, width = self.size
        unit = 4.4 / max(height, width)
        tall = max(height * unit, 2.6)
        figure, ax = sheet(9.6, tall + 0.75 + 0.2 * len(said))
        write(ax, 0.2, 0.22, f"layer: {self.layer}", 9, weight="bold")
        _picture(ax, scene, self, (0.2, 0.4), unit)
        left, top = width * unit + 0.45, 0.55
        for name, text in facts.items():
            weight = "bold" if name == ROWS.get(self.layer, self.layer) else "normal"
            write(ax, left, top, name, 9, weight=weight, color=BLUE if weight == "bold" else "#4a4a4a")
            for line in textwrap.wrap(text, max(20, int((9.4 - left - 1) / 0.078))):
                write(ax, left + 1, top, line, 9, weight=weight)
                top += 0.2
            top += 0.1
        for index, line in enumerate(said):
            write(ax, 0.2, tall + 0.6 + 0.2 * index, line, 9)
        return figure


def _picture(ax, scene, inspector, corner, unit) -> None:
    """The layer in pixels of `unit` inches: colors, borders, numbers, the segment under the cursor, the cursor."""
    layer, (row, column) = inspector.layer, (inspector.row, inspector.column)
    segments = scene.segments(layer, inspector.connectivity)
    pixels(ax, _colors(scene, layer, segments), corner, unit)

    def draw(edges, *styles) -> None:
        lines(ax, edges, corner, unit, *styles)

    if layer != "image":
        draw(borders(segments), (INK, 0.7, "-"))
    if layer == "components" and scene.objects:
        lost = borders(np.where(segments > 0, scene.owner, 0), within=segments)
        draw(lost, (INK, 1.6, "-"), ("white", 1.2, (0, (2, 2))))
    here = segments[row, column]
    if here:
        draw(borders((segments == here).astype(int), outside=0), ("white", 3, "-"), (INK, 1.4, "-"))
    if here and layer == "instances" and scene.boxes is not None:
        x1, y1, x2, y2 = scene.boxes[here - 1]
        draw([[(x1, y1), (x2, y1), (x2, y2), (x1, y2), (x1, y1)]], (INK, 1.6, "-"), ("white", 1.2, (0, (3, 3))))
    square = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]
    for offsets in (square, [(0, -4), (0, -1)], [(0, 1), (0, 4)], [(-4, 0), (-1, 0)], [(1, 0), (4, 0)]):
        draw(np.array([offsets]) + np.array((column + 0.5, row + 0.5)), ("white", 2.6, "-"), (VERMILLION, 1.3, "-"))
    if layer in ("instances", "panoptic", "components"):
        for k, (r, c, _) in centers(segments if layer == "components" else scene.owner).items():
            tag(ax, f"c{k}" if layer == "components" else f"#{scene.objects[k - 1][0]}", r, c, corner, unit)


def _colors(scene, layer: str, segments: np.ndarray) -> np.ndarray:
    """The colors (H, W, 3) uint8 of a layer, as in the browser."""
    from course_lib.plots.palettes import PETROFF10, SHADES

    if layer == "image":
        return scene.rgb
    if layer in ("instances", "components"):
        gray = scene.rgb.mean(-1, keepdims=True) * 0.5 + 110
        shades = np.array([(0, 0, 0), *PETROFF10])[np.where(segments, (segments - 1) % len(PETROFF10) + 1, 0)]
        return np.where(segments[..., None] > 0, shades, gray).astype(np.uint8)
    ids = scene.semantic * 1000 if layer == "semantic" else scene.panoptic
    rows, columns = np.indices(ids.shape)
    out = np.where((rows + columns) % 4 == 0, 96, 0)[..., None].repeat(3, -1).astype(float)  # void is black, hatched
    for number in np.unique(ids[ids // 1000 != pixel_facts.VOID]).tolist():
        share = SHADES[(number % 1000 - 1) % len(SHADES)] if number % 1000 else 0.0
        color = np.array(scene.colors[number // 1000], float)
        out[ids == number] = color + abs(share) * ((255.0 if share > 0 else 0.0) - color)
    return out.round().astype(np.uint8)


def pixel_inspector(
    image: Any, target: dict, dataset: Any, *, layer: str | None = None, connectivity: int = 4
) -> PixelInspector:
    """An inspector of one sample of a data set: what is known about each pixel, and the layers image, semantic, instances, panoptic
    and (connected) components.

    image (3, H, W) float in [0, 1], sides of 1 to 256; target: a sample's dict, of which semantic (H, W), masks (M, H, W) with labels
    (M,), boxes (M, 4) and panoptic (H, W) are shown; what is absent is left out. dataset: anything with `classes`, `colors`, `things`.
    layer: where it starts, by default the richest that the target has; connectivity 4 or 8, of the components. The cursor starts on
    the largest object. ValueError for anything else.
    """
    from course_lib.plots.pictures import as_rgb

    rgb = as_rgb(image)
    shape = rgb.shape[:2]
    if max(shape) > LARGEST:
        raise ValueError(
            f"pixel_inspector: the image is {shape[0]}×{shape[1]}; its sides must be at most {LARGEST} pixels"
        )
    if connectivity not in (4, 8):
        raise ValueError(f"pixel_inspector: connectivity must be 4 or 8, got {connectivity!r}")
    known = [name for name in ("semantic", "masks", "panoptic") if name in target]
    if not known:
        raise ValueError("pixel_inspector: target must have at least one of semantic, masks and panoptic, it has none")
    arrays = {name: np.asarray(target[name]).astype(np.int64) for name in known}
    for name, array in arrays.items():
        if array.shape[-2:] != shape or array.ndim != (3 if name == "masks" else 2):
            raise ValueError(
                f"pixel_inspector: {name} has shape {array.shape}, the image has (H, W) = {shape}; they must match"
            )
    count = len(dataset.classes)
    classes = {"semantic": arrays.get("semantic"), "panoptic": None, "labels": None}
    if "panoptic" in arrays:
        classes["panoptic"] = arrays["panoptic"] // 1000
    if "masks" in arrays:
        classes["labels"] = np.asarray(target.get("labels", []))
        if len(classes["labels"]) != len(arrays["masks"]):
            raise ValueError(
                f"pixel_inspector: target has {len(arrays['masks'])} masks and {len(classes['labels'])} labels; it needs one for each"
            )
    for name, ids in classes.items():
        allowed = range(count) if name == "labels" else [*range(count), pixel_facts.VOID]
        unknown = [] if ids is None else np.setdiff1d(ids, list(allowed)).tolist()
        if unknown:
            raise ValueError(
                f"pixel_inspector: {name} has class {unknown[0]}, the data set has classes 0 to {count - 1}"
            )

    labels = None if classes["labels"] is None else classes["labels"].astype(int).tolist()
    boxes = np.asarray(target["boxes"], float).tolist() if labels is not None and "boxes" in target else None
    inspector = PixelInspector(
        connectivity=connectivity,
        size=list(shape),
        pixels=base64.b64encode(rgb.tobytes()).decode("ascii"),
        labels=labels,
        boxes=boxes,
        classes=list(dataset.classes),
        colors=[list(map(int, color)) for color in dataset.colors],
        things=sorted(map(int, dataset.things)),
        **{name: pack(array) for name, array in arrays.items()},
    )
    scene = inspector.scene()
    if layer is not None and layer not in scene.layers():
        raise ValueError(f"pixel_inspector: layer must be one of {', '.join(scene.layers())}, got {layer!r}")
    richest = "panoptic" if "panoptic" in arrays else known[0].replace("masks", "instances")
    inspector.layer = layer or richest
    sizes = np.bincount(scene.owner.ravel())[1:]
    inside = np.argwhere(scene.owner == sizes.argmax() + 1) if sizes.size else np.zeros((0, 2), int)
    start = inside[len(inside) // 4] if len(inside) else np.array(shape) // 2
    inspector.row, inspector.column = start.tolist()
    return inspector

"""The pixel inspector: the browser says the same as Python about every pixel; pointer, keys, layers; a real JupyterLab."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from skimage.measure import label

from course_lib.datasets import VOID, Scenes
from course_lib.ops import panoptic_to_rgb
from course_lib.widgets import PixelInspector, pixel_inspector

pytestmark = pytest.mark.needs("browser")

TOWN = SimpleNamespace(
    classes=("sky", "car", "person"), colors=((86, 180, 233), (213, 60, 50), (240, 200, 60)), things={1, 2}
)
ACTIVE_CELL = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"


def town(rows, masks=None, **more):
    """A small sample from rows of digits (9 = void): semantic, and masks of the given pixels with their classes."""
    semantic = torch.tensor([[VOID if d == "9" else int(d) for d in row] for row in rows.split()])
    target = {"semantic": semantic, **more}
    if masks is not None:
        target["masks"] = torch.zeros(len(masks), *semantic.shape, dtype=torch.bool)
        for mask, (pixels, _) in zip(target["masks"], masks, strict=True):
            for r, c in pixels:
                mask[r, c] = True
        target["labels"] = torch.tensor([label for _, label in masks], dtype=torch.int64)
    shape = (3, *semantic.shape)
    return torch.arange(np.prod(shape)).reshape(shape) / np.prod(shape), target, TOWN


def cross(c, rows=range(5)):
    return [(r, c) for r in rows]


CAR = [(r, c) for r in (1, 2) for c in (0, 1, 3, 4)]
HIDDEN = "00200 11211 11211 00200 00000"  # a car behind a person
TWO_CARS = "1111 1111 0000 0022 0000"
SAMPLES = {
    "hidden": town(HIDDEN, [(CAR, 1), (cross(2, range(4)), 2)]),
    "touching": town(TWO_CARS, [([(0, 0), (0, 1), (1, 0), (1, 1)], 1), ([(0, 2), (0, 3), (1, 2), (1, 3)], 1), ([(3, 2), (3, 3)], 2)]),
    "corner": town("1000 0100 0011 0011", [([(0, 0), (1, 1)], 1), ([(2, 2), (2, 3), (3, 2), (3, 3)], 1)]),
    "overlap": town("1110 1110 9900", [(cross(0, range(2)) + cross(1, range(2)), 1), (cross(1, range(2)) + cross(2, range(2)), 1)]),
    "three pieces": town("10201 10201 19911", [(cross(0, range(3)) + cross(4, range(3)), 1), (cross(2, range(2)), 2), ([(2, 3)], 1)]),
    "void between": town("19991 19991", [(cross(0, range(2)) + cross(4, range(2)), 1)]),
    "semantic alone": town(HIDDEN),
    "nothing to count": town("000 090 000", []),
    "unlabeled car": town("110 110 002", [([(2, 2)], 2)]),
}  # fmt: skip


def dust(seed, share):
    """Objects in many far pieces on patchy ground with void, so that what lies between them matters."""
    rng = np.random.default_rng(seed)
    ground = torch.from_numpy(rng.choice([0, 3, 4, VOID], (24, 20)))
    owner = torch.from_numpy(rng.choice(5, (24, 20), p=[1 - share, *[share / 4] * 4]))
    semantic = torch.tensor([0, 1, 1, 2, 2])[owner]
    target = {"semantic": torch.where(owner > 0, semantic, ground), "labels": torch.tensor([1, 1, 2, 2])}
    target["masks"] = owner == torch.arange(1, 5)[:, None, None]
    ground_classes = SimpleNamespace(
        classes=(*TOWN.classes, "tree", "road"), colors=(*TOWN.colors, (0, 110, 70), (110, 110, 118)), things={1, 2}
    )
    return torch.rand(3, 24, 20, generator=torch.Generator().manual_seed(seed)), target, ground_classes


def without(sample, *names):
    image, target, dataset = sample
    return image, {name: value for name, value in target.items() if name not in names}, dataset


def scenes():
    """Two whole samples of the course, dust, one sample with void, one each with the panoptic map and the masks alone."""
    ds = Scenes(21, (64, 80), seed=0)
    found = {f"scene {i}": (*ds[i], ds) for i in (16, 20)}
    image, target = ds[6]
    target = {name: value.clone() for name, value in target.items()}
    target["semantic"][20:30, 10:60] = VOID
    target["panoptic"][20:30, 10:60] = VOID * 1000
    target["masks"][:, 20:30, 10:60] = False
    found |= {f"dust {share}": dust(seed, share) for seed, share in enumerate((0.03, 0.1, 0.5))}
    found["with void"] = image, target, ds
    found["panoptic alone"] = without(found["with void"], "semantic", "masks", "labels", "boxes")
    found["masks alone"] = without(found["scene 16"], "semantic", "panoptic")
    return found


def test_the_browser_says_the_same_about_every_pixel(in_module):
    widgets = {name: pixel_inspector(*sample) for name, sample in (SAMPLES | scenes()).items()}
    body = """
        return data.map((state) => {
            const S = m.scene((name) => state[name]);
            const pixels = [...Array(S.area).keys()];
            const each = [4, 8].map((connectivity) => {
                const P = m.parts(S, connectivity);
                const layers = m.layersOf(S);
                const rows = pixels.map((i) => m.facts(S, i, P).map(([name, text]) => `${name}: ${text}`).join("; "));
                const segments = Object.fromEntries(layers.map((layer) => [layer, [...m.segments(S, layer, P)]]));
                const centers = Object.fromEntries(layers.map((layer) =>
                    [layer, [...m.centers(m.segments(S, layer, P), S.shape)].sort((a, b) => a[0] - b[0])]));
                return { rows, segments, centers, labels: P && [...P.label], findings: P ? m.findings(S, P) : [] };
            });
            return { layers: m.layersOf(S), each };
        });"""
    answers = in_module(PixelInspector, [widget.state() for widget in widgets.values()], body)
    for (name, widget), answer in zip(widgets.items(), answers, strict=True):
        scene, shape = widget.scene(), tuple(widget.size)
        assert answer["layers"] == scene.layers(), name
        for connectivity, said in zip((4, 8), answer["each"], strict=True):
            widget.connectivity = connectivity
            assert said["findings"] == widget.findings(), name
            components = scene.components(connectivity)
            rows = iter(said["rows"])
            for widget.row, widget.column in np.ndindex(shape):
                facts = _facts(widget, scene, components)
                assert "; ".join(f"{key}: {text}" for key, text in facts.items()) == next(rows), (name, facts)
            for layer in scene.layers():
                segments = scene.segments(layer, connectivity)
                assert np.array_equal(said["segments"][layer], segments.ravel()), (name, layer)
                assert [[k, list(spot)] for k, spot in _centers(segments).items()] == said["centers"][layer]
            if components is None:
                continue
            things = np.where(np.isin(scene.semantic, scene.things), scene.semantic + 1, 0)
            truth = label(things, background=0, connectivity=connectivity // 4)
            assert np.array_equal(said["labels"], truth.ravel()), name
            assert np.array_equal(truth, components[0]), name


def _facts(widget, scene, components):
    from course_lib.widgets.pixel_facts import facts

    return facts(scene, widget.row, widget.column, components)


def _centers(labels):
    from course_lib.widgets.label_maps import centers

    return centers(labels)


def test_the_panoptic_code_is_the_codec_of_the_course():
    ds = Scenes(21, 64, seed=0)
    image, target = ds[16]
    widget = pixel_inspector(image, target, ds)
    for _ in range(20):
        widget.row, widget.column = np.random.default_rng(widget.row).integers(0, 64, 2).tolist()
        red, green, blue = panoptic_to_rgb(target["panoptic"])[:, widget.row, widget.column].tolist()
        code = f"R {red}, G {green}, B {blue}: {red} + 256·{green} + 65536·{blue}"
        assert widget.facts()["COCO color"] == code
        assert red + 256 * green + 65536 * blue == target["panoptic"][widget.row, widget.column]


def test_borders_are_the_same_edges(in_module):
    maps = [np.random.default_rng(seed).integers(0, 3, (5, 7)) for seed in range(4)]
    body = """return data.map((map) => [false, true].map((rim) => {
        const [flat, shape] = [map.flat(), [map.length, map[0].length]];
        return m.borders((i, j) => flat[i] !== (flat[j] ?? 0), shape, rim);
    }));"""
    from course_lib.widgets.label_maps import borders

    for labels, paths in zip(maps, in_module(PixelInspector, [labels.tolist() for labels in maps], body), strict=True):
        for path, outside in zip(paths, (None, 0), strict=True):
            edges = {tuple(map(tuple, edge)) for edge in borders(labels, outside).tolist()}
            assert _edges(path) == edges


def _edges(path):
    """Unit edges ((x, y), (x, y)) of a path of M, h and v."""
    found = set()
    for piece in path.split("M")[1:]:
        start, length = piece.replace("v", "h").split("h")
        x, y = map(int, start.split())
        down = "v" in piece
        for k in range(int(length)):
            here = (x, y + k) if down else (x + k, y)
            found.add((here, (here[0] + (not down), here[1] + down)))
    return found


# --------------------------------------------------------------------------------------------------------- on a bare page
@pytest.fixture(scope="module")
def sample():
    ds = Scenes(21, 96, seed=0)
    return (*ds[16], ds)


def facts(page):
    rows = page.locator(".cw-facts > div").all_inner_texts()
    return dict(row.split("\n", 1) for row in rows)


def point(page, row, column, size=96):
    box = page.locator(".cw-px canvas").bounding_box()
    place = {"x": (column + 0.5) / size * box["width"], "y": (row + 0.5) / size * box["height"]}
    page.locator(".cw-px").hover(position=place)


def test_pointing(bare_page, sample):
    page = bare_page(pixel_inspector(*sample))
    point(page, 70, 60)
    panoptic = int(sample[1]["panoptic"][70, 60])
    assert facts(page)["pixel"] == "row 70, column 60"
    assert facts(page)["class"] == "car (6), a thing"
    assert facts(page)["panoptic id"] == f"6·1000 + {panoptic % 1000} = {panoptic}"
    point(page, 2, 3)
    assert facts(page)["class"] == "sky (0), stuff"
    assert facts(page)["instance"] == facts(page)["component"] == "none: sky is stuff"
    assert facts(page)["panoptic id"] == "0·1000 + 0 = 0"


def test_arrow_keys_move_the_cursor_and_speak(bare_page, sample):
    page = bare_page(pixel_inspector(*sample))
    picture = page.get_by_role("application")
    live = page.locator(".cw-facts")
    point(page, 50, 50)
    assert live.get_attribute("aria-live") == "off"
    picture.press("ArrowRight")
    picture.press("Shift+ArrowUp")
    assert facts(page)["pixel"] == "row 42, column 51"
    assert live.get_attribute("aria-live") == "polite"
    for _ in range(8):
        picture.press("Shift+ArrowLeft")
        picture.press("Shift+ArrowUp")
    assert facts(page)["pixel"] == "row 0, column 0"
    assert picture.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"


def test_keys_do_not_leak(bare_page, sample):
    """`bare_page` listens."""
    page = bare_page(pixel_inspector(*sample))
    page.get_by_role("application").press("ArrowDown")
    page.get_by_role("radio", name="semantic").press("d")


def test_layers(bare_page, sample):
    page = bare_page(pixel_inspector(*sample))
    current = page.locator(".cw-current dt")
    segment = page.locator(".cw-px-segment path").first
    assert page.get_by_role("radio", name="panoptic").is_checked()
    point(page, 70, 60)
    car = segment.get_attribute("d")
    outlines = {"panoptic": car}
    for layer, fact in (
        ("image", "image"),
        ("semantic", "class"),
        ("instances", "instance"),
        ("connected components", "component"),
    ):
        page.get_by_role("radio", name=layer).check()
        assert current.inner_text() == fact
        outlines[layer] = page.locator(".cw-px-segment path:not(.cw-dashed)").first.get_attribute("d")
    assert outlines["image"] == outlines["instances"] == car
    assert (
        len({outlines["semantic"], outlines["connected components"], car}) == 3
    )  # all cars, the merged ones, this one
    page.get_by_role("radio", name="instances").check()
    point(page, 2, 3)
    assert page.locator(".cw-px-segment path").count() == 0  # no object in the sky
    numbers = page.locator(".cw-px span").all_inner_texts()
    assert sorted(numbers) == sorted(f"#{k + 1}" for k in range(len(sample[1]["labels"])))


def test_the_colors_are_those_of_the_maps(bare_page, sample):
    image, target, ds = sample
    page = bare_page(pixel_inspector(*sample))
    read = """() => {
        const canvas = document.querySelector(".cw-px canvas");
        const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
        copy.drawImage(canvas, 0, 0);
        return [...copy.getImageData(0, 0, canvas.width, canvas.height).data];
    }"""
    page.get_by_role("radio", name="image").check()
    shown = torch.tensor(page.evaluate(read)).reshape(96, 96, 4)
    assert torch.equal(shown[..., :3], (image * 255).round().long().permute(1, 2, 0))
    assert (shown[..., 3] == 255).all()
    page.get_by_role("radio", name="semantic").check()
    shown = torch.tensor(page.evaluate(read)).reshape(96, 96, 4)
    assert torch.equal(shown[..., :3], torch.tensor(ds.colors)[target["semantic"].long()])


def test_components_merge_and_split(bare_page):
    page = bare_page(pixel_inspector(*SAMPLES["corner"], layer="components"))
    said = page.locator(".cw-verdict")
    assert (
        said.inner_text()
        == "car: 2 instances, 3 components: #1 is cut into 2 pieces (c1, c2) that touch only at a corner."
    )
    assert page.locator(".cw-px span").all_inner_texts() == ["c1", "c2", "c3"]
    page.get_by_role("radio", name="8 (and corners)").check()
    assert said.inner_text() == "car: 2 instances, 1 component: #1 and #2 touch and became one (c1)."
    assert page.locator(".cw-px-lost path").count() == 2
    page.get_by_role("radio", name="instances").check()
    assert said.is_hidden()
    assert page.get_by_role("radio", name="8 (and corners)").is_hidden()


PERSON = "person: 1 instance, 1 component, one each."


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hidden", ["car: 1 instance, 2 components: #1 is cut into 2 pieces (c2, c3) by person #2.", PERSON]),
        ("touching", ["car: 2 instances, 1 component: #1 and #2 touch and became one (c1).", PERSON]),
        ("void between", ["car: 1 instance, 2 components: #1 is cut into 2 pieces (c1, c2) by void."]),
        ("semantic alone", ["car: 2 components.", "person: 1 component."]),
        ("nothing to count", ["No thing in this picture, so no component."]),
    ],
)  # fmt: skip
def test_what_components_get_wrong(bare_page, name, words):
    page = bare_page(pixel_inspector(*SAMPLES[name], layer="components"))
    assert page.locator(".cw-verdict p").all_inner_texts() == words


def test_what_the_set_lacks_is_left_out(bare_page):
    page = bare_page(pixel_inspector(*SAMPLES["semantic alone"]))
    assert page.locator(".cw-options label:visible").all_inner_texts() == ["image", "semantic", "connected components"]
    assert list(facts(page)) == ["pixel", "image", "class", "component"]


def test_overlap_and_void(bare_page):
    page = bare_page(pixel_inspector(*SAMPLES["overlap"], layer="instances"))
    point(page, 0, 1, size=4)
    page.get_by_role("application").press("ArrowUp")
    assert facts(page)["instance"] == "#1 and #2: masks overlap"
    for _ in range(2):
        page.get_by_role("application").press("ArrowDown")
    assert facts(page)["class"] == "void (255): no label, so it is not judged"
    assert facts(page)["instance"] == facts(page)["component"] == "none: no label"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_is_readable(bare_page, weakest_text, sample, dark):
    page = bare_page(pixel_inspector(*sample, layer="components"), dark=dark)
    ratio, text = weakest_text(page, ".cw-facts dt", ".cw-facts dd")
    assert ratio >= 4.5, text


@pytest.mark.parametrize("layer", ["panoptic", "components"])
def test_a_narrow_page_does_not_scroll_sideways(bare_page, sample, layer):
    page = bare_page(pixel_inspector(*sample, layer=layer), width=400)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 400


def test_two_on_one_page_keep_to_themselves(bare_page, sample):
    page = bare_page(pixel_inspector(*sample), pixel_inspector(*SAMPLES["hidden"]))
    page.get_by_role("radio", name="semantic").nth(1).check()
    assert page.locator(".cw-root").evaluate_all("nodes => nodes.map((node) => node.dataset.layer)") == [
        "panoptic",
        "semantic",
    ]


# ---------------------------------------------------------------------------------------------------- in a real JupyterLab
def test_in_jupyterlab(notebook):
    page = notebook(
        "from course_lib import datasets, widgets",
        "scenes = datasets.Scenes(21, seed=0)\ninspector = widgets.pixel_inspector(*scenes[16], scenes)\ninspector",
    )
    picture = page.get_by_role("application")
    picture.wait_for()
    picture.click(position={"x": 5, "y": 5})
    page.until("print(inspector.row, inspector.column)", "0 0")
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:enter-command-mode')")
    picture.focus()
    before = page.evaluate(ACTIVE_CELL)
    for key in ("ArrowDown", "Shift+ArrowRight", "ArrowUp", "ArrowDown"):
        picture.press(key)
    page.until("print(inspector.row, inspector.column)", "1 8")
    assert page.evaluate(ACTIVE_CELL) == before
    page.get_by_role("radio", name="connected components").check()
    page.get_by_role("radio", name="8 (and corners)").check()
    page.until("print(inspector.layer, inspector.connectivity)", "components 8")
    page.until("inspector.layer, inspector.row, inspector.column = 'instances', 70, 60", "")
    page.locator(".cw-facts", has_text="row 70, column 60").wait_for()
    assert page.locator(".cw-current dt").inner_text() == "instance"
    page.until("print(inspector.facts()['class'])", "car (6), a thing")

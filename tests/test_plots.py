"""Pictures: what is drawn where, in which colors, and how it reaches the page."""

import base64
import io
import subprocess
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib import plots
from course_lib.plots import pictures
from course_lib.plots.png import SMALL, to_png

CLASSES, COLORS = ("sky", "road", "car"), ((200, 220, 255), (90, 90, 90), (200, 30, 30))


@pytest.fixture
def scene():
    """An 8x12 image with sky over road, two touching cars and a void corner, and every truth of it."""
    semantic = torch.zeros(8, 12, dtype=torch.long)
    semantic[4:] = 1
    semantic[3:6, 2:8] = 2
    semantic[0, 0] = 255
    masks = torch.zeros(2, 8, 12, dtype=torch.bool)
    masks[0, 3:6, 2:5] = masks[1, 3:6, 5:8] = True
    panoptic = semantic * 1000 + masks[0].long() + 2 * masks[1].long()
    image = torch.full((3, 8, 12), 0.5)
    return (
        image,
        {"semantic": semantic, "masks": masks, "panoptic": panoptic},
        SimpleNamespace(classes=CLASSES, colors=COLORS),
    )


def pixels(fig) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(to_png(fig)[0])).convert("RGB"))


# Palettes

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


def least_distance(colors, blindness) -> float:
    """The smallest CIE76 distance between two colors (0..255) as seen with that blindness; about 2 is just noticeable."""
    c = np.array(colors) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ BLINDNESS[blindness].T
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    )
    xyz = linear.clip(0, 1) @ to_xyz.T / [0.95047, 1, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    lab = np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)
    return min(np.linalg.norm(lab[i] - lab[j]) for i in range(len(lab)) for j in range(i))


def rgb(color: str) -> tuple[int, ...]:
    return tuple(int(color[i : i + 2], 16) for i in (1, 3, 5))


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_palettes_are_distinguishable_to_color_blind_readers(blindness):
    assert least_distance(plots.OKABE_ITO, blindness) > 15
    assert least_distance(plots.PETROFF10, blindness) > 15
    assert least_distance([rgb(plots.TP), rgb(plots.FP), rgb(plots.FN)], blindness) > 40


def test_the_simulation_finds_red_and_green_alike():
    red_green = ((214, 39, 40), (44, 160, 44))
    assert least_distance(red_green, "none") > 100
    assert least_distance(red_green, "deuteranopia") < 10


def test_palettes_are_the_published_ones():
    assert len(plots.OKABE_ITO) == 7
    assert plots.OKABE_ITO[:2] == ((230, 159, 0), (86, 180, 233))
    assert len(set(plots.PETROFF10)) == 10
    assert plots.PETROFF10[0] == (63, 144, 218)
    assert (plots.TP, plots.FP, plots.FN) == ("#009E73", "#E69F00", "#0072B2")


# Label maps to colors


def test_semantic_rgb(scene):
    out = plots.semantic_rgb(scene[1]["semantic"], COLORS)
    assert out.shape == (8, 12, 3)
    assert out.dtype == np.uint8
    assert tuple(out[0, 0]) == (0, 0, 0)  # void
    assert tuple(out[0, 1]) == COLORS[0]
    assert tuple(out[4, 3]) == COLORS[2]


@pytest.mark.parametrize("bad", [3, -1, 254])
def test_a_class_without_color_is_named(bad):
    with pytest.raises(
        ValueError, match=rf"^semantic_rgb: class {bad} has no color; ids run from 0 to 2, 255 is void$"
    ):
        plots.semantic_rgb(np.full((2, 2), bad), COLORS)
    if bad >= 0:
        with pytest.raises(ValueError, match=rf"^panoptic_rgb: class {bad} has no color"):
            plots.panoptic_rgb(np.full((2, 2), bad * 1000), COLORS)


def test_label_maps_must_be_two_dimensional_integers():
    with pytest.raises(
        ValueError, match=r"^semantic_rgb: labels have shape \(1, 2, 2\) and dtype int64; give \(H, W\) integers$"
    ):
        plots.semantic_rgb(torch.zeros(1, 2, 2, dtype=torch.long), COLORS)
    with pytest.raises(ValueError, match="dtype float32"):
        plots.semantic_rgb(torch.zeros(2, 2), COLORS)


def test_panoptic_rgb_keeps_the_hue_and_varies_the_shade(scene):
    out = plots.panoptic_rgb(scene[1]["panoptic"], COLORS).astype(int)
    assert tuple(out[0, 0]) == (0, 0, 0)
    assert tuple(out[0, 1]) == COLORS[0]
    assert tuple(out[7, 1]) == COLORS[1]
    first, second = out[4, 3], out[4, 6]
    assert np.abs(first - second).sum() > 60
    for shade in (first, second):
        assert shade[0] > shade[1] + 30  # still red
        assert shade[1] == shade[2]


def test_panoptic_shades_of_five_instances_differ():
    out = plots.panoptic_rgb(np.array([[2001, 2002, 2003, 2004, 2005, 255000]]), COLORS)
    assert len({tuple(pixel) for pixel in out[0]}) == 6


# Pictures


def test_as_rgb_takes_tensors_and_arrays():
    image = torch.zeros(3, 4, 5)
    image[0] = 1.0
    expected = np.zeros((4, 5, 3), np.uint8)
    expected[..., 0] = 255
    np.testing.assert_array_equal(plots.as_rgb(image), expected)
    np.testing.assert_array_equal(plots.as_rgb((image * 255).to(torch.uint8)), expected)
    np.testing.assert_array_equal(plots.as_rgb(expected), expected)
    np.testing.assert_array_equal(plots.as_rgb(image.requires_grad_()), expected)
    assert (
        plots.as_rgb(torch.ones(1, 4, 5)).tolist()
        == plots.as_rgb(np.ones((4, 5), bool)).tolist()
        == np.full((4, 5, 3), 255).tolist()
    )


def test_a_normalized_image_is_refused():
    with pytest.raises(
        ValueError,
        match=r"^as_rgb: image has values from -2\.1 to 2\.6; give \[0, 1\]: undo a normalization, or rescale$",
    ):
        plots.as_rgb(torch.tensor([-2.1, 2.6]).repeat(3, 2, 1))
    with pytest.raises(ValueError, match=r"^as_rgb: image has shape \(4, 5, 2\)"):
        plots.as_rgb(torch.zeros(2, 4, 5))
    with pytest.raises(ValueError, match="from nan"):
        plots.as_rgb(torch.full((3, 2, 2), torch.nan))


def test_pixels_grow_by_whole_factors_and_shrink_to_fit():
    assert pictures.page_size(96, 96, 232) == (192, 192)
    assert pictures.page_size(360, 480, 240) == (180, 240)
    assert pictures.page_size(25, 4, 464) == (475, 76)  # a tall one
    checks = np.indices((4, 4)).sum(0) % 2 * 255
    big = pictures.fit(np.repeat(checks[..., None], 3, -1).astype(np.uint8), 40)
    np.testing.assert_array_equal(big[5::10, 5::10, 0], checks)
    assert set(np.unique(big)) == {0, 255}


def test_contours_are_one_pixel_thin_at_any_size(scene):
    for width in (12, 120, 480):
        labels = pictures.fit_labels(scene[1]["semantic"].numpy(), width)
        line = pictures.contours(labels)
        column = line[:, labels.shape[1] * 11 // 12]  # crosses sky | road once
        assert column.sum() == 1


def test_an_overlay_tints_outlines_and_leaves_void_alone(scene):
    image, target, _ = scene
    out = plots.overlay_rgb(image, target["semantic"], COLORS, alpha=0.5, width=120).astype(int)
    assert out.shape == (80, 120, 3)
    assert np.abs(out[15, 115] - (np.array(COLORS[0]) + 128) / 2).max() <= 1
    assert np.abs(out[5, 5] - 128).max() <= 1  # void
    edge = out[39, 110]  # the last row of sky over road
    assert edge.max() < 70 or edge.min() > 185
    assert np.abs(edge - out[38, 110]).max() > 60


def test_an_overlay_is_not_shrunk_again_in_a_contact_sheet():
    out = plots.overlay_rgb(torch.rand(3, 300, 400), torch.zeros(300, 400, dtype=torch.long), COLORS)
    (ax,) = plots.contact_sheet([out]).axes
    np.testing.assert_array_equal(ax.images[0].get_array(), out)


def test_an_overlay_of_unequal_sizes_is_refused(scene):
    with pytest.raises(ValueError, match=r"^overlay: image is \(8, 12\) but semantic is \(4, 4\); give the same size$"):
        plots.overlay_rgb(scene[0], torch.zeros(4, 4, dtype=torch.long), COLORS)


# Figures


def test_a_contact_sheet_shows_every_pixel_where_it_belongs():
    images = torch.rand(5, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    fig = plots.contact_sheet(images, list("abcde"), columns=2)
    assert len(fig.axes) == 5
    assert [text.get_text() for text in fig.texts] == list("abcde")
    left, top = 8, 8 + 17  # a gap, a gap and a line of text
    scale = pictures.page_size(8, 12, 444)[1] // 12
    centers = slice(top + scale // 2, top + 8 * scale, scale), slice(left + scale // 2, left + 12 * scale, scale)
    shown = pixels(fig)[centers]
    np.testing.assert_array_equal(shown, plots.as_rgb(images[0]))


def test_a_contact_sheet_mixes_sizes_and_wraps_titles():
    sheet = plots.contact_sheet(
        [torch.zeros(3, 96, 96), torch.zeros(3, 400, 300)], ["short", "a title that is much too long for its picture"]
    )
    assert "\n" in sheet.texts[1].get_text()
    boxes = [ax.get_window_extent() for ax in sheet.axes]
    assert not boxes[0].overlaps(boxes[1])


def test_a_contact_sheet_of_nothing_or_with_other_titles():
    with pytest.raises(ValueError, match=r"^contact_sheet: 0 images in 4 columns"):
        plots.contact_sheet([])
    with pytest.raises(ValueError, match=r"^contact_sheet: 1 titles for 2 images; give one title for each image$"):
        plots.contact_sheet(torch.zeros(2, 3, 8, 8), ["one"])


def test_side_by_side_is_one_row():
    fig = plots.side_by_side([torch.zeros(3, 8, 8)] * 3, ["a", "b", "c"])
    assert len({round(ax.get_position().y0, 6) for ax in fig.axes}) == 1
    assert fig.get_figwidth() * fig.dpi <= 912


def test_an_overlay_has_a_legend_of_the_classes_that_occur(scene):
    image, target, _ = scene
    target["semantic"][target["semantic"] == 1] = 0
    fig = plots.overlay(image, target["semantic"], CLASSES, COLORS)
    (legend,) = fig.legends
    assert [text.get_text() for text in legend.get_texts()] == ["sky", "car", "void"]
    assert tuple(np.round(np.array(legend.get_patches()[1].get_facecolor()[:3]) * 255).astype(int)) == COLORS[2]
    box = (
        legend.get_window_extent(fig.canvas.get_renderer())
        if hasattr(fig.canvas, "get_renderer")
        else legend.get_window_extent()
    )
    assert not box.overlaps(fig.axes[0].get_window_extent())
    assert fig.bbox.contains(box.x0, box.y0)
    assert fig.bbox.contains(box.x1, box.y1)


def test_more_than_ten_classes_are_named_in_the_picture():
    semantic = torch.arange(12).repeat_interleave(10).repeat(60, 1)
    names, colors = [f"class{i}" for i in range(12)], [(i * 20, 100, 100) for i in range(12)]
    written = {
        text.get_text() for text in plots.overlay(torch.zeros(3, 60, 120), semantic, names, colors).axes[0].texts
    }
    assert written == set(names)
    few = plots.overlay(torch.zeros(3, 60, 120), semantic % 10, names[:10], colors[:10])
    assert not few.axes[0].texts


def test_tasks_shows_what_is_annotated(scene):
    image, target, dataset = scene
    fig = plots.tasks(image, target, dataset)
    assert len(fig.axes) == 4
    assert [text.get_text() for text in fig.axes[2].texts] == ["1", "2"]
    assert len(plots.tasks(image, {"semantic": target["semantic"]}, dataset).axes) == 2
    assert len(plots.tasks(image, {"panoptic": target["panoptic"]}, dataset).axes) == 2
    assert len(plots.tasks(image, {}, dataset).axes) == 1


def test_numbered_instances_stand_inside_their_objects(scene):
    image, target, dataset = scene
    ax = plots.tasks(image, target, dataset).axes[2]
    scale = ax.images[0].get_array().shape[1] // 12
    for text, mask in zip(ax.texts, target["masks"], strict=True):
        x, y = (int(v) // scale for v in text.get_position())
        assert mask[y, x]


def test_difference_marks_errors_and_ignores_void(scene):
    _, target, _ = scene
    truth = target["semantic"]
    wrong = truth.clone()
    wrong[0, 0] = 1  # void in the truth
    wrong[7, :6] = 2  # six wrong pixels of 95
    fig = plots.difference(wrong, truth, CLASSES, COLORS)
    assert [text.get_text() for text in fig.texts] == [
        "prediction",
        "truth",
        f"hatched: {6 / 95:.1%} differ; gray: equal",
    ]
    third = fig.axes[2].images[0].get_array()
    scale = third.shape[1] // 12
    cell = third[7 * scale : 8 * scale, :scale].reshape(-1, 3)
    assert rgb(plots.FP) in set(map(tuple, cell.tolist()))
    assert len(set(map(tuple, cell.tolist()))) == 2  # hatched
    equal = third[:scale, : 12 * scale].reshape(-1, 3)
    assert len(set(map(tuple, equal.tolist()))) == 1


def test_difference_of_masks_tells_three_kinds():
    left, right = torch.zeros(4, 6, dtype=torch.bool), torch.zeros(4, 6, dtype=torch.bool)
    left[:, :4], right[:, 2:] = True, True
    fig = plots.difference(left, right)
    third = fig.axes[2].images[0].get_array()
    scale = third.shape[1] // 6
    kinds = [set(map(tuple, third[:, i * scale : (i + 1) * scale].reshape(-1, 3).tolist())) for i in range(6)]
    assert rgb(plots.FP) in kinds[0]
    assert rgb(plots.FN) in kinds[5]
    assert kinds[0] == kinds[1]
    assert kinds[4] == kinds[5]
    assert len(kinds[2]) == 1  # plain
    assert kinds[2].isdisjoint(kinds[0] | kinds[5])
    names = [text.get_text() for text in fig.legends[0].get_texts()]
    assert names == ["true positive", "false positive", "false negative"]


def test_difference_with_bad_input(scene):
    with pytest.raises(ValueError, match=r"^difference: left is \(2, 2\) but right is \(3, 3\); give the same size$"):
        plots.difference(torch.zeros(2, 2, dtype=torch.long), torch.zeros(3, 3, dtype=torch.long), CLASSES, COLORS)
    with pytest.raises(ValueError, match=r"^difference: classes and colors are missing"):
        plots.difference(scene[1]["semantic"], scene[1]["semantic"])


def test_legend_needs_as_many_colors_as_classes():
    fig = plots.contact_sheet([torch.zeros(3, 8, 8)])
    assert [t.get_text() for t in plots.legend(fig.axes[0], CLASSES, COLORS, loc="upper left").get_texts()] == list(
        CLASSES
    )
    with pytest.raises(ValueError, match=r"^legend: 3 classes but 2 colors; give one color for each class$"):
        plots.legend(fig.axes[0], CLASSES, COLORS[:2])


def test_curves():
    history = SimpleNamespace(
        loss=[2.0, 1.0, 0.5, 0.25],
        losses={"mask": [1.0, 0.5, 0.3, 0.1], "box": [1.0, 0.5, 0.2, 0.15]},
        metrics=[{"step": 2, "miou": 0.25, "iou": [0.1, 0.4]}, {"step": 4, "miou": 0.5, "iou": [0.3, 0.7]}],
    )
    left, right = plots.curves(history).axes
    assert [line.get_label() for line in left.lines] == ["each step", "running mean", "mask", "box"]
    assert len({line.get_linestyle() for line in left.lines[1:]}) == 3  # not by color alone
    assert left.lines[0].get_ydata().tolist() == history.loss
    (miou,) = right.lines
    assert miou.get_xydata().tolist() == [[2, 0.25], [4, 0.5]]
    assert len(plots.curves(SimpleNamespace(loss=[1.0], losses={}, metrics=[])).axes) == 1
    with pytest.raises(ValueError, match=r"^curves: history has no steps"):
        plots.curves(SimpleNamespace(loss=[], losses={}, metrics=[]))


def test_rankings_draw_places_name_the_first_and_let_ties_be_ties():
    scores = {"a": [0.9, 0.20004, 0.1], "b": [0.5, 0.2, 0.7], "c": [0.1, 0.1999, 0.3], "d": [0.7, 0.4, 0.6]}
    (ax,) = plots.rankings(scores, ["x", "y", "z"], colored=["d", "a"]).axes
    places = {line.get_label(): line.get_ydata().tolist() for line in ax.lines}
    assert places == {"a": [1, 3, 4], "b": [3, 3, 1], "c": [4, 3, 3], "d": [2, 1, 2]}
    colors = {line.get_label(): line.get_color() for line in ax.lines}
    assert colors["b"] == colors["c"]
    assert len(set(colors.values())) == 3
    first = [text.get_text() for text in ax.texts if text.get_va() == "bottom"]
    assert first == ["a", "d", "b"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first on top


def test_rankings_with_bad_input():
    with pytest.raises(ValueError, match=r"^rankings: give each answer 2 scores, one for each metric$"):
        plots.rankings({"a": [0.1, 0.2], "b": [0.1]}, ["x", "y"])
    with pytest.raises(ValueError, match=r"^rankings: colored has \['c'\]; give at most 7 names that have scores$"):
        plots.rankings({"a": [0.1]}, ["x"], colored=["c"])


# The PNG


def test_a_large_picture_is_reduced_but_class_colors_stay_exact():
    noise = torch.rand(3, 360, 480, generator=torch.Generator().manual_seed(0))
    semantic = torch.zeros(360, 480, dtype=torch.long)
    semantic[:, 240:] = 1
    fig = plots.overlay(noise, semantic, CLASSES, COLORS)
    png, width, height = to_png(fig)
    assert Image.open(io.BytesIO(png)).mode == "P"
    assert len(png) < 3 * SMALL
    page = pixels(fig)
    assert page.shape == (height, width, 3)
    patches = [patch.get_window_extent() for patch in fig.legends[0].get_patches()]
    for box, color in zip(patches, COLORS, strict=False):
        assert tuple(page[height - round((box.y0 + box.y1) / 2), round((box.x0 + box.x1) / 2)]) == color


@pytest.mark.needs("data")
def test_a_contact_sheet_of_photographs_is_small(test_data):
    from course_lib.datasets import CamVid

    street = CamVid(test_data / "camvid", "val")
    png, width, _ = to_png(plots.contact_sheet([street[i][0] for i in range(0, 96, 12)]))
    assert len(png) < 150_000
    assert width <= 912


def test_nothing_that_pokes_out_is_cut_off():
    fig = plots.contact_sheet([torch.zeros(3, 8, 8)])
    _, width, height = to_png(fig)
    assert abs(width - fig.get_figwidth() * 100) <= 1.01  # versions of matplotlib round the last pixel differently
    assert abs(height - fig.get_figheight() * 100) <= 1.01
    fig.text(1.2, 0.5, "beside the picture")
    assert to_png(fig)[1] > width + 50


# show


def test_show_needs_words_and_a_figure(capsys):
    fig = plots.contact_sheet([torch.zeros(3, 8, 8)])
    for alt in ("", "  ", None):
        with pytest.raises(ValueError, match=r"^show: alt is .*; say in words what the figure shows$"):
            plots.show(fig, alt=alt)
    with pytest.raises(TypeError, match=r"^show: fig is a ndarray; give a matplotlib Figure$"):
        plots.show(np.zeros((2, 2)), alt="zeros")
    assert capsys.readouterr().out == ""


def test_plain_python_prints_the_alternative_text():
    code = (
        "import sys, torch\nfrom course_lib import plots\n"
        "plots.show(plots.side_by_side([torch.zeros(3, 8, 8)]), alt='a black\\n  square')\n"
        "print([name for name in ('matplotlib.pyplot', 'IPython', 'tkinter') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "Figure: a black square\n[]\n"  # and no backend was chosen


CELLS = [
    "import torch\nfrom course_lib import plots\n%matplotlib inline\nimport matplotlib.pyplot as plt",
    "plots.show(plots.contact_sheet(torch.zeros(2, 3, 8, 8)), alt='two \"black\" <squares> & more')",
    "fig, ax = plt.subplots()\nax.plot([1, 2])\nplots.show(fig, alt='a rising line')",
    "sheet = plots.contact_sheet(torch.zeros(2, 3, 8, 8))",  # made, not shown
    "plots.curves  # still works afterwards\nplt.plot([1, 2]);",
    "print(len(plt.get_fignums()))",
]


@pytest.fixture(scope="module")
def notebook():
    """CELLS, run by a real kernel."""
    import nbformat
    from nbclient import NotebookClient

    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    NotebookClient(nb, kernel_name="python3", timeout=120).execute()
    return nb


def test_show_publishes_one_bundle(notebook):
    (output,) = notebook.cells[1].outputs
    assert output.output_type == "display_data"
    assert set(output.data) == {"text/html", "image/png", "text/plain"}
    assert output.data["text/plain"] == 'Figure: two "black" <squares> & more'
    assert 'alt="two &quot;black&quot; &lt;squares&gt; &amp; more"' in output.data["text/html"]
    assert output.data["image/png"].strip() in output.data["text/html"]
    picture = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"])))
    assert output.metadata["image/png"]["alt"] == 'two "black" <squares> & more'
    assert (output.metadata["image/png"]["width"], output.metadata["image/png"]["height"]) == picture.size


def test_a_figure_of_pyplot_is_shown_once_and_closed(notebook):
    assert len(notebook.cells[2].outputs) == 1
    assert notebook.cells[2].outputs[0].data["text/plain"] == "Figure: a rising line"
    assert notebook.cells[3].outputs == []
    assert len(notebook.cells[4].outputs) == 1  # the inline backend goes on as before
    assert notebook.cells[5].outputs[0].text == "0\n"


def test_an_html_page_of_the_notebook_keeps_the_alternative_text(notebook):
    nbconvert = pytest.importorskip("nbconvert")
    page, _ = nbconvert.HTMLExporter(template_name="basic").from_notebook_node(notebook)
    alts = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: alts.append(dict(attributes).get("alt")) if tag == "img" else None
    parser.feed(page)
    assert alts[:2] == ['two "black" <squares> & more', "a rising line"]

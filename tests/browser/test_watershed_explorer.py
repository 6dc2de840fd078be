"""The watershed explorer: distance, markers and flood are scipy's and scikit-image's; sliders, water, rows; a real JupyterLab."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import label
from skimage.morphology import h_maxima, local_maxima
from skimage.segmentation import watershed as scikit_watershed

from course_lib.datasets import Cells
from course_lib.widgets import WatershedExplorer, watershed, watershed_explorer
from course_lib.widgets.label_maps import pack

pytestmark = pytest.mark.needs("browser")

DEPTHS = [k / 4 for k in range(21)]  # every position of the slider
ACTIVE_CELL = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"


def blobs(count, seed=0):
    """Masks of smoothed noise, from fine dust to large blots, of odd sizes."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        noise = ndimage.gaussian_filter(rng.normal(size=rng.integers(2, 48, 2)), rng.uniform(0.3, 3))
        found.append(noise > np.quantile(noise, rng.uniform(0.1, 0.7)))
    return found


def nuclei(index, size=64):
    """A mask of nuclei that touch (the lines between them are closed) and the true ones."""
    _, target = Cells(4, size, seed=3)[index]
    truth = target["masks"].numpy().astype(bool)
    closed = ndimage.binary_closing(np.pad(truth.any(0), 2), ndimage.generate_binary_structure(2, 1))[2:-2, 2:-2]
    return closed | truth.any(0), truth


def disks(*places, shape=(32, 48)):
    """A mask of overlapping disks (row, column, radius), and one mask of each."""
    y, x = np.indices(shape)
    truth = np.stack([(y - r) ** 2 + (x - c) ** 2 < radius**2 for r, c, radius in places])
    return truth.any(0), truth


TWINS = disks((16, 15, 10), (16, 31, 9))
CAPSULE = np.zeros((20, 40), bool)
CAPSULE[5:12, 4:36] = True


def same(values, truth):
    """Are the browser's numbers, in reading order, exactly these? (A bool: a failing list would take minutes to print.)"""
    return np.array_equal(np.array(values).reshape(truth.shape), truth)


def test_distance_markers_and_flood_at_every_depth(in_module):
    masks = [*blobs(24), CAPSULE, ~CAPSULE, TWINS[0], *(nuclei(k)[0] for k in range(2))]
    body = """
        return data.masks.map(([packed, shape]) => {
            const dist = m.distanceMap(m.unpack(packed, shape[0] * shape[1]), shape);
            const [dyn, land] = [m.dynamics(dist, shape), m.terrain(dist)];
            const divided = data.depths.map((h) => {
                const { label: marker, count } = m.markers(dyn, shape, h);
                const { label, level } = m.flood(land, marker, shape);
                return { marker: [...marker], count, label: [...label], level: [...level] };
            });
            return { dist: [...dist], divided, colors: m.basinColors(m.markers(dyn, shape, 0), shape) };
        });"""
    answers = in_module(
        WatershedExplorer, {"depths": DEPTHS, "masks": [[pack(mask), mask.shape] for mask in masks]}, body
    )
    pixels = ties = 0
    for mask, answer in zip(masks, answers, strict=True):
        distance = ndimage.distance_transform_edt(mask)
        assert same(answer["dist"], distance)
        assert answer["colors"] == watershed.basin_colors(watershed.markers(distance, 0))[1:].tolist()
        for h, divided in zip(DEPTHS, answer["divided"], strict=True):
            maxima = h_maxima(distance, h) if h else local_maxima(distance) & mask
            marker = label(maxima, connectivity=2)
            assert same(divided["marker"], marker), h
            assert divided["count"] == marker.max()
            regions, level = watershed.flood(distance, marker)
            assert same(divided["label"], regions), h
            assert same(divided["level"], level), h
            theirs = scikit_watershed(-distance, marker, mask=mask)
            assert ((theirs > 0) == (regions > 0)).all()
            pixels, ties = pixels + mask.sum(), ties + (theirs != regions).sum()
    assert ties < 0.01 * pixels  # equal heights, which scikit-image takes in an order of its own
    assert pixels > 100_000


def test_without_ties_the_flood_is_scikit_images(in_module):
    rng = np.random.default_rng(1)
    terrains = []
    for mask in [*blobs(20, seed=1), TWINS[0]]:
        height = ndimage.distance_transform_edt(mask)
        terrains.append(np.where(mask, height + rng.uniform(0, 0.5, mask.shape), 0))
    body = """
        return data.map(([dist, shape]) => {
            const dyn = m.dynamics(Float64Array.from(dist), shape);
            return [0, 0.1, 0.5, 1, 2].map((h) => {
                const marker = m.markers(dyn, shape, h).label;
                return [[...marker], [...m.flood(m.terrain(dist), marker, shape).label]];
            });
        });"""
    answers = in_module(WatershedExplorer, [[terrain.ravel().tolist(), terrain.shape] for terrain in terrains], body)
    several = 0
    for terrain, answer in zip(terrains, answers, strict=True):
        for h, (marker, regions) in zip((0, 0.1, 0.5, 1, 2), answer, strict=True):
            maxima = h_maxima(terrain, h) if h else local_maxima(terrain)
            truth = label(maxima.astype(bool) & (terrain > 0), connectivity=2)
            assert same(marker, truth), h
            assert same(regions, scikit_watershed(-terrain, truth, mask=terrain > 0)), h
            several += truth.max() > 1
    assert several > 50


def test_fates_are_the_same(in_module):
    rng = np.random.default_rng(0)
    cases = []
    for _ in range(
        40
    ):  # rows of cells of 10 pixels, cut into runs, so that shares lie at, above and below the rules' limits
        cells = np.repeat(np.eye(6, dtype=bool), 10, axis=1)[:, None]
        cases.append((cells, np.repeat(rng.integers(0, 5, 60), rng.integers(1, 9, 60))[None, :60]))
    body = """
        return data.map(([cells, label]) => m.fates(cells, label));"""
    data = [[[np.flatnonzero(cell).tolist() for cell in cells], regions.ravel().tolist()] for cells, regions in cases]
    met = dict.fromkeys(watershed.FATES, 0)
    for (cells, regions), said in zip(cases, in_module(WatershedExplorer, data, body), strict=True):
        for name, truth in watershed.fates(cells, regions).items():
            assert [cell[name] for cell in said] == truth.tolist()
            met[name] += truth.sum()
    assert min(met.values()) > 5


def test_words_and_water_at_every_depth(in_module):
    widgets = [watershed_explorer(*nuclei(0)), watershed_explorer(*TWINS), watershed_explorer(CAPSULE)]
    levels = [-20.0, -6.25, -3.0, -1.5, -1.0, -0.5, 0.0]
    body = """
        return data.states.map((state) => {
            const S = m.prepare((name) => state[name]);
            return data.depths.map((h) => {
                const D = m.divide(S, h);
                return { words: m.verdict(S, D), fates: D.fates, wet: data.levels.map((level) => m.flooded(S, D, level)) };
            });
        });"""
    answers = in_module(
        WatershedExplorer, {"states": [w.state() for w in widgets], "depths": DEPTHS, "levels": levels}, body
    )
    for widget, answer in zip(widgets, answers, strict=True):
        for h, said in zip(DEPTHS, answer, strict=True):
            widget.h = h
            assert said["words"] == widget.verdict(), h
            fates = watershed.fates(widget.true_cells(), widget.regions())
            for name, cells in fates.items():
                assert [cell[name] for cell in said["fates"]] == cells.tolist(), (h, name)
            regions, level = watershed.flood(widget.distance(), widget.markers())
            inside = widget.distance() > 0
            for water, share in zip(levels, said["wet"], strict=True):
                assert share == ((level <= water) & (regions > 0)).sum() / inside.sum()


def test_the_widgets_question_has_no_single_answer():
    """On a mask of touching nuclei a small h cuts and a large h merges, and none is right for all."""
    widget = watershed_explorer(*nuclei(3, 96))
    counts = []
    for widget.h in DEPTHS:
        counts.append(widget.fates())
    assert counts[0]["cut"] > counts[-1]["cut"]
    assert counts[0]["merged"] < counts[-1]["merged"]
    assert max(count["right"] for count in counts) < widget.cells
    assert widget.tried == [1.0, *(h for h in DEPTHS if h != 1.0)]


# --------------------------------------------------------------------------------------------------------- on a bare page
def said(page):
    return "\n".join(page.locator(".cw-verdict p:visible").all_inner_texts())


def depth(page):
    return page.get_by_role("slider", name="marker depth h")


def water(page):
    return page.get_by_role("slider", name="water level")


def test_markers_by_keyboard(bare_page):
    page = bare_page(watershed_explorer(*TWINS, h=1.0))
    assert (
        said(page)
        == "h = 1 px: 2 markers, so 2 regions for 2 true cells.\nTrue cells: 2 right, 0 merged, 0 cut, 0 lost."
    )
    assert page.locator(".cw-px-markers circle").count() == 2
    assert page.locator(".cw-px-wrong path").first.get_attribute("d") == ""
    depth(page).focus()
    for _ in range(12):
        depth(page).press("ArrowRight")
    assert said(page).startswith("h = 4 px: 1 marker, so 1 region for 2 true cells.\nTrue cells: 0 right, 2 merged")
    assert page.locator(".cw-px span").all_inner_texts() == ["M", "M"]
    assert len(page.locator(".cw-px-wrong path").first.get_attribute("d")) > 100
    depth(page).press("ArrowLeft")
    assert said(page).startswith("h = 3.75 px")
    assert page.locator(".cw-ws-trail circle").count() == 13  # every h tried leaves its dot
    assert page.locator(".cw-ws-trail .cw-ws-here").count() == 1


def test_the_slider_is_named_with_its_unit(bare_page):
    page = bare_page(watershed_explorer(CAPSULE))
    depth(page).fill("2.25")
    assert depth(page).get_attribute("aria-valuetext") == "2.25 px"
    assert water(page).get_attribute("aria-valuetext") == "0 px"
    assert water(page).get_attribute("min") == "-4.25"


def test_water_rises(bare_page):
    widget = watershed_explorer(*TWINS)
    page = bare_page(widget)
    assert "100 % of the mask is under water" in page.locator(".cw-progress").inner_text()
    water(page).fill("-5")
    share = round(100 * ((widget.distance() >= 5).sum() / (widget.distance() > 0).sum()))
    assert page.locator(".cw-progress").inner_text() == f"{share} % of the mask is under water"
    water(page).press("Home")
    assert page.locator(".cw-progress").inner_text() == "0 % of the mask is under water"
    assert page.locator(".cw-px-borders path").first.get_attribute("d") == ""


def test_flooding(bare_page):
    page = bare_page(watershed_explorer(*TWINS), motion="no-preference")
    button = page.locator(".cw-button")
    page.clock.install(time=0)
    page.clock.pause_at(1)  # from here time moves by run_for alone
    button.click()
    assert button.inner_text() == "Pause"
    page.clock.run_for(800)
    half = water(page).input_value()
    assert -10 < float(half) < -5
    assert page.locator(".cw-verdict").get_attribute("aria-live") == "off"
    button.click()
    page.clock.run_for(5000)
    assert water(page).input_value() == half
    button.click()
    page.clock.run_for(20_000)
    assert water(page).input_value() == "0"
    assert button.inner_text() == "Flood"
    assert page.locator(".cw-verdict").get_attribute("aria-live") == "polite"


def test_reduced_motion_shows_the_end_at_once(bare_page):
    page = bare_page(watershed_explorer(*TWINS), motion="reduce")
    water(page).fill("-5")
    page.get_by_role("button", name="Flood").click()
    assert water(page).input_value() == "0"
    assert page.get_by_role("button", name="Pause").count() == 0


def test_the_cross_section(bare_page):
    widget = watershed_explorer(*TWINS)
    page = bare_page(widget)
    row = page.get_by_role("slider", name="row of the cross-section")
    assert row.get_attribute("aria-valuenow") == str(widget.row)
    assert len(np.unique(widget.regions()[widget.row])) == 3  # both cells and the background
    outline = page.locator(".cw-ws-section path").first
    before = outline.get_attribute("d")
    row.press("ArrowDown")
    row.press("Shift+ArrowUp")
    assert row.get_attribute("aria-valuenow") == str(max(widget.row - 7, 0))
    assert outline.get_attribute("d") != before
    box = row.bounding_box()
    row.click(position={"x": 20, "y": box["height"] - 2})
    assert row.get_attribute("aria-valuenow") == "31"
    assert page.get_by_text("cross-section, row 31; ruler = h").is_visible()
    row.press("ArrowDown")
    assert row.get_attribute("aria-valuenow") == "31"


def test_keys_do_not_leak(bare_page):
    """`bare_page` listens."""
    page = bare_page(watershed_explorer(CAPSULE))
    for control in (depth(page), water(page), page.get_by_role("slider", name="row of the cross-section")):
        control.press("ArrowUp")
        control.press("d")


def test_a_picture_is_thresholded_and_shown(bare_page):
    image, target = Cells(1, 64, seed=3)[0]
    widget = watershed_explorer(image, target["masks"])
    page = bare_page(widget)
    read = """() => {
        const canvas = document.querySelectorAll(".cw-px canvas")[1];
        const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
        copy.drawImage(canvas, 0, 0);
        return [...copy.getImageData(0, 0, canvas.width, canvas.height).data];
    }"""
    shown = np.array(page.evaluate(read)).reshape(64, 64, 4)
    outside = widget.regions() == 0
    gray = (image[0].numpy() * 255).round()
    assert outside.any()
    assert (shown[outside][:, 0] == gray[outside]).all()
    assert (shown[~outside][:, :3].std(1) > 0).mean() > 0.8  # regions have colors


def test_without_a_truth_there_is_nothing_to_count(bare_page):
    page = bare_page(watershed_explorer(CAPSULE, h=0))
    assert said(page) == "h = 0 px: 1 marker, so 1 region."
    assert page.locator(".cw-ws-trail").count() == 0
    assert page.get_by_text("regions", exact=True).is_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_is_readable(bare_page, weakest_text, dark):
    page = bare_page(watershed_explorer(*nuclei(0), h=3.0), dark=dark)
    ratio, text = weakest_text(page)
    assert ratio >= 4.5, text


def test_a_narrow_page_does_not_scroll_sideways(bare_page):
    page = bare_page(watershed_explorer(*nuclei(0)), width=400)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 400


def test_two_on_one_page_keep_to_themselves(bare_page):
    page = bare_page(watershed_explorer(*TWINS), watershed_explorer(*TWINS))
    depth(page).nth(1).fill("5")
    assert page.locator(".cw-root").evaluate_all("nodes => nodes.map((node) => node.dataset.regions)") == ["2", "1"]


# ---------------------------------------------------------------------------------------------------- in a real JupyterLab
def test_in_jupyterlab(notebook):
    page = notebook(
        "import numpy as np\nfrom course_lib import widgets",
        "y, x = np.indices((32, 48))\n"
        "truth = np.stack([(y - 16) ** 2 + (x - c) ** 2 < r**2 for c, r in ((15, 10), (31, 9))])\n"
        "explorer = widgets.watershed_explorer(truth.any(0), truth)\nexplorer",
    )
    depth(page).wait_for()
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:enter-command-mode')")
    depth(page).focus()
    before = page.evaluate(ACTIVE_CELL)
    for key in ("ArrowUp", "ArrowUp"):
        depth(page).press(key)
    # ipywidgets sends only the last of several quick changes
    page.until("print(explorer.h, explorer.tried)", "1.5 [1.0, 1.25, 1.5]")
    for key in ("ArrowDown", "d", "d"):
        depth(page).press(key)
    assert page.evaluate(ACTIVE_CELL) == before
    page.until("print(explorer.h, explorer.tried)", "1.25 [1.0, 1.25, 1.5]")
    page.until("explorer.h = 4.5", "")
    page.locator(".cw-verdict", has_text="0 right, 2 merged").wait_for()
    page.until("print(explorer.fates()['merged'], explorer.tried[-1])", "2 4.5")
    water(page).fill("-5")
    page.get_by_role("slider", name="row of the cross-section").press("ArrowDown")
    page.until("print(explorer.level, explorer.regions().max())", "-5.0 1")

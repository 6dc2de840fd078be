"""The size tracer: sizes and parameters are those of the course's U-Nets; typing, skips, keyboard; a real JupyterLab."""

import itertools
import random
import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.models import UNet
from course_lib.models.unet_valid import ValidUNet, sizes, smallest_size
from course_lib.widgets import SizeTracer, size_tracer

pytestmark = pytest.mark.needs("browser")

ACTIVE_CELL = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"


def states():
    """Sides of every residue up to 700 and some up to 2048, at every depth, with random skips and another side."""
    draw = random.Random(0)
    for net, depth in itertools.product(("valid", "padded"), range(1, 6)):
        for n in [*range(1, 700, 3 if depth == 4 else 11), *range(700, 2049, 131), 2048]:
            skips = [draw.random() < 0.7 for _ in range(5)]
            other = n if n % 2 else draw.randint(1, 2048)
            yield SizeTracer(net=net, height=n, width=other, depth=depth, skips=skips)


def test_the_browser_traces_as_python(in_module):
    widgets = list(states())
    body = """return data.map((P) => ({ trace: m.trace(P, P.height), words: m.verdict(P), near: m.nearest(P, P.height),
        parameters: m.parameters(P) }));"""
    answers = in_module(SizeTracer, [widget.state() for widget in widgets], body)
    fitting = 0
    for widget, answer in zip(widgets, answers, strict=True):
        down, up = widget.trace(widget.height)
        for found, truth in ((answer["trace"]["down"], down), (answer["trace"]["up"], up)):
            assert [(one["before"], one["after"]) for one in found] == truth
        assert answer["words"] == list(widget.verdict())
        assert answer["near"] == list(widget.nearest(widget.height))
        assert answer["parameters"] == widget.parameters()
        fitting += answer["words"][3]
    assert 10 < fitting < len(widgets) / 4


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_the_valid_net_is_the_courses(depth):
    tracer = size_tracer(depth=depth)
    least = smallest_size(depth)
    for n in range(1, least + 70):
        if n < least or (n - least) % 2**depth:
            assert not tracer.fits(n)
            continue
        down, up = tracer.trace(n)
        found = sizes(n, depth)
        assert [after for _, after in down] == found.encoder
        assert [after for _, after in reversed(up)] == found.decoder
        crops = [(skip - before) // 2 for (_, skip), (before, _) in zip(down[:-1], up, strict=True)]
        assert crops[::-1] == found.crops


def maps_of(net, height, width):
    """The sides of what each double convolution of a net takes and gives."""
    seen = []
    for block in (*net.encoder, *net.decoder):
        block.register_forward_hook(lambda _, x, y: seen.append((*x[0].shape[-2:], *y.shape[-2:])))
    with torch.no_grad():
        net.eval()(torch.zeros(1, net.in_channels, height, width))
    return seen


def test_real_networks_have_these_sizes():
    for net, depth, height, width in (
        ("valid", 4, 188, 236),
        ("valid", 2, 60, 44),
        ("padded", 3, 24, 56),
        ("padded", 4, 16, 64),
    ):
        model = (ValidUNet if net == "valid" else UNet)(width=2, depth=depth)
        tracer = size_tracer(net, height, width, depth)
        tall, wide = (tracer.trace(n) for n in (height, width))
        arms = [tall[0] + tall[1][::-1], wide[0] + wide[1][::-1]]
        expected = [(a, c, b, d) for (a, b), (c, d) in zip(*arms, strict=True)]
        assert maps_of(model, height, width) == expected


def test_a_padded_net_without_repair_breaks_where_the_tracer_says():
    """The common net in six lines, with any skips on; PyTorch decides."""
    conv = nn.Conv2d(1, 1, 3, padding=1)
    two = nn.Conv2d(2, 1, 3, padding=1)

    def run(n, skips):
        maps, x = [], torch.zeros(1, 1, n, 8)
        for _ in range(3):
            maps.append(conv(x))
            x = F.max_pool2d(maps[-1], 2)
        x = conv(x)
        for on, skip in reversed(list(zip(skips, maps, strict=True))):
            x = F.interpolate(x, scale_factor=2)
            x = two(torch.cat([skip, x], 1)) if on else conv(x)
        return x.shape[-2]

    for n, skips in itertools.product(range(8, 60), itertools.product((True, False), repeat=3)):
        tracer = SizeTracer(net="padded", height=n, width=8, depth=3, skips=[*skips, True, True])
        problem = tracer.problem(n)
        if problem and problem[0] == "clash":
            with pytest.raises(RuntimeError, match="Sizes of tensors must match") as refused:
                run(n, skips)
            assert {str(problem[2]), str(problem[3])} <= set(re.findall(r"\d+", str(refused.value)))
        else:
            out = run(n, skips)
            assert (problem is None) == (out == n), (n, skips)
            assert problem is None or problem[::3] == ("short", out)


def test_parameters():
    with torch.device("meta"):
        counts = {
            ("valid", 4, True): sum(p.numel() for p in ValidUNet().parameters()),
            ("valid", 2, True): sum(p.numel() for p in ValidUNet(depth=2).parameters()),
            ("padded", 4, True): sum(p.numel() for p in UNet().parameters()),
            ("padded", 3, False): sum(p.numel() for p in UNet(depth=3, skips="none").parameters()),
        }
    assert counts["valid", 4, True] == 31_030_658
    for (net, depth, on), count in counts.items():
        tracer = size_tracer(net, depth=depth)
        tracer.skips = [on] * 5
        assert tracer.parameters() == count


# --------------------------------------------------------------------------------------------------------- on a bare page
def said(page):
    return page.locator(".cw-verdict p").all_inner_texts()


def box(page, name):
    return page.get_by_role("spinbutton", name=name)


def maps(page):
    return page.locator(".cw-sz-map:visible b").all_inner_texts()


def test_the_papers_sizes(bare_page):
    page = bare_page(size_tracer())
    assert (
        said(page)[0]
        == "572×572 fits: every map that is pooled has even sides. Output 388×388, 92 pixels less on each side."
    )
    assert maps(page)[:3] == ["572×572 → 568×568", "392×392 → 388×388", "284×284 → 280×280"]
    assert maps(page)[-1] == "32×32 → 28×28"
    assert page.locator(".cw-sz-text:visible").all_inner_texts() == [f"crop {c} px a side" for c in (88, 40, 16, 4)]
    assert page.locator(".cw-verdict .cw-even").count() == 1


def test_typing_a_size_that_breaks(bare_page):
    page = bare_page(size_tracer())
    box(page, "height in pixels").fill("570")
    assert said(page)[0].startswith("570×572 does not fit: on level 2 the map is 279 pixels high, an odd number")
    assert said(page)[1] == "Rule: n = 12 mod 16, n at least 188. Nearest that fit: height 556 or 572, width 572."
    assert page.locator(".cw-sz-bad").count() == 1
    assert "✗" in page.locator(".cw-sz-bad").inner_text()
    page.get_by_role("button", name="next smaller that fits").click()
    assert box(page, "height in pixels").input_value() == "556"
    assert box(page, "width in pixels").input_value() == "572"
    page.get_by_role("button", name="next larger that fits").click()  # both fit, so both go
    assert [box(page, f"{name} in pixels").input_value() for name in ("height", "width")] == ["572", "588"]
    for text in ("", "0", "-3", "1.5", "5000"):  # no sizes: nothing happens
        box(page, "width in pixels").fill(text)
    assert said(page)[0].startswith("572×588 fits")
    box(page, "width in pixels").fill("100")
    assert "nothing" in maps(page)[-1]
    page.get_by_role("button", name="next smaller that fits").click()
    assert box(page, "width in pixels").input_value() == "100"
    box(page, "width in pixels").fill("2047")
    page.get_by_role("button", name="next larger that fits").click()
    assert box(page, "width in pixels").input_value() == "2047"


def test_skips(bare_page):
    page = bare_page(size_tracer())
    for level in (1, 2):
        page.get_by_role("checkbox", name=f"skip of level {level}").uncheck()
    assert said(page)[2].startswith(
        "Skips off: 1, 2. The finest features that reach the decoder by a skip are at 1/4 of the resolution."
    )
    widget = size_tracer()
    widget.skips = [False, False, True, True, True]
    assert f"{widget.parameters():,}" in said(page)[2]
    assert page.locator(".cw-sz-text:visible").all_inner_texts()[:3] == ["off", "off", "crop 16 px a side"]
    assert "64 → 64 channels" in page.locator(".cw-sz-map span").nth(1).inner_text()
    for level in (3, 4):
        page.get_by_role("checkbox", name=f"skip of level {level}").press("Space")
    assert "Everything passes the lowest map, at 1/16 of the resolution." in said(page)[2]


def test_the_padded_net(bare_page):
    page = bare_page(size_tracer("padded", 513, 512))
    assert (
        said(page)[0]
        == "513×512 breaks: on level 1 the skip is 513 pixels high, the upsampled map 512, so they cannot be concatenated."
    )
    assert said(page)[1].endswith("The course's UNet pads the picture to 528×512 and crops the logits.")
    page.get_by_role("checkbox", name="skip of level 1").uncheck()
    assert (
        said(page)[0]
        == "513×512 gives an output only 512 pixels high: pooling dropped lines, and no skip that is on noticed."
    )
    page.get_by_role("slider", name="poolings").press("End")
    assert page.locator(".cw-sz-row:visible").count() == 6
    page.get_by_role("radio", name="unpadded (the paper's)").check()
    assert "n = 28 mod 32" in said(page)[1]


def test_keys_do_not_leak(bare_page):
    """`bare_page` listens."""
    page = bare_page(size_tracer())
    box(page, "height in pixels").press("ArrowUp")
    assert said(page)[0].startswith("573×572")
    page.get_by_role("checkbox", name="skip of level 1").press("d")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_is_readable(bare_page, weakest_text, dark):
    page = bare_page(size_tracer(height=570), size_tracer("padded", 513, 20), dark=dark)
    page.get_by_role("checkbox", name="skip of level 1").first.uncheck()
    ratio, text = weakest_text(page, ".cw-sz-map b", ".cw-sz-map span", ".cw-sz-between span", ".cw-sz-typed span")
    assert ratio >= 4.5, text


@pytest.mark.parametrize("depth", [4, 5])
def test_a_narrow_page_does_not_scroll_sideways(bare_page, depth):
    page = bare_page(size_tracer(height=1564, width=2044, depth=depth), width=400)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 400


# ---------------------------------------------------------------------------------------------------- in a real JupyterLab
def test_in_jupyterlab(notebook):
    page = notebook("from course_lib import widgets\ntracer = widgets.size_tracer()\ntracer")
    height = box(page, "height in pixels")
    height.wait_for()
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:enter-command-mode')")
    height.focus()
    before = page.evaluate(ACTIVE_CELL)
    for key in ("ArrowUp", "ArrowUp", "ArrowDown", "d", "d"):
        height.press(key)
    assert page.evaluate(ACTIVE_CELL) == before
    page.until("print(tracer.height)", "573")
    page.get_by_role("checkbox", name="skip of level 2").uncheck()
    page.until("print(tracer.skips)", "[True, False, True, True, True]")
    page.until("tracer.height, tracer.net = 512, 'padded'", "")
    page.locator(".cw-verdict", has_text="512×572 breaks: on level 4 the skip is 71 pixels wide").wait_for()

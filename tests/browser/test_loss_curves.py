"""The loss curves: losses and gradients are those of course_lib.losses by autograd; sliders by mouse and keyboard; a real JupyterLab."""

import itertools

import pytest
import torch

from course_lib import losses
from course_lib.widgets import LossCurves, loss_curves
from course_lib.widgets.loss_curves import AXIS, LOSSES, PIXELS

pytestmark = pytest.mark.needs("browser")

ACTIVE_CELL = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)  # every position of the slider


def states():
    """All losses over the whole range of every slider, coarsely, with the ends."""
    places = itertools.product(COUNTS, (0.01, 0.12, 0.99), (0.01, 0.88, 0.99))
    sets = [
        ("Dice", {}),
        *(("Tversky", {"alpha": a, "beta": b}) for a, b in ((0.3, 0.7), (0, 0.05), (1, 0.05), (0.05, 1))),
    ]
    kinds = [("cross-entropy", {}), *(("focal", {"gamma": gamma}) for gamma in (0, 0.25, 2, 5))]
    kinds += [(name, {**more, "smooth": s}) for name, more in sets for s in (0, 1)]
    for (n, pf, pb), (name, more) in itertools.product(places, kinds):
        yield LossCurves(loss=name, foreground=n / PIXELS, pf=pf, pb=pb, **more)


def autograd(widget):
    """Loss, and the gradient's sum over foreground and over background, with one logit for each of the two kinds of pixels."""
    n = widget.foreground_pixels()
    z = torch.tensor([widget.pf, 1 - widget.pb], dtype=torch.float64).logit().requires_grad_()
    weight = torch.tensor([n, PIXELS - n], dtype=torch.float64)
    right = torch.stack([z[0], -z[1]]).sigmoid()
    if widget.loss in ("cross-entropy", "focal"):
        gamma = widget.gamma if widget.loss == "focal" else 0
        loss = (weight * -((1 - right) ** gamma) * right.log()).sum() / PIXELS
    else:
        tp, fp, fn = n * right[0], (PIXELS - n) * (1 - right[1]), n * (1 - right[0])
        a, b, s = (0.5, 0.5, widget.smooth / 2) if widget.loss == "Dice" else (widget.alpha, widget.beta, widget.smooth)
        loss = 1 - (tp + s) / (tp + a * fp + b * fn + s)
    return float(loss.detach()), torch.autograd.grad(loss, z)[0].abs().tolist()


def test_the_browser_is_autograd_over_the_whole_range(in_module):
    widgets = list(states())
    body = """return data.map((P, k) => ({ n: m.foregroundPixels(P), loss: m.loss(P), gradients: m.gradients(P), steps: m.steps(P),
        words: m.verdict(P), curves: k % 30 ? null : m.curves(P) }));"""
    answers = in_module(LossCurves, [widget.state() for widget in widgets], body)
    for widget, answer in zip(widgets, answers, strict=True):
        state = widget.state()
        loss, gradients = autograd(widget)
        assert answer["n"] == widget.foreground_pixels()
        assert answer["loss"] == pytest.approx(loss, rel=1e-9, abs=1e-12), state
        assert answer["gradients"] == pytest.approx(gradients, rel=1e-9, abs=1e-15), state
        assert widget.value() == pytest.approx(loss, rel=1e-9, abs=1e-12), state
        assert widget.gradients() == pytest.approx(gradients, rel=1e-9, abs=1e-15), state
        assert answer["steps"] == pytest.approx(widget.steps(), rel=1e-9, abs=1e-8), state
        assert widget.steps()[0] <= 1e-9
        assert widget.steps()[1] >= -1e-9
        assert answer["words"] == widget.verdict(), state
        for name, lines in widget.curves().items() if answer["curves"] else ():
            assert [label for label, _ in answer["curves"][name]] == [label for label, _ in lines]
            for (_, values), (_, truth) in zip(answer["curves"][name], lines, strict=True):
                assert values == pytest.approx(truth.tolist(), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("n", [1, 30, 4000])
def test_the_losses_are_the_courses(name, n):
    """A picture of 100 x 100 real pixels through course_lib.losses."""
    widget = loss_curves(name, gamma=1.5, alpha=0.2, beta=0.6, foreground=n / PIXELS)
    widget.pf, widget.pb = 0.3, 0.9
    target = torch.zeros(1, 100, 100, dtype=torch.int64)
    target.view(-1)[:n] = 1
    p = torch.where(target == 1, 0.3, 0.1).double()
    logits = p.logit()[:, None].requires_grad_()
    loss = {
        "cross-entropy": lambda: losses.cross_entropy(logits, target),
        "focal": lambda: losses.focal_loss(logits, target, gamma=1.5),
        "Dice": lambda: losses.dice_loss(logits, target),
        "Tversky": lambda: losses.tversky_loss(logits, target, alpha=0.2, beta=0.6),
    }[name]()
    gradient = torch.autograd.grad(loss, logits)[0][:, 0].abs()
    assert widget.value() == pytest.approx(loss.item(), rel=1e-6)  # 0.3 and 0.1 are float32 here
    found = gradient[target == 1].sum().item(), gradient[target == 0].sum().item()
    assert widget.gradients() == pytest.approx(found, rel=1e-6)


def test_the_facts_of_the_lesson():
    """Foreground : background of the gradient for 100, 10 and 1 foreground pixels; Dice there with smoothing 1."""
    for name, shown in (("cross-entropy", (0.075, 0.0074, 0.0007)), ("Dice", (1.04, 0.71, 0.19))):
        for n, ratio in zip((100, 10, 1), shown, strict=True):
            widget = loss_curves(name, foreground=n / PIXELS)
            widget.smooth = int(name == "Dice")
            front, back = widget.gradients()
            assert front / back == pytest.approx(ratio, rel=0.06 if n == 1 else 0.006)
            if name == "Dice":
                widget.smooth = 0
                front, back = widget.gradients()
                assert front / back > 1


def test_a_confident_pixel_gets_nothing_from_dice():
    slopes = loss_curves("Dice").curves()["slope"][0][1]
    assert slopes[0] < 0.05 * slopes.max()
    slopes = loss_curves("cross-entropy").curves()["slope"][0][1]
    assert slopes[0] == slopes.max() == 1 - AXIS[0]


# --------------------------------------------------------------------------------------------------------- on a bare page
def said(page):
    return page.locator(".cw-verdict p").all_inner_texts()


def slider(page, name):
    return page.get_by_role("slider", name=name, exact=True)


def test_controls_of_each_loss(bare_page):
    page = bare_page(loss_curves())
    shown = lambda: page.locator(".cw-slider:visible span").all_inner_texts()  # noqa: E731
    common = ["foreground pixels", "p of foreground", "p of background"]
    assert shown() == ["γ", *common]
    assert said(page)[0].startswith("Focal loss: −(1 − p)^2 · log p")
    page.get_by_role("radio", name="cross-entropy").check()
    assert shown() == common
    page.get_by_role("radio", name="Tversky").check()
    assert shown() == ["α (weighs FP)", "β (weighs FN)", *common]
    assert said(page)[0].startswith("Tversky loss: 1 − TP / (TP + 0.30 FP + 0.70 FN)")
    page.get_by_role("radio", name="1 (smoothing)").check()
    assert said(page)[0].startswith("Tversky loss: 1 − (TP + 1) / (TP + 0.30 FP + 0.70 FN + 1)")


def test_who_gets_the_gradient(bare_page):
    widget = loss_curves("cross-entropy", foreground=0.01)
    page = bare_page(widget)
    assert "foreground : background = 0.0746." in said(page)[1]
    assert page.locator(".cw-lc-says").all_inner_texts() == ["1 % foreground", "6.9 % foreground"]
    page.get_by_role("radio", name="focal").check()
    slider(page, "p of background").fill("0.99")
    widget.loss, widget.pb = "focal", 0.99
    front, back = widget.gradients()
    assert float(page.locator(".cw-root").get_attribute("data-share")) == pytest.approx(
        front / (front + back), abs=1e-6
    )
    assert front > 100 * back
    grow = page.locator(".cw-lc-bar .cw-lc-front").last.evaluate("node => Number(node.style.flexGrow)")
    assert grow == pytest.approx(front / (front + back), abs=1e-6)


def test_imbalance_by_keyboard(bare_page):
    page = bare_page(loss_curves("cross-entropy", foreground=0.0123))
    pixels = slider(page, "foreground pixels")
    assert pixels.get_attribute("aria-valuetext") == "123"  # what was given, until the slider moves
    pixels.press("ArrowLeft")
    assert said(page)[1].startswith("Foreground: 50 of 10000 pixels (0.50 %)")
    pixels.press("Home")
    assert said(page)[1].startswith("Foreground: 1 of 10000 pixels (0.01 %), 0.1 % of the gradient")
    pixels.press("End")
    assert said(page)[1].startswith("Foreground: 5000 of 10000 pixels (50 %), 88.1 % of the gradient")


def test_the_charts_follow(bare_page):
    page = bare_page(loss_curves(gamma=0))
    every, reference = page.locator("path.cw-lc-every"), page.locator("path.cw-lc-reference")
    assert every.count() == reference.count() == 2
    assert every.first.get_attribute("d") == reference.first.get_attribute("d")  # focal loss with gamma 0
    slider(page, "γ").fill("5")
    assert every.first.get_attribute("d") != reference.first.get_attribute("d")
    square = page.locator(".cw-lc-marks rect").first
    before = square.get_attribute("x")
    slider(page, "p of foreground").fill("0.9")
    assert float(square.get_attribute("x")) > float(before) + 200
    page.get_by_role("radio", name="Dice").check()
    assert page.locator("path.cw-lc-front").count() == page.locator("path.cw-lc-back").count() == 2
    assert "gradient of one pixel" in page.locator(".cw-lc-figure svg").nth(1).get_attribute("aria-label")


def test_the_background_can_get_none(bare_page):
    page = bare_page(loss_curves("Tversky", alpha=0))
    assert "100 % of the gradient; the background gets none." in said(page)[1]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_is_readable(bare_page, weakest_text, dark):
    page = bare_page(loss_curves(), loss_curves("Tversky"), dark=dark)
    ratio, text = weakest_text(page, ".cw-lc-key span", ".cw-lc-row span", ".cw-slider output")
    assert ratio >= 4.5, text


@pytest.mark.parametrize("loss", LOSSES)
def test_a_narrow_page_does_not_scroll_sideways(bare_page, loss):
    page = bare_page(loss_curves(loss, foreground=0.0001), width=400)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 400


# ---------------------------------------------------------------------------------------------------- in a real JupyterLab
def test_in_jupyterlab(notebook):
    page = notebook("from course_lib import widgets\ncurves = widgets.loss_curves('Tversky')\ncurves")
    alpha = slider(page, "α (weighs FP)")
    alpha.wait_for()
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:enter-command-mode')")
    alpha.focus()
    before = page.evaluate(ACTIVE_CELL)
    for key in ("ArrowUp", "ArrowUp", "ArrowDown", "d", "d"):
        alpha.press(key)
    assert page.evaluate(ACTIVE_CELL) == before
    page.until("print(round(curves.alpha, 2))", "0.35")
    slider(page, "foreground pixels").press("Home")
    page.until("print(curves.foreground_pixels())", "1")
    page.until("curves.loss, curves.gamma = 'focal', 0.5", "")
    page.locator(".cw-verdict", has_text="Focal loss: −(1 − p)^0.50 · log p").wait_for()

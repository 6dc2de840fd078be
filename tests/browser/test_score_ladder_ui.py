"""The score ladder: enlarging and adding are PyTorch's FCN-8s, the words are Python's; slider, classes; a real JupyterLab."""

import numpy as np
import pytest
import torch

from course_lib.models import FCN
from course_lib.widgets import ScoreLadder, score_ladder
from course_lib.widgets.score_ladder import NAMES, STRIDES

pytestmark = pytest.mark.needs("browser")

ACTIVE_CELL = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
AMOUNTS = [k / 10 for k in range(21)]  # every position of the slider


def ladder(height=64, width=96, classes=4, seed=0, truth=True, **start):
    """Random scores, a random truth with some void."""
    rng = np.random.default_rng(seed)
    scores = {n: rng.normal(0, s / 8, (classes, height // s, width // s)) for n, s in zip(NAMES, STRIDES, strict=True)}
    labels = rng.integers(0, classes, (height // 4, width // 4)).repeat(4, 0).repeat(4, 1)
    labels[:, :5] = 255
    names = [f"class {chr(97 + k)}" for k in range(classes)]
    colors = rng.integers(0, 256, (classes, 3))
    image = torch.from_numpy(rng.random((3, height, width)))
    return score_ladder(scores, image, labels if truth else None, classes=names, colors=colors, **start)


def test_the_sum_is_that_of_fcn_8s():
    """Untrained upsampling is bilinear, so the widget's sum is the network's, up to the rounding of the scores."""
    torch.manual_seed(0)
    net = FCN(5, "8s", width=2, head_width=4, padding=1).eval()
    for name in NAMES:
        torch.nn.init.normal_(getattr(net, name).weight, std=3)
    image = torch.rand(1, 3, 64, 128)
    with torch.no_grad():
        scores, logits = net.scores(image), net(image)[0].numpy()
    assert all(each.std() > 0.1 for each in scores.values())
    widget = score_ladder(scores, image[0], classes="abcde", colors=np.zeros((5, 3), int))
    assert np.abs(widget.logits((1, 1, 1)) - logits).max() < 3e-3
    widget.amount = 2
    assert (widget.labels() == logits.argmax(0)).mean() > 0.99
    assert np.abs(widget.logits((1, 1, 0)) - logits).max() > 0.1


def test_the_browser_adds_as_python(in_module):
    widgets = [ladder(32, 32, 2, 1), ladder(64, 96, 4, 2), ladder(128, 32, 9, 3, truth=False)]
    body = """
        return data.states.map((state) => {
            const S = m.prepare((name) => state[name]);
            return data.amounts.map((amount) => {
                const sums = m.logits(S, m.weights(amount));
                const answer = m.labels(S, sums);
                return { sums: [...sums.subarray(0, 500)], answer: [...answer], words: m.verdict(S, answer, amount, state.shown) };
            });
        });"""
    answers = in_module(ScoreLadder, {"states": [w.state() for w in widgets], "amounts": AMOUNTS}, body)
    for widget, answer in zip(widgets, answers, strict=True):
        for amount, said in zip(AMOUNTS, answer, strict=True):
            widget.amount = amount
            assert said["sums"] == pytest.approx(widget.logits().ravel()[:500].tolist(), abs=1e-9)
            assert said["answer"] == widget.labels().ravel().tolist(), amount
            assert said["words"] == widget.verdict(), amount


# --------------------------------------------------------------------------------------------------------- on a bare page
def said(page):
    return page.locator(".cw-verdict p").all_inner_texts()


def climb(page):
    return page.get_by_role("slider", name="maps added")


def test_climbing_by_keyboard(bare_page):
    widget = ladder()
    page = bare_page(widget)
    assert said(page) == widget.verdict()
    assert said(page)[0].startswith("score_fr: ")
    assert climb(page).get_attribute("aria-valuetext") == "stride 32"
    assert page.locator(".cw-ladder-off").count() == 2
    climb(page).focus()
    for _ in range(13):
        climb(page).press("ArrowRight")
    widget.amount = 1.3
    assert said(page) == widget.verdict()
    assert said(page)[0].startswith("score_fr + score_pool4 + 0.30 · score_pool3: ")
    assert page.locator(".cw-ladder-off").count() == 0
    climb(page).press("Home")
    assert said(page)[0].startswith("score_fr: ")


def test_the_answer_is_painted(bare_page):
    widget = ladder()
    page = bare_page(widget)
    page.get_by_role("button", name="stride 8").click()
    widget.amount = 2
    read = """() => {
        const canvas = document.querySelectorAll(".cw-px canvas")[1];
        const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
        copy.drawImage(canvas, 0, 0);
        return [...copy.getImageData(0, 0, canvas.width, canvas.height).data];
    }"""
    shown = np.array(page.evaluate(read)).reshape(64, 96, 4)[..., :3]
    assert (shown == np.array(widget.colors)[widget.labels()]).all()


def test_another_class(bare_page):
    widget = ladder(amount=1.0)
    page = bare_page(widget)
    page.get_by_role("radio", name="class a").press("ArrowRight")
    widget.shown = "class b"
    assert page.get_by_role("radio", name="class b").is_checked()
    assert said(page) == widget.verdict()
    assert said(page)[1].startswith("class b: ")
    assert page.get_by_role("img", name="score_pool4 for class b, weight 1").is_visible()


def test_without_a_truth(bare_page):
    page = bare_page(ladder(truth=False, amount=2.0))
    assert "right" not in said(page)[0]
    assert "true" not in said(page)[1]


def test_keys_do_not_leak(bare_page):
    """`bare_page` listens."""
    page = bare_page(ladder())
    climb(page).press("ArrowUp")
    page.get_by_role("radio", name="class a").press("d")
    page.get_by_role("button", name="stride 8").press("Enter")
    assert climb(page).input_value() == "2"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_is_readable(bare_page, weakest_text, dark):
    page = bare_page(ladder(), dark=dark)
    ratio, text = weakest_text(page)
    assert ratio >= 4.5, text


def test_a_narrow_page_does_not_scroll_sideways(bare_page):
    page = bare_page(ladder(), width=400)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 400


def test_two_on_one_page_keep_to_themselves(bare_page):
    page = bare_page(ladder(), ladder())
    climb(page).nth(1).fill("2")
    assert page.locator(".cw-root").evaluate_all("nodes => nodes.map((node) => node.dataset.amount)") == ["0", "2"]


# ---------------------------------------------------------------------------------------------------- in a real JupyterLab
def test_in_jupyterlab(notebook):
    page = notebook(
        "import numpy as np\nfrom course_lib import widgets",
        "rng = np.random.default_rng(0)\n"
        "scores = {f'score_{n}': rng.normal(size=(2, k, k)) for n, k in (('fr', 1), ('pool4', 2), ('pool3', 4))}\n"
        "picture = rng.random((32, 32, 3))\n"
        "ladder = widgets.score_ladder(scores, picture, classes=['sky', 'road'], colors=[[0, 0, 255], [90, 90, 90]])\n"
        "ladder",
    )
    climb(page).wait_for()
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:enter-command-mode')")
    climb(page).focus()
    before = page.evaluate(ACTIVE_CELL)
    for key in ("ArrowUp", "ArrowUp", "ArrowDown", "d", "d"):
        climb(page).press(key)
    assert page.evaluate(ACTIVE_CELL) == before
    page.until("print(ladder.amount)", "0.1")
    page.get_by_role("radio", name="road").check()
    page.until("print(ladder.shown)", "road")
    page.until("ladder.amount = 2.0", "")
    page.locator(".cw-verdict", has_text="score_fr + score_pool4 + score_pool3").wait_for()

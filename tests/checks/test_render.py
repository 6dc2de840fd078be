"""What a learner sees: HTML, plain text, pictures."""

import base64
import html.parser
import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.checks import Property, Question, judge
from course_lib.checks.picture import difference_picture
from course_lib.checks.render import report_html, sheet_html, sheet_text
from course_lib.grading import feedback


def report_of(got, want, claim="it is `right` & <b>bold</b>", printed=""):
    def answer(x):
        print(printed, end="")
        return got

    return judge(
        Question("q", "A <title>", 2, lambda s, r: [Property(claim, cases=[{"x": 1.0}], reference=lambda x: want)]),
        answer,
    )


class Reader(html.parser.HTMLParser):
    """Collects tags and checks that they close in order."""

    def __init__(self, page: str):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def png(page: str) -> np.ndarray:
    data = re.search(r'src="data:image/png;base64,([^"]+)"', page)[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def test_the_table_is_self_contained_escaped_and_marked_with_words():
    page = Reader(report_html(report_of(np.ones(3), np.zeros(3), printed="<script>"), 3, ("a note",)))
    names = {tag for tag, _ in page.tags}
    assert names <= {
        "div",
        "strong",
        "span",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "code",
        "img",
        "details",
        "summary",
        "pre",
    }
    assert not any(key.startswith("on") or key in ("class", "id") for _, attributes in page.tags for key in attributes)
    for words in (
        "Question 3 · A <title>",
        "✗ failed",
        "it is right & <b>bold</b>",
        "0 of 2 points",
        "q(x=1.0)",
        "a note",
        "<script>",
    ):
        assert words in page.text


def test_the_picture_has_an_alt_text_and_frames_what_differs():
    page = report_html(report_of(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0])))
    alt = next(attributes["alt"] for tag, attributes in Reader(page).tags if tag == "img")
    assert alt == "Picture of the array returned, the one wanted and their difference: 1 of 3 cells differ"
    vermillion = (np.abs(png(page).astype(int) - (0xD5, 0x5E, 0x00)).sum(-1) < 12).any(0)
    columns = np.flatnonzero(vermillion) / vermillion.size
    assert columns.min() > 0.7  # only around the last of three cells


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (np.full((4, 5), np.nan), np.zeros((4, 5))),
        (np.array([np.inf, 1.0]), np.array([1.0, -np.inf])),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros(4), np.zeros((2, 2))),
        (np.zeros((2, 3, 4, 5)), np.ones((2, 3, 4, 5))),
        (np.zeros((2, 3, 4)), np.ones((3, 4))),
        (np.zeros((500, 3)), np.ones((500, 3))),
        (np.zeros((3, 700, 600)), np.ones((3, 700, 600))),
        (np.zeros(1000), np.ones(1000)),
        (np.zeros(1000), np.ones(10)),
        (np.zeros((1, 1)), np.ones((1, 1))),
        (np.array([True, False]), np.array([True, True])),
        (torch.zeros(3, dtype=torch.int64), torch.tensor([1, 2**62, 3])),
        (torch.zeros(3).bfloat16(), torch.ones(3).bfloat16()),
        ((1, np.zeros(2)), (1, np.ones(2))),
        ({"a": np.zeros(2)}, {"a": np.ones(2)}),
        (np.array([1e300, -1e300]), np.array([-1e300, 1e300])),
    ],
)
def test_every_kind_of_difference_has_a_picture(got, want):
    picture = png(difference_picture(got, want))
    assert 20 < picture.shape[0] < 900
    assert 100 < picture.shape[1] < 1600
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 2


@pytest.mark.parametrize(
    ("got", "want"), [(1.0, 2.0), (None, np.ones(2)), ("a", "b"), (np.zeros((0, 3)), np.ones((2, 3)))]
)
def test_where_there_is_nothing_to_draw_there_is_no_picture(got, want):
    assert difference_picture(got, want) is None


def test_a_plane_of_a_batch_is_named():
    want = np.zeros((2, 3, 4, 5))
    got = want.copy()
    got[1, 2, 3, 4] = 1
    assert "the plane at [1, 2, :, :]" in difference_picture(got, want)


def test_arrays_of_different_shape_have_no_difference_panel():
    picture = difference_picture(np.zeros((2, 4, 4)), np.ones((3, 4, 4)))
    assert "of shape (2, 4, 4), and the one wanted, of shape (3, 4, 4)" in picture
    assert "differ" not in picture.partition("src=")[0]


def test_the_window_lies_around_the_first_difference():
    want = np.zeros((400, 400))
    got = want.copy()
    got[300, 350] = 1
    assert "from row and column 236, 286" in difference_picture(got, want)


def test_plain_text_says_the_same():
    text = feedback.text(report_of(np.ones((2, 2)), np.eye(2), printed="hello"), 3, ("a note",))
    for words in (
        "Question 3 · A <title>: 0 of 2 points, 0 of 1 properties hold",
        "✗ failed",
        "input:    q(x=1.0)",
        "hello",
        "a note",
    ):
        assert words in text
    assert "wanted:   [[1. 0.]\n" + " " * 23 + "[0. 1.]]" in text


def test_a_sheet_lines_up():
    arguments = (
        "Sheet",
        ("", "Question", "Points"),
        [(1, "short", "1 of 2 points"), (12, "much longer", "0 of 1 point")],
        ("", "Together", "1"),
    )
    assert sheet_text(*arguments).splitlines()[1:] == [
        "      Question     Points",
        "  1   short        1 of 2 points",
        "  12  much longer  0 of 1 point",
        "  ------------------------------",
        "      Together     1",
    ]
    assert "much longer" in Reader(sheet_html(*arguments)).text

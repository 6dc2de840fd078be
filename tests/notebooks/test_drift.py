"""The committed notebooks are what their sources say, and every notebook has a source."""

from authoring import build


def test_no_notebook_differs_from_its_source():
    reports = build.differences()
    assert not reports, "run `python authoring/build.py`\n" + "\n".join(reports)

"""Every source keeps the rules."""

from pathlib import Path

import pytest

from authoring import lint, prose


@pytest.fixture(scope="module")
def course():
    return prose.read_course(lint.ROOT)


@pytest.mark.parametrize("path", lint.sources(), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_source_keeps_the_rules(path: Path, course):
    problems = lint.lint(path, course)
    assert not problems, "\n" + "\n".join(problems)

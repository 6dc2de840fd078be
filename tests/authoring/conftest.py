"""Two sample courses: one to build, one to lint."""

import json

import nbformat
import pytest
from authoring_samples import BIB, LESSON, SMALL_EXERCISE, SMALL_LESSON

from authoring import build, lint, prose, questions


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A course of one lesson and one exercise of four questions."""
    monkeypatch.setattr(questions, "question_points", lambda topic: [1, 2, 0.5, 3])
    files = {
        "pyproject.toml": '[tool.course]\nrepository = ""\n',
        "course_lib/__init__.py": '__version__ = "1.2.3"\n',
        "references.bib": BIB,
        "authoring/lessons/07_sample.py": SMALL_LESSON,
        "authoring/exercises/07_sample.py": SMALL_EXERCISE,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def built(root):
    """built(name) -> the notebook of that relative path, as nbformat reads it."""

    def built(name):
        texts, problems = build.build_notebooks(root)
        assert problems == []
        return nbformat.reads(texts[name], as_version=4)

    return built


@pytest.fixture
def edit(root):
    """edit(name, old, new) replaces the first `old` in a source."""

    def edit(name, old, new):
        path = root / "authoring" / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return edit


@pytest.fixture(scope="session")
def lint_root(tmp_path_factory):
    root = tmp_path_factory.mktemp("course")
    runs = [
        {"seed": i, "seconds": 1.0, "metrics": {"miou": v, "iou": [v, v]}} for i, v in enumerate((0.49, 0.52, 0.55))
    ]
    arms = [{"name": "one", "params": 31_037_698, "macs": None, "runs": runs}]
    files = {
        "glossary.md": "# Glossary\n\n- **Stamp**: a scaled copy. (02)\n- **phase**: see *stamp*.\n",
        "references.bib": "@misc{FCN,\n  title = {Fully}\n}\n",
        "data/published.csv": "key,method,value\nfcn8s,FCN-8s,62.7\n",
        "results/07_sample.json": json.dumps({"arms": arms}),
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def course(lint_root):
    return prose.read_course(lint_root)


@pytest.fixture
def check(tmp_path, course):
    def check(text, kind="lessons", name="07_sample"):
        path = tmp_path / kind / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return lint.lint(path, course)

    return check


@pytest.fixture
def damaged(check):
    """damaged(rule, old, new, says): the sample with `old` replaced breaks this rule alone, and the sentence says so."""

    def damaged(rule, old, new, says):
        assert old in LESSON
        problems = check(LESSON.replace(old, new, 1))
        assert problems, "nothing was reported"
        assert {problem.split(", ")[2].split(":")[0] for problem in problems} == {rule}, problems
        assert all(problem.startswith("lessons/07_sample, cell ") for problem in problems)
        assert any(says in problem for problem in problems), problems

    return damaged

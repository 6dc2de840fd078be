"""An exercise: what becomes of its questions, and what is refused."""

import types

import pytest
from authoring_samples import SMALL_EXERCISE, SMALL_QUESTION

from authoring import build, questions


def test_questions_become_headings_facts_and_folded_hints(built):
    question = built("exercises/07_sample.ipynb").cells[2]
    assert question.source.startswith("## 1 · Double it\n\n**1 point** · medium ●●○ · about 5 minutes\n\nReturn")
    assert "<details><summary>Hint 1 (a nudge)</summary>\n\nWhat is doubling?\n\n</details>" in question.source
    assert "<details><summary>Hint 2 (the idea)</summary>\n\nAdd it\nto itself.\n\n</details>" in question.source
    assert question.source.endswith(
        "<details><summary>Hint 3 (almost the code)</summary>\n\n```python\nx + ...\n```\n\n</details>"
    )
    assert question.metadata == {"tags": ["question"]}
    assert "**0.5 points**" in built("exercises/07_sample.ipynb").cells[8].source


def test_the_exercise_loses_its_answers_and_the_solution_its_markers(built):
    exercise, solution = (built(f"{kind}/07_sample.ipynb") for kind in ("exercises", "solutions"))
    assert exercise.cells[3].source == 'def double_1(x):\n    """x -> 2 * x"""\n    ...  # your answer'
    assert solution.cells[4].source == 'def double_1(x):\n    """x -> 2 * x"""\n    y = x\n    return x + y'
    assert "This is the solution" in solution.cells[1].source
    assert "return x + y" not in str(exercise)
    assert "SOLUTION" not in str(exercise) + str(solution)


def test_several_solution_regions_in_one_cell(built, edit):
    end = "    ### END SOLUTION\n"
    half = "\n\ndef half(x):\n    if x:\n        ### BEGIN SOLUTION hard\n        return x / 2\n"
    edit("exercises/07_sample.py", end, end + half + "    " + end)
    source = built("exercises/07_sample.ipynb").cells[3].source
    assert source.endswith("    ...  # your answer\n\n\ndef half(x):\n    if x:\n        ...  # your answer")


def test_the_unattempted_exercise_runs_to_its_end(built):
    for kind, answer in (("exercises", None), ("solutions", 6)):
        calls = []
        checks = types.SimpleNamespace(exercise=lambda name, calls=calls: lambda *call: calls.append(call))
        space = {"checks": checks}
        for cell in built(f"{kind}/07_sample.ipynb").cells:
            if cell.cell_type == "code":
                exec(cell.source.replace("from course_lib import checks", ""), space)
        assert [(n, double(3)) for n, double in calls] == [(n, answer) for n in (1, 2, 3, 4)]


def test_nbgrader_metadata(built):
    cells = built("exercises/07_sample.ipynb").cells
    common = {"schema_version": 3, "task": False}
    assert cells[3].metadata.nbgrader == common | {
        "grade": False,
        "solution": True,
        "locked": False,
        "grade_id": "07-q1",
    }
    graded = {"grade": True, "solution": False, "locked": True, "grade_id": "07-q3-check", "points": 0.5}
    assert cells[10].metadata.nbgrader == common | graded


REFUSED = [
    ("### HINT idea\n", "### HINT thought\n", "question 1 has the hints ['nudge', 'thought', 'almost']"),
    ("    ### END SOLUTION\n", "", "question 1: the answer cell has no ### BEGIN SOLUTION"),
    ("check(2, double_2)", "check(3, double_2)", "question 2: the check cell must call check(2, ...) once"),
    (
        "difficulty=2 minutes=5",
        "difficulty=4 minutes=5",
        "question 1: the marker line needs difficulty=1..3 and minutes=N",
    ),
    ('# %% tags=["check"]\ncheck(1, double_1)\n', "", "question 1 has no check cell"),
    ('# %% tags=["check"]', '# %%\n0\n\n# %% tags=["check"]', "cell 6, a check, must follow its answer cell directly"),
    (
        "check(1, double_1)",
        "check(1, doubled)",
        "question 1 checks 'doubled', which does not exist without the solution",
    ),
    ('# %% tags=["answer"]', '# %% tag=["answer"]', "cell 4 sets 'tag'; known are tags, jupyter, difficulty, minutes"),
    ("# %%\nfrom course_lib", "# %%\n%matplotlib inline\nfrom course_lib", "cell 2 is not plain Python"),
    ("# %% [markdown]\n# # Exercise", "# %%\n# # Exercise", "the first cell must be a Markdown cell"),
    (
        "# # Exercise",
        "# ### HINT nudge\n# # Exercise",
        "cell 1 has a solution or hint marker without its partner or its tag",
    ),
    ("from course_lib", "### BEGIN SOLUTION\nfrom course_lib", "cell 2 has a solution or hint marker"),
    (
        SMALL_EXERCISE[SMALL_EXERCISE.index("\n# %% [markdown] tags") :],
        SMALL_QUESTION.replace("NN", "1"),
        "1 questions; an exercise has 4 to 7",
    ),
    (
        SMALL_EXERCISE,
        SMALL_EXERCISE + SMALL_QUESTION.replace("NN", "5"),
        "5 questions, but course_lib.checks.sample has 4",
    ),
]


@pytest.mark.parametrize(("old", "new", "sentence"), REFUSED, ids=[case[2][:40] for case in REFUSED])
def test_refused_exercises_are_named_and_nothing_else_is_lost(edit, root, capsys, old, new, sentence):
    edit("exercises/07_sample.py", old, new)
    assert build.main([], root) == 1
    error = capsys.readouterr().err
    assert sentence in error
    assert error.startswith("07_sample.py: ")
    assert error.count("\n") == 1
    assert (root / "lessons/07_sample.ipynb").exists()
    assert not (root / "exercises").exists()
    assert build.main(["--check"], root) == 1
    assert sentence in capsys.readouterr().out


def test_points_come_from_the_checks():
    with pytest.raises(questions.SourceError, match=r"course_lib/checks/no_such_topic\.py is needed for the points"):
        questions.question_points("no_such_topic")

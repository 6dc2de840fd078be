"""A good sample passes every rule; each small damage to it triggers exactly the rule it breaks. First the rules of structure."""

import pytest
from authoring_samples import EXERCISE, LESSON

from authoring import lint, rules


def test_the_good_samples_pass(check):
    assert check(LESSON) == []
    assert check(EXERCISE, "exercises") == []


# (rule, old, new, what the sentence says)
DAMAGE = [
    ("parts_in_order", 'tags=["card"]', 'tags=["crad"]', "the tag 'crad' is not one of"),
    ("parts_in_order", 'tags=["prove"]', "", "there is no 'prove' part"),
    ("parts_in_order", 'tags=["title"]', "", "the first cell must be tagged 'title'"),
    ("parts_in_order", '["predict"]\n# ## 2', '["card"]\n# ## 2', "'card' begins a second time"),
    ("parts_in_order", "own spelling\n", 'own spelling\n\n# %% tags=["break"]\nlive\n', "'break' begins a second time"),
    ("parts_in_order", '["break"]', '["see", "nbval-skip"]', "'nbval-skip' is not one of"),
    ("parts_in_order", '["predict"]\n# ## 1', '["build"]\n# ## 1', "'predict' comes after 'see'; the order is title"),
    ("limits", "# And now?", "# And now?\n# " + "word " * 3500, "words of Markdown; at most 3500"),
    ("limits", "# And now?", "# And now?" + "\n\n# %%\nsize" * 40, "61 cells; at most 60"),
    ("limits", "live = 0.4", "live = 0.4\n" * 29, "32 lines of code; at most 30"),
    ("limits", "# And now?", "# And now?" + ("\n\n# %%" + "\nsize" * 9) * 11, "the median code cell has 9 lines"),
    ("modules_whole", "evidence, plots", "evidence, plots\nfrom course_lib.plots import show", "import plots`"),
    ("modules_whole", "evidence, plots,", "plots as plots2, evidence, plots,", "import plots under its own name"),
    ("alt_text", ', alt=f"A street scene of {size} pixels, in blocks."', "", "plots.show has no alt"),
    ("alt_text", 'f"A street scene of {size} pixels, in blocks."', 'f"A street of {size}"', "the alt text has 11 characters"),
    ("alt_text", 'f"A street scene of {size} pixels, in blocks."', "words", "write the alt text out here"),
    ("figures_shown", "size = 3.5\n", "size = 3.5\nplt.show()\n", "plt.show() displays without alt text"),
    ("figures_shown", "size = 3.5\n", "size = 3.5\n_, axes = plt.subplots()\n", "a pyplot figure is left open"),
    ("figures_shown", "live = 0.4\n", "live = 0.4\n\n# %%\nplots.overlay(rgb)\n\n# %%\n", "the last expression is a figure"),
    ("figures_shown", "live = 0.4\n", "live = 0.4\n\n# %%\nfig\n\n# %%\n", "the last expression is a figure"),
    ("see_asks", "# Which cells get two?", "# Look at `?` here.", "above widgets.deconvolution_stepper asks no question"),
    ("see_asks", "widgets.deconvolution_stepper(kernel=3)", "plots.show(fig, alt='A picture of something seen.')", "no widget"),
    ("early_picture", "# How large is it?", "# How large is it?\n\n" + "# %%\n1\n\n" * 4 + "# %% [markdown]\n#", "first ten"),
    ("measured", 'evidence.table("07_sample", {"miou": "mIoU"})', "print(live)", "shows no committed table"),
    ("measured", "assert live - size < 0", "assert 1 < 2, live", "asserts no difference of the live arms"),
    ("published", 'evidence.published("fcn8s")', "print(live)", "reads no published numbers"),
    ("published", 'evidence.published("fcn8s")', 'evidence.published("fcn8s")\n62.7', "62.7 is typed in"),
    ("misconceptions", "Section 1: it is", "It is", "names no section or cell that breaks it"),
    ("misconceptions", "Section 1: it is", "Section 4: it is", "section 4 is missing or asserts nothing"),
    ("misconceptions", "Section 1: it is", "Section 9: it is", "section 9 is missing or asserts nothing"),
    ("misconceptions", "#3-·-Measured", "#3-Measured", "section 3-Measured is missing"),
    ("misconceptions", "assert size > live", "size > live", "no cell of this part asserts nothing"),
    ("misconceptions", "# - **\"It is an inverse.\"** Section 1: it is\n#   not.\n# - **", "# **", "not a list"),
    ("quiz_explained", '"why": "it is not."', '"why": "No."', "quiz question 1: the choice 'that' is not explained"),
    ("quiz_explained", '"correct": False', '"correct": True', "quiz question 1 needs two or more choices, one of them correct"),
    ("quiz_explained", '"why": "it is not."', '"why": size', "written out as a list"),
    ("quiz_explained", '{"question": "5?"', '{"question": "6?", "choices": []},\n        {"question": "5?"', "6 questions; it needs five"),
    ("quiz_explained", "live = 0.4", "live = 0.4\nwidgets.quiz([{'question': 'Q?', 'choices': []}])", "question 1 needs two or more"),
    ("quiz_explained", "widgets.quiz(", "print(", "calls widgets.quiz 0 times; it must once"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "old", "new", "says"), DAMAGE, ids=[f"{case[0]}: {case[3][:30]}" for case in DAMAGE])
def test_each_damage_triggers_its_rule_alone(damaged, rule, old, new, says):
    damaged(rule, old, new, says)


def test_every_rule_has_a_damaged_sample():
    shared = {
        rule
        for rule in (*lint.BOTH, *lint.LESSON, *lint.WITH_COURSE, rules.published)
        if rule.__module__ == "authoring.rules"
    }
    assert {case[0] for case in DAMAGE} == {rule.__name__ for rule in shared}


def test_a_lesson_may_be_excused_from_parts(check, monkeypatch):
    text = LESSON.replace('tags=["break"]', "")
    assert "there is no 'break' part" in check(text)[0]
    monkeypatch.setitem(lint.WITHOUT, "07_sample", {"break"})
    assert check(text) == []


EXERCISE_DAMAGE = [
    ("questions_complete", "### HINT idea How?", "", "07_sample: question 1 has the hints"),
    ("questions_complete", 'checks.exercise("07_sample")', 'checks.exercise("06_other")', 'exercise("07_sample")'),
    ("questions_complete", 'tags=["title"]', 'tags=["card"]', "the tag 'card' is not one of"),
    ("american", "Double it", "Double the colour", "'colour' is British"),
    ("numbers_sourced", "Double it", "Double 0.25", "unsourced number '0.25'"),
]


@pytest.mark.parametrize(("rule", "old", "new", "says"), EXERCISE_DAMAGE)
def test_exercises_keep_their_rules(check, rule, old, new, says):
    assert old in EXERCISE
    problems = check(EXERCISE.replace(old, new, 1), "exercises")
    assert len(problems) == 1, problems
    assert f", {rule}: " in problems[0]
    assert says in problems[0]


def test_the_program_prints_problems_and_counts(lint_root, capsys):
    folder = lint_root / "authoring" / "lessons"
    folder.mkdir(parents=True)
    (folder / "07_sample.py").write_text(LESSON.replace("the color", "the colour"), encoding="utf-8")
    (folder / "08_magic.py").write_text("# %% [markdown]\n# # 08\n\n# %%\n!ls\n", encoding="utf-8")
    assert lint.main([], lint_root) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("lessons/07_sample, cell 2, american: 'colour'")
    assert len(lines) == 3
    assert "08_magic.py: cell 2 is not plain Python" in lines[1]
    assert lines[2] == "2 sources, 2 problems"
    (folder / "07_sample.py").write_text(LESSON, encoding="utf-8")
    assert lint.main(["07"], lint_root) == 0
    assert capsys.readouterr().out == "1 sources, 0 problems\n"

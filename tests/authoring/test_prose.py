"""The rules of prose: each small damage to the good sample triggers exactly the rule it breaks."""

import pytest
from authoring_samples import LESSON

from authoring import lint, prose


def test_course_facts(course):
    assert course.terms == {"stamp", "phase"}
    assert course.keys == {"FCN"}
    assert course.published == [62.7]
    assert course.measured == pytest.approx([31_037_698, 1.0, 0.0, 0.52, 0.03])


# (rule, old, new, what the sentence says)
DAMAGE = [
    ("card_complete", "- **Prerequisites:** lesson 00", "- Lesson 00", "the card does not say 'prerequisites'"),
    ("card_complete", "20 minutes of reading, 1 minute of running", "some reading, some running", "gives no minutes"),
    ("heading_levels", "# ### The proof", "# #### The proof", "jumps from level 2 to 4"),
    ("heading_levels", "# ### The proof", "# # The proof", "is a second first-level heading"),
    ("image_alt", "![a kernel]", "![]", "the image ![](kernel.png) has no alt text"),
    ("image_alt", "![a kernel](kernel.png)", '<img src="k.png" alt="">', "has no alt text"),
    ("numbers_sourced", "62.7 %", "62.8 %", "unsourced number '62.8 %'"),
    ("numbers_sourced", "0.52 ±", "0.53 ±", "unsourced number '0.53'"),
    ("numbers_sourced", "31.0 million", "31.1 million", "unsourced number '31.1 million'"),
    ("numbers_sourced", "12.5 %", "13 %", "unsourced number '13 %'"),
    ("numbers_sourced", "Python 3.11", "a factor 3.11", "unsourced number '3.11'"),
    ("numbers_sourced", "# And now?", "# It is 1.75. Is it?", "unsourced number '1.75'"),
    ("numbers_sourced", "# And now?", "# It is 1.75\n#\n# and now?", "unsourced number '1.75'"),
    ("numbers_sourced", "# And now?", "# ### 1.5 Twice 1.75\n# Is it?", "unsourced number '1.75'"),
    ("citations", "and [@FCN].", "and [@Nobody].", "references.bib has no 'Nobody'"),
    ("citations", "# - [@FCN] Behaviour", "# - Behaviour", "the references cite no [@key]"),
    ("glossary", "**phase**\n", "**phrase**\n", "glossary.md has no 'phrase'"),
    ("glossary", "**Glossary:** **stamp**, **phase**", "**Words:** stamp", "has no line '**Glossary:**"),
    ("glossary", "**stamp**, **phase**", "stamp", "names no **term**"),
    ("links", "https://arxiv.org/abs", "https://example.com", "the host example.com is not one of"),
    ("relative_paths", "size = 3.5\n", "size = 3.5\npath = '/home/me/data.png'\n", "/home/me/data.png' is an absolute path"),
    ("relative_paths", "size = 3.5\n", "size = 3.5\npath = r'C:\\data'\n", "is an absolute path"),
    ("american", "the color mean", "the colour mean", "'colour' is British spelling; the course writes 'color'"),
    ("american", "# And now?", "# And normalised?", "'normalised' is British"),
    ("powers_in_code", "# And now?", "# And scale**2?", "scale**2 reads as bold type"),
    ("finished", "# And now?", "# And TODO now?", "TODO is left to do"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "old", "new", "says"), DAMAGE, ids=[f"{case[0]}: {case[3][:30]}" for case in DAMAGE])
def test_each_damage_triggers_its_rule_alone(damaged, rule, old, new, says):
    damaged(rule, old, new, says)


def test_every_rule_has_a_damaged_sample():
    shared = {
        rule
        for rule in (*lint.BOTH, *lint.LESSON, *lint.WITH_COURSE, prose.glossary)
        if rule.__module__ == "authoring.prose"
    }
    assert {case[0] for case in DAMAGE} == {rule.__name__ for rule in shared}


FINE = [
    ("# And now?", "# And `1.75` now? In code and ```\n# 2.75\n# ``` and [here](https://arxiv.org/abs/1.75)."),
    ("# And now?", "# ## 2.5 Lower\n# And v1.75, section 1.75, Fig. 1.75, 1.75.2, the year 2015, torch 2.85?"),
    ("# And now?", "# And now? First. Is it 1.75, 2.75 % or\n# 2.85?"),
    ('"It is free."', '"It is 1.75 % off."'),
    ("# And now?", "# A realistic precise otherwise exercise, and now?"),
    ("# And now?", "# Is $a * b$ and `a**b` fine?"),
    ("plots.show(fig, alt=", "plt.subplots()\nplots.show(fig, alt="),
    ("widgets.deconvolution_stepper(kernel=3)", "widgets.deconvolution_stepper(kernel=3);"),
    ("size = 3.5\n", "size = 3.5\nfolder = 'data/scenes/' + 'a/home/b'\n"),
    ("live = 0.4\n", "live = 0.4\n\n# %%\nrgb\n\n# %%\n"),
]


@pytest.mark.parametrize(("old", "new"), FINE)
def test_what_the_rules_let_pass(check, old, new):
    assert old in LESSON
    assert check(LESSON.replace(old, new, 1)) == []

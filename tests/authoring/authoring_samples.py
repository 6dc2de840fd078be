"""Sample sources: small ones to build, and a complete lesson and exercise that keep every rule."""

SMALL_LESSON = """# %% [markdown] tags=["title"]
# # 07 · A sample

# %% [markdown] tags=["card"]
# What a card says.

# %%
import math

# copy the kernel: a comment, not a shell command
math.pi

# %% [markdown] tags=["references"]
# As shown [@FCN] before, and [@Unknown].

# %%
math.pi

# %%
math.pi
"""
SMALL_QUESTION = '''
# %% [markdown] tags=["question"] difficulty=2 minutes=5
# ## NN · Double it
# Return `2 * x`.
# ### HINT nudge What is doubling?
# ### HINT idea
# Add it
# to itself.
# ### HINT almost
# ```python
# x + ...
# ```

# %% tags=["answer"]
def double_NN(x):
    """x -> 2 * x"""
    ### BEGIN SOLUTION
    y = x
    return x + y
    ### END SOLUTION


# %% tags=["check"]
check(NN, double_NN)
'''
SMALL_EXERCISE = """# %% [markdown]
# # Exercise 07 · A sample

# %%
from course_lib import checks

check = checks.exercise("07_sample")
""" + "".join(SMALL_QUESTION.replace("NN", str(n)) for n in (1, 2, 3, 4))
BIB = """@misc{FCN,
  author = {Long, Jonathan and Shelhamer, Evan},
  title = {Fully Convolutional},
  year = {2015},
  eprint = {1411.4038},
}
"""
LESSON = """# %% [markdown] tags=["title"]
# # 07 · A sample

# %% [markdown] tags=["card"]
# - **Question:** what does the color mean?
# - **Time:** 20 minutes of reading, 1 minute of running
# - **Prerequisites:** lesson 00
# - **You will be able to** say so

# %%
from course_lib import evidence, plots, widgets

# %% [markdown] tags=["predict"]
# ## 1 · Stamps
# How large is it? A kernel of 3.5 pixels, 12.5 % of the width, in Python 3.11.

# %% tags=["build"]
size = 3.5
share = 1 / 8, 0.125
rgb = plots.semantic_rgb(size)

# %% [markdown] tags=["prove"]
# ### The proof
# ![a kernel](kernel.png) Equal, see [[1]](https://arxiv.org/abs/1234.5678) and [@FCN].

# %%
assert size == 3.5

# %% [markdown] tags=["see"]
# Which cells get two?

# %%
widgets.deconvolution_stepper(kernel=3)

# %% [markdown] tags=["predict"]
# ## 2 · Again
# And now?

# %% tags=["break"]
fig = plots.overlay(rgb)
plots.show(fig, alt=f"A street scene of {size} pixels, in blocks.")

# %% [markdown] tags=["measure"]
# ## 3 · Measured
# Arm one has 0.52 ± 0.03 and 31.0 million parameters; published is 62.7 %.

# %%
live = 0.4
assert live - size < 0
evidence.table("07_sample", {"miou": "mIoU"})

# %% [markdown] tags=["real"]
# ## 4 · The real thing
# The table has it.

# %%
evidence.published("fcn8s")

# %% [markdown] tags=["misconceptions"]
# ## 5 · What people get wrong
# - **"It is an inverse."** Section 1: it is
#   not.
# - **"It is free."** See [measured](#3-·-Measured); the next cell shows it.

# %%
assert size > live

# %% [markdown] tags=["quiz"]
# ## 6 · Quiz

# %%
widgets.quiz(
    [
        {
            "question": "Which?",
            "choices": [
                {"text": "this", "correct": True, "why": "it is so."},
                {"text": "that", "correct": False, "why": "it is not."},
            ],
        },
        {"question": "2?", "choices": [{"text": "a", "correct": True, "why": "It is so."}, {"text": "b", "why": "It is not."}]},
        {"question": "3?", "choices": [{"text": "a", "correct": True, "why": "It is so."}, {"text": "b", "why": "It is not."}]},
        {"question": "4?", "choices": [{"text": "a", "correct": True, "why": "It is so."}, {"text": "b", "why": "It is not."}]},
        {"question": "5?", "choices": [{"text": "a", "correct": True, "why": "It is so."}, {"text": "b", "why": "It is not."}]},
    ]
)

# %% [markdown] tags=["summary"]
# ## 7 · Summary
# **Glossary:** **stamp**, **phase**
#
# Exercise 07.

# %% [markdown] tags=["references"]
# ## References
# - [@FCN] Behaviour of 99.9 colours, a title in its own spelling
"""
QUESTION = """
# %% [markdown] tags=["question"] difficulty=2 minutes=5
# ## NN · Double it
# ### HINT nudge Why?
# ### HINT idea How?
# ### HINT almost So.

# %% tags=["answer"]
def double_NN(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %% tags=["check"]
check(NN, double_NN)
"""
EXERCISE = """# %% [markdown] tags=["title"]
# # Exercise 07 · A sample

# %%
from course_lib import checks

check = checks.exercise("07_sample")
""" + "".join(QUESTION.replace("NN", str(n)) for n in (1, 2, 3, 4))

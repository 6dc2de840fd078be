'''The sources of the notebooks, the program that builds them and the rules they keep.

    python authoring/build.py [--check]      sources -> lessons/, exercises/, solutions/
    python authoring/lint.py [name ...]      the rules every source keeps

A source is a percent-format .py file that also runs as a plain script (no magics). Cell markers:

    # %% [markdown] tags=["predict"]         a Markdown cell, each line commented with "# "
    # %% tags=["answer"]                     a code cell

Marker lines may set tags and jupyter={"source_hidden": true}; a question also sets difficulty and minutes.

Lesson, authoring/lessons/NN_topic.py: the first cell of each part carries the part's tag, in the order
title, card, predict, build, prove, see, break, measure, real, misconceptions, quiz, summary, references.
predict, build, prove, see and break may come again before measure; the others come once.

    title            one cell: "# NN · ..."
    card             Question, Time (minutes of reading and of running), Prerequisites, You will be able to
    misconceptions   bullets; each names what breaks it: "section 3", [section 3](#3-·-Title), or "the next cell" of this part
    quiz             widgets.quiz([{"question": ..., "choices": [{"text": ..., "correct": True, "why": ...}, ...]}, ...])
    summary          a line "**Glossary:** **term**, **term**, ..." whose terms stand in glossary.md
    references       "- [@Key] what it is used for" with keys of references.bib

[@Key] becomes a link where it stands in the text, and the whole entry in the references part. Decimal numbers and percentages
in the text must be found in the lesson's code, data/published.csv or results/; questions and code spans are free.

Exercise, authoring/exercises/NN_topic.py: a title cell, plain cells, then 4 to 7 questions; each is

    # %% [markdown] tags=["question"] difficulty=1 minutes=5
    # ## Question 1 · Stamp in one dimension
    # What to do, what to return (shapes).
    # ### HINT nudge Where does the second stamp begin?
    # ### HINT idea Write down ...
    # ### HINT almost
    # ```python
    # for i in ...
    # ```

    # %% tags=["answer"]
    def stamp_1d(x, kernel, stride):
        """..."""
        ### BEGIN SOLUTION
        ...
        ### END SOLUTION

    # %% tags=["check"]
    check(1, stamp_1d)

The check cell follows its answer cell directly; plain cells may stand between question and answer. Points come from
course_lib.checks.<topic>.QUESTIONS. What is checked must exist without the solution, so that the unattempted notebook runs.
'''

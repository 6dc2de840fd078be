"""Questions that explain every choice, the wrong ones too. They work in a notebook, on a page without a kernel, and on paper."""

import re
import textwrap
from collections.abc import Sequence
from typing import Any

import traitlets

from course_lib.widgets.base import CourseWidget, es_module
from course_lib.widgets.drawing import sheet, write

LINE = 104  # characters a line of the still picture holds


class Quiz(CourseWidget):
    """Use `quiz`. `answers[i]` is the number of the choice taken in question i, from 0, or None; it follows the browser."""

    _esm = es_module("quiz.js")

    questions = traitlets.List().tag(sync=True)
    answers = traitlets.List().tag(sync=True)

    @traitlets.default("answers")
    def _unanswered(self) -> list[None]:
        return [None] * len(self.questions)

    @traitlets.validate("answers")
    def _fits(self, proposal: dict[str, Any]) -> list[int | None]:
        answers = proposal["value"]
        sizes = [len(question["choices"]) for question in self.questions]
        if len(answers) != len(sizes) or any(
            a is not None and a not in range(n) for a, n in zip(answers, sizes, strict=True)
        ):
            raise traitlets.TraitError(
                f"Quiz: answers must give one choice number or None for each of {len(sizes)} questions, got {answers}"
            )
        return answers

    def correct(self) -> int:
        """How many questions are answered right at this moment."""
        return sum(
            a is not None and q["choices"][a]["correct"] for a, q in zip(self.answers, self.questions, strict=True)
        )

    def describe(self) -> str:
        """Questions and choices as text; which one is right is not said."""
        lines = [f"Quiz of {len(self.questions)} question{'s' * (len(self.questions) != 1)}."]
        for number, question in enumerate(self.questions, 1):
            lines.append(f"{number}. {question['question']}")
            lines += [f"   ({chr(97 + i)}) {choice['text']}" for i, choice in enumerate(question["choices"])]
        return "\n".join(lines)

    def figure(self):
        rows = []  # (indent in inches, text, weight, mark)
        for number, question in enumerate(self.questions):
            heading = textwrap.wrap(f"{number + 1}. {question['question']}", LINE)
            rows += [(0.2, line, "bold", "") for line in heading]
            for index, choice in enumerate(question["choices"]):
                mark = "chosen" if self.answers[number] == index else "open"
                for i, line in enumerate(textwrap.wrap(choice["text"], LINE - 4)):
                    rows.append((0.55, line, "normal", "" if i else mark))
            rows.append((0.2, "", "normal", ""))
        width = 0.9 + 0.085 * max(len(line) for _, line, _, _ in rows)
        figure, ax = sheet(max(5, width), 0.24 * len(rows) + 0.12)
        for index, (indent, line, weight, mark) in enumerate(rows):
            y = 0.24 * (index + 1)
            plain = line.replace("$", r"\$")  # matplotlib would read dollars as formulas
            write(ax, indent, y, re.sub(r"`([^`]+)`", r"\1", plain), 9.5, weight=weight)
            if mark:
                ax.plot(
                    0.36,
                    y,
                    "o",
                    markersize=7,
                    markeredgecolor="#4a4a4a",
                    markerfacecolor="#4a4a4a" if mark == "chosen" else "white",
                )
        return figure


def quiz(questions: Sequence[dict[str, Any]]) -> Quiz:
    """A quiz of multiple-choice questions; choosing shows that choice's explanation.

    Each question is {"question": str, "choices": [{"text": str, "why": str, "correct": bool}, ...]}, with two choices or more,
    exactly one of them correct ("correct" may be left out where it is False), and a `why` for every one. Text in backticks is set
    as code; all other text is shown as it stands. ValueError names the first question that breaks a rule.
    """
    if not questions:
        raise ValueError("quiz: questions is empty; give at least one")
    return Quiz(questions=[_checked(number, question) for number, question in enumerate(questions, 1)])


def _checked(number: int, question: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(question, dict) or not _text(question.get("question")):
        raise ValueError(f'quiz: question {number} must be a dict with a non-empty "question"')
    where = f"quiz: question {number} ({textwrap.shorten(question['question'], 50, placeholder='...')})"
    choices = question.get("choices")
    if not isinstance(choices, list | tuple) or len(choices) < 2:
        raise ValueError(f"{where} must have at least two choices")
    for index, choice in enumerate(choices, 1):
        for key in ("text", "why"):
            if not isinstance(choice, dict) or not _text(choice.get(key)):
                raise ValueError(f'{where}: choice {index} must be a dict with a non-empty "{key}"')
    correct = sum(bool(choice.get("correct", False)) for choice in choices)
    if correct != 1:
        raise ValueError(f"{where} must have exactly one correct choice, got {correct}")
    kept = [{"text": c["text"], "why": c["why"], "correct": bool(c.get("correct", False))} for c in choices]
    return {"question": question["question"], "choices": kept}


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())

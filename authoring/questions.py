"""An exercise's source: its questions, hints, answers and checks, and what becomes of them in a notebook.

In an exercise's source a Markdown cell tagged "question" carries difficulty (1-3) and minutes and ends with three hints
(### HINT nudge, ### HINT idea, ### HINT almost, each up to the next); a code cell tagged "answer" holds the solution between
### BEGIN SOLUTION and ### END SOLUTION; the code cell tagged "check" right after it calls check(n, ...).
"""

import ast
import builtins
import importlib
import re
from pathlib import Path

import nbformat

from authoring.source import SourceError, read_cells, tag

DIFFICULTY = {1: "easy ●○○", 2: "medium ●●○", 3: "hard ●●●"}
HINTS = {"nudge": "Hint 1 (a nudge)", "idea": "Hint 2 (the idea)", "almost": "Hint 3 (almost the code)"}
HINT = re.compile(r"^### HINT\b[ \t]*(\w*)[ \t]*", re.MULTILINE)
SOLUTION = re.compile(
    r"^([ \t]*)### BEGIN SOLUTION[^\n]*\n(.*?)^[ \t]*### END SOLUTION[^\n]*(?:\n|\Z)", re.MULTILINE | re.DOTALL
)
CHECK = re.compile(r"^check\((\d+)\s*,", re.MULTILINE)


def question_points(topic: str) -> list:
    """Points of each question, from course_lib.checks.<topic>.QUESTIONS."""
    try:
        module = importlib.import_module(f"course_lib.checks.{topic}")
    except ModuleNotFoundError as error:
        raise SourceError(f"{topic}: course_lib/checks/{topic}.py is needed for the points ({error})") from error
    return [question.points for question in module.QUESTIONS]


def group_questions(cells: list, name: str) -> list[dict]:
    """[{question, answer, check}] in order; refuses an exercise that breaks the format."""
    groups = []
    for number, cell in enumerate(cells, 1):
        kind = tag(cell)
        if kind == "question":
            groups.append({"question": cell})
        elif kind in ("answer", "check"):
            if not groups or kind in groups[-1]:
                raise SourceError(
                    f"{name}: cell {number} is a second {kind!r} cell of one question, or stands before any"
                )
            if kind == "check" and tag(cells[number - 2]) != "answer":
                raise SourceError(f"{name}: cell {number}, a check, must follow its answer cell directly")
            groups[-1][kind] = cell
    if not 4 <= len(groups) <= 7:
        raise SourceError(f"{name}: {len(groups)} questions; an exercise has 4 to 7")
    for n, group in enumerate(groups, 1):
        place = f"{name}: question {n}"
        if missing := {"answer", "check"} - set(group):
            raise SourceError(f"{place} has no {' and no '.join(sorted(missing))} cell")
        meta = group["question"].metadata
        if meta.get("difficulty") not in DIFFICULTY or not isinstance(meta.get("minutes"), int):
            raise SourceError(f"{place}: the marker line needs difficulty=1..3 and minutes=N")
        found = HINT.findall(group["question"].source)
        if found != list(HINTS):
            raise SourceError(f"{place} has the hints {found}; it needs nudge, idea, almost in this order")
        if not SOLUTION.search(group["answer"].source):
            raise SourceError(f"{place}: the answer cell has no ### BEGIN SOLUTION ... ### END SOLUTION")
        if CHECK.findall(group["check"].source) != [str(n)]:
            raise SourceError(f"{place}: the check cell must call check({n}, ...) once, at the start of a line")
        for kind in group:
            if (group[kind].cell_type == "markdown") != (kind == "question"):
                raise SourceError(f"{place}: the {kind} cell is a {group[kind].cell_type} cell")
    return groups


def unanswered_names(cells: list, groups: list[dict]) -> list[tuple[int, str]]:
    """(question, name) of each name a check reads that no cell before it defines once the solutions are out."""
    defined, missing = set(), []
    for cell in cells:
        if cell.cell_type != "code":
            continue
        nodes = list(ast.walk(ast.parse(without_solution(cell.source))))
        for node in nodes:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                defined.add(node.name)
            elif isinstance(node, ast.alias):
                defined.add((node.asname or node.name).partition(".")[0])
            elif isinstance(node, ast.arg):
                defined.add(node.arg)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                defined.add(node.id)
        if tag(cell) == "check":
            number = next(n for n, group in enumerate(groups, 1) if group["check"] is cell)
            read = {node.id for node in nodes if isinstance(node, ast.Name)}
            missing += [(number, name) for name in sorted(read - defined - set(dir(builtins)))]
    return missing


def render_question(source: str, points: float, difficulty: int, minutes: int) -> str:
    """A question's text with a line of points, difficulty and minutes under its heading and its hints folded."""
    body, *hints = HINT.split(source)
    heading, _, text = body.strip().partition("\n")
    facts = f"**{points:g} point{'s' * (points != 1)}** · {DIFFICULTY[difficulty]} · about {minutes} minutes"
    blocks = [heading, facts, text.strip()]
    for kind, hint in zip(hints[::2], hints[1::2], strict=True):
        blocks.append(f"<details><summary>{HINTS[kind]}</summary>\n\n{hint.strip()}\n\n</details>")
    return "\n\n".join(block for block in blocks if block)


def without_solution(source: str) -> str:
    return SOLUTION.sub(r"\1...  # your answer\n", source).rstrip("\n")


def with_solution(source: str) -> str:
    return SOLUTION.sub(r"\2", source).rstrip("\n")


def nbgrader(grade_id: str, points: float | None = None) -> dict:
    """nbgrader's schema 3: a check cell has points and is locked, an answer cell has none and is open."""
    graded = points is not None
    data = {"schema_version": 3, "grade_id": grade_id, "grade": graded, "solution": not graded}
    data |= {"locked": graded, "task": False}
    return data | {"points": points} if graded else data


def exercise_cells(path: Path, solved: bool) -> list:
    """The cells of exercises/NN_topic.ipynb, or of solutions/NN_topic.ipynb if solved."""
    cells, (number, _, topic) = read_cells(path), path.stem.partition("_")
    groups, points = group_questions(cells, path.name), question_points(topic)
    if len(points) != len(groups):
        raise SourceError(f"{path.name}: {len(groups)} questions, but course_lib.checks.{topic} has {len(points)}")
    for n, missing in unanswered_names(cells, groups):
        raise SourceError(f"{path.name}: question {n} checks {missing!r}, which does not exist without the solution")
    for n, (group, worth) in enumerate(zip(groups, points, strict=True), 1):
        question, answer = group["question"], group["answer"]
        meta = question.metadata
        question.source = render_question(question.source, worth, meta.pop("difficulty"), meta.pop("minutes"))
        answer.source = (with_solution if solved else without_solution)(answer.source)
        answer.metadata["nbgrader"] = nbgrader(f"{number}-q{n}")
        group["check"].metadata["nbgrader"] = nbgrader(f"{number}-q{n}-check", worth)
    for place, cell in enumerate(cells, 1):
        if re.search(r"### (BEGIN|END) SOLUTION|^### HINT", cell.source, re.MULTILINE):
            raise SourceError(f"{path.name}: cell {place} has a solution or hint marker without its partner or its tag")
    if solved:
        note = f"**This is the solution** of `exercises/{path.stem}.ipynb`. Every check below passes."
        cells.insert(1, nbformat.v4.new_markdown_cell(note, metadata={"tags": ["solution-note"]}))
    return cells

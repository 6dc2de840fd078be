"""What a lesson or an exercise must hold: the order of its parts, its limits, pictures, widgets, measurements, quiz.

A rule is a function of a Source that yields (cell number, sentence); `lint.py` adds the source's and the rule's name.
"""

import ast
import re
import statistics

from authoring.prose import headings, plain
from authoring.questions import group_questions
from authoring.source import CYCLE, PARTS, Source, SourceError, calls

MAX_CELLS, MAX_WORDS, MAX_LINES, MAX_MEDIAN = 60, 3500, 30, 8
MIN_ALT = 20
EXERCISE_TAGS = ("title", "question", "answer", "check")
MODULES = ("plots", "widgets", "evidence")  # always written as module.name, so that a reader (and this lint) sees them


def parts_in_order(source: Source):
    """Every part is there, each first occurrence in order; from measure on each begins once."""
    order, latest = [], 0
    for cell in source.cells:
        for tag in cell.tags:
            if tag not in PARTS:
                yield cell.number, f"the tag {tag!r} is not one of {', '.join(PARTS)}"
            elif tag not in order:
                order.append(tag)
                if PARTS.index(tag) < latest:
                    yield cell.number, f"{tag!r} comes after {PARTS[latest]!r}; the order is {', '.join(PARTS)}"
                latest = max(latest, PARTS.index(tag))
            elif tag not in CYCLE or PARTS.index(order[-1]) > PARTS.index(CYCLE[-1]):
                yield cell.number, f"{tag!r} begins a second time; only {', '.join(CYCLE)} may, and before 'measure'"
    if source.cells[0].part != "title":
        yield 1, "the first cell must be tagged 'title'"
    for missing in [part for part in PARTS if part not in order and part not in source.without]:
        yield 1, f"there is no {missing!r} part"


def questions_complete(source: Source, cells: list):
    """An exercise's questions have hints, answer and check, and it loads its own checks. cells: of nbformat."""
    try:
        group_questions(cells, source.name)
    except SourceError as error:
        yield 1, str(error)
    for cell in source.cells:
        for tag in [tag for tag in cell.tags if tag not in EXERCISE_TAGS]:
            yield cell.number, f"the tag {tag!r} is not one of {', '.join(EXERCISE_TAGS)}"
    code = "\n".join(cell.text for cell in source.cells if cell.code)
    if f'check = checks.exercise("{source.name}")' not in code:
        yield 1, f'no cell says check = checks.exercise("{source.name}")'


def limits(source: Source):
    """At most 60 cells, 3,500 words of Markdown, 30 lines a code cell (a quiz may be longer), median 8."""
    if len(source.cells) > MAX_CELLS:
        yield MAX_CELLS + 1, f"{len(source.cells)} cells; at most {MAX_CELLS}"
    words = sum(len(re.findall(r"\w[\w'’.-]*", plain(cell.text))) for cell in source.cells if not cell.code)
    if words > MAX_WORDS:
        yield len(source.cells), f"{words} words of Markdown; at most {MAX_WORDS}"
    lengths = {c.number: len(c.text.splitlines()) for c in source.cells if c.code and "widgets.quiz(" not in c.text}
    for number, length in lengths.items():
        if length > MAX_LINES:
            yield number, f"{length} lines of code; at most {MAX_LINES}"
    if lengths and not source.exercise and (median := statistics.median(lengths.values())) > MAX_MEDIAN:
        yield 1, f"the median code cell has {median:g} lines; at most {MAX_MEDIAN}"


def modules_whole(source: Source):
    """`from course_lib import plots`, never `from course_lib.plots import show`: a name says where it comes from."""
    for cell in source.cells:
        for node in ast.walk(cell.tree):
            module = getattr(node, "module", None) if isinstance(node, ast.ImportFrom) else None
            if module in [f"course_lib.{name}" for name in MODULES]:
                yield cell.number, f"write `from course_lib import {module.partition('.')[2]}`"
            if isinstance(node, ast.ImportFrom) and module == "course_lib":
                for alias in [a for a in node.names if a.name in MODULES and a.asname]:
                    yield cell.number, f"import {alias.name} under its own name"


def alt_text(source: Source):
    """Every plots.show has a written-out alternative text that says something."""
    for cell in source.cells:
        for call in [c for c in calls(cell.tree, "plots") if c.func.attr == "show"]:
            alt = next((k.value for k in call.keywords if k.arg == "alt"), None)
            if alt is None:
                yield cell.number, "plots.show has no alt=..."
            elif not isinstance(alt, ast.Constant | ast.JoinedStr | ast.BinOp):
                yield cell.number, "plots.show: write the alt text out here, as a string or an f-string"
            elif (n := len("".join(c.value for c in ast.walk(alt) if _is_text(c)).strip())) < MIN_ALT:
                yield cell.number, f"the alt text has {n} characters; at least {MIN_ALT}, saying what one sees"


def figures_shown(source: Source):
    """A figure is displayed by plots.show and by nothing else, or it would come without alt text."""
    figures = set()
    for cell in source.cells:
        drawn = {c.func.attr for c in calls(cell.tree, "plt")}
        if "show" in drawn:
            yield cell.number, "plt.show() displays without alt text; use plots.show(fig, alt=...)"
        elif drawn & {"subplots", "figure", "subplot_mosaic"} and not _shows(cell):
            yield cell.number, "a pyplot figure is left open and would be displayed without alt text; plots.show it"
        for node in [n for n in ast.walk(cell.tree) if isinstance(n, ast.Assign)]:
            if _makes_figure(node.value):
                target = node.targets[0]
                figures.add(ast.unparse(target.elts[0] if isinstance(target, ast.Tuple) else target))
        last = cell.tree.body[-1] if cell.tree.body else None
        if isinstance(last, ast.Expr) and (_makes_figure(last.value) or ast.unparse(last.value) in figures):
            yield cell.number, "the last expression is a figure; use plots.show(fig, alt=...)"


def see_asks(source: Source):
    """The see part has a widget, and a question stands right above every widget."""
    asked = ""
    for cell in source.cells:
        asked = asked if cell.code else plain(cell.text)
        for call in [c for c in calls(cell.tree, "widgets") if c.func.attr != "quiz"]:
            if "?" not in asked:
                yield cell.number, f"the Markdown above widgets.{call.func.attr} asks no question that it answers"
    seen = source.part("see")
    if seen and not any(calls(cell.tree, "widgets") for cell in seen):
        yield seen[0].number, "the see part has no widget"


def early_picture(source: Source):
    """A picture or a widget within the first ten cells."""
    if not any(_shows(cell) or calls(cell.tree, "widgets") for cell in source.cells[:10]):
        yield 10, "no plots.show and no widget within the first ten cells"


def measured(source: Source):
    """The measure part shows the committed table and asserts the difference of the live arms."""
    part = source.part("measure")
    if part and not any(calls(cell.tree, "evidence") for cell in part):
        yield part[0].number, "the measure part shows no committed table (evidence...)"
    asserts = [n for cell in part for n in ast.walk(cell.tree) if isinstance(n, ast.Assert)]
    compares = [n for a in asserts for n in ast.walk(a.test) if isinstance(n, ast.Compare)]
    if part and not any(isinstance(n, ast.Name) for c in compares for n in ast.walk(c)):
        yield part[0].number, "the measure part asserts no difference of the live arms"


def published(source: Source, values: list[float]):
    """The real part takes published numbers from the file. values: those of data/published.csv."""
    part = source.part("real")
    if part and not any(calls(cell.tree, "evidence") for cell in part):
        yield part[0].number, "the real part reads no published numbers (evidence...)"
    for cell in part:
        for node in ast.walk(cell.tree):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, float)
                and node.value % 1
                and node.value in values
            ):
                yield cell.number, f"{node.value} is typed in; data/published.csv has it, read it through evidence"


def misconceptions(source: Source):
    """Every bullet names the section (or the cell nearby) that breaks it, and that place asserts something."""
    sections, here, asserting = {}, None, {"here": any(_asserts(c) for c in source.part("misconceptions"))}
    for cell in source.cells:
        for level, title in headings(cell):
            if level == 2 and (number := re.match(r"\d+", title)):
                here = number[0]
                sections[title.replace(" ", "-")] = here
        asserting[here] = asserting.get(here, False) or _asserts(cell)
    text = [(cell.number, cell.text) for cell in source.part("misconceptions") if not cell.code]
    bullets = [(n, b) for n, t in text for b in re.findall(r"^[-*] .*(?:\n[ \t]+\S.*)*", t, re.MULTILINE)]
    if text and not bullets:
        yield text[0][0], "the misconceptions are not a list with one bullet each"
    for number, bullet in bullets:
        named = re.findall(r"[Ss]ections?\s+(\d+)", bullet)
        named += [sections.get(slug, slug) for slug in re.findall(r"\]\(#([^)]+)\)", bullet)]
        named += ["here"] * bool(re.search(r"\bcell\b", bullet))
        start = " ".join(bullet.split()[1:6])
        if not named:
            yield number, f"the bullet {start!r} names no section or cell that breaks it"
        for place in [place for place in named if not asserting.get(place)]:
            where = "no cell of this part" if place == "here" else f"section {place} is missing or"
            yield number, f"the bullet {start!r}: {where} asserts nothing"


def quiz_explained(source: Source):
    """The quiz part has one quiz of five questions; in every quiz each question has one right choice, each choice a why."""
    quizzes = [
        (cell, call) for cell in source.cells for call in calls(cell.tree, "widgets") if call.func.attr == "quiz"
    ]
    final = [call for cell, call in quizzes if cell.part == "quiz"]
    if len(final) != 1 and (part := source.part("quiz")):
        yield part[0].number, f"the quiz part calls widgets.quiz {len(final)} times; it must once"
    for number, call in [(cell.number, call) for cell, call in quizzes]:
        try:
            questions = ast.literal_eval(call.args[0])
        except (ValueError, IndexError):
            yield number, "widgets.quiz needs its questions written out as a list"
            continue
        if call in final and len(questions) != 5:
            yield number, f"the quiz has {len(questions)} questions; it needs five"
        for n, question in enumerate(questions, 1):
            choices = question.get("choices", [])
            if len(choices) < 2 or sum(choice.get("correct", False) for choice in choices) != 1:
                yield number, f"quiz question {n} needs two or more choices, one of them correct"
            for choice in [choice for choice in choices if len(choice.get("why", "").split()) < 3]:
                yield number, f"quiz question {n}: the choice {choice.get('text')!r} is not explained"


def _is_text(node) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _shows(cell) -> bool:
    return any(call.func.attr == "show" for call in calls(cell.tree, "plots"))


def _makes_figure(node) -> bool:
    """plots.name(...) unless it shows or returns an array (*_rgb), or plt.anything(...)."""
    plots = [c.func.attr for c in calls(node, "plots") if c is node]
    made = [name for name in plots if name != "show" and not name.endswith("_rgb")]
    return bool(made) or any(c is node for c in calls(node, "plt"))


def _asserts(cell) -> bool:
    names = [ast.unparse(n.func).split(".")[-1] for n in ast.walk(cell.tree) if isinstance(n, ast.Call)]
    return any(isinstance(n, ast.Assert) for n in ast.walk(cell.tree)) or any(n.startswith("assert_") for n in names)

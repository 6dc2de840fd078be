"""Reading a percent-format source: its cells, their tags, its parts and its code."""

import ast
from dataclasses import dataclass
from pathlib import Path

import jupytext

KEPT = ("tags", "jupyter")  # cell metadata that a source may set and a notebook keeps
CONSUMED = ("difficulty", "minutes")  # read from a question, not kept
JUPYTEXT_OWN = ("lines_to_next_cell", "lines_to_end_of_cell_marker", "cell_marker")
ONCE_FIRST = ("title", "card")
CYCLE = ("predict", "build", "prove", "see", "break")  # may come again, until measure
ONCE_LAST = ("measure", "real", "misconceptions", "quiz", "summary", "references")
PARTS = (*ONCE_FIRST, *CYCLE, *ONCE_LAST)


class SourceError(ValueError):
    """A source does not follow the format; the message names the source, the place and the rule."""


def read_cells(path: Path) -> list:
    """The cells of a percent-format source: nbformat cells with `tags` and whatever else the marker lines set."""
    # comment_magics off: otherwise jupytext takes a comment such as `# copy the kernel` for a shell command
    fmt = {"extension": ".py", "format_name": "percent", "comment_magics": False}
    cells = jupytext.reads(path.read_text(encoding="utf-8"), fmt).cells
    for number, cell in enumerate(cells, 1):
        for key in JUPYTEXT_OWN:
            cell.metadata.pop(key, None)
        if unknown := sorted(set(cell.metadata) - {*KEPT, *CONSUMED}):
            raise SourceError(f"{path.name}: cell {number} sets {unknown[0]!r}; known are {', '.join(KEPT + CONSUMED)}")
        if cell.cell_type == "code":
            try:
                ast.parse(cell.source)
            except SyntaxError as error:
                raise SourceError(f"{path.name}: cell {number} is not plain Python: {error}") from error
    if not cells or cells[0].cell_type != "markdown":
        raise SourceError(f"{path.name}: the first cell must be a Markdown cell, the title")
    return cells


def tag(cell) -> str:
    """The first tag of an nbformat cell, or ''."""
    return (cell.metadata.get("tags") or [""])[0]


@dataclass
class Cell:
    number: int  # from 1, as the source counts; badges and Colab cells are added later
    code: bool
    text: str
    tags: list[str]
    part: str  # the last part that began here or above; a question, answer or check in an exercise

    @property
    def tree(self) -> ast.Module:
        """The code as a syntax tree; empty for Markdown."""
        return ast.parse(self.text if self.code else "")


@dataclass
class Source:
    name: str  # NN_topic
    exercise: bool
    cells: list[Cell]
    without: frozenset = frozenset()  # parts this lesson does without

    def part(self, name: str) -> list[Cell]:
        return [cell for cell in self.cells if cell.part == name]


def read_source(path: Path, without=()) -> Source:
    exercise, cells, part = path.parent.name == "exercises", [], ""
    for number, cell in enumerate(read_cells(path), 1):
        part = tag(cell) or part
        cells.append(Cell(number, cell.cell_type == "code", cell.source, cell.metadata.get("tags", []), part))
    return Source(path.stem, exercise, cells, frozenset(without))


def calls(tree: ast.AST, module: str) -> list[ast.Call]:
    """Calls such as module.name(...) in a syntax tree, in order."""
    found = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
    return [n for n in found if isinstance(n.func.value, ast.Name) and n.func.value.id == module]

"""Check every source against the rules of a lesson or an exercise.

    python authoring/lint.py             all sources
    python authoring/lint.py 02 05       those whose name begins so

Prints one sentence per problem: the source, the cell (counted in the source), the rule, what is wrong. Exits 1 if there is any.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # run as a script, only authoring/ is on the path

from authoring import prose, rules  # noqa: E402
from authoring.source import SourceError, read_cells, read_source  # noqa: E402

# Parts that a lesson does without, and why
WITHOUT = {
    "00_start_here": {"see", "break"},  # it checks the machine and shows the way; no mechanism is taken apart
}
BOTH = (
    rules.limits, rules.modules_whole, rules.alt_text, rules.figures_shown,
    prose.heading_levels, prose.image_alt, prose.links, prose.relative_paths, prose.american,
    prose.powers_in_code, prose.finished,
)  # fmt: skip
LESSON = (
    rules.parts_in_order, rules.see_asks, rules.early_picture, rules.measured, rules.misconceptions, rules.quiz_explained,
    prose.card_complete,
)  # fmt: skip
WITH_COURSE = (prose.numbers_sourced, prose.citations)


def lint(path: Path, course: prose.Course) -> list[str]:
    """Every problem of one source, in the order of its cells."""
    try:
        source = read_source(path, WITHOUT.get(path.stem, ()))
    except SourceError as error:
        return [str(error)]
    found = [(rule.__name__, rule(source)) for rule in (BOTH if source.exercise else BOTH + LESSON)]
    found += [(rule.__name__, rule(source, course)) for rule in WITH_COURSE]
    if source.exercise:
        found.append(("questions_complete", rules.questions_complete(source, read_cells(path))))
    else:
        found.append(("published", rules.published(source, course.published)))
        found.append(("glossary", prose.glossary(source, course)))
    problems = sorted((number, name, sentence) for name, pairs in found for number, sentence in pairs)
    folder = "exercises" if source.exercise else "lessons"
    return [f"{folder}/{path.stem}, cell {number}, {name}: {sentence}" for number, name, sentence in problems]


def sources(root: Path = ROOT) -> list[Path]:
    return [p for kind in ("lessons", "exercises") for p in sorted((root / "authoring" / kind).glob("*.py"))]


def main(names: list[str], root: Path = ROOT) -> int:
    course = prose.read_course(root)
    chosen = [path for path in sources(root) if not names or path.stem.startswith(tuple(names))]
    problems = [problem for path in chosen for problem in lint(path, course)]
    print("\n".join([*problems, f"{len(chosen)} sources, {len(problems)} problems"]))
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What a lesson's words must keep: sourced numbers, known terms and references, headings, links, spelling.

A rule is a function of a Source (and of what the course knows, where it needs that) that yields (cell number, sentence).
"""

import ast
import csv
import json
import re
import statistics
from dataclasses import dataclass
from pathlib import Path

from authoring.references import CITATION, read_bibliography
from authoring.source import Cell, Source

HOSTS = (
    "arxiv.org doi.org openreview.net openaccess.thecvf.com distill.pub pytorch.org docs.pytorch.org download.pytorch.org "
    "numpy.org scipy.org docs.scipy.org scikit-image.org matplotlib.org docs.python.org jupyter.org jupyterlab.readthedocs.io "
    "ipywidgets.readthedocs.io anywidget.dev nbgrader.readthedocs.io cocodataset.org d2l.ai"
).split()
IZE = "normal optim initial general regular visual summar real recogn organ minim maxim quant token penal emphas util"
BRITISH = {
    rf"(?:\w*(?:{'|'.join(IZE.split())}))is(?:e|ed|es|er|ers|ing|ation|ations)": "-ize",
    r"colour\w*": "color",
    r"centre[sd]?|centring": "center",
    r"behaviour\w*": "behavior",
    r"neighbour\w*": "neighbor",
    r"favour\w*": "favor",
    r"labell(?:ed|ing|er|ers)": "labeled",
    r"modell(?:ed|ing)": "modeled",
    r"analys(?:e|ed|es|ing)": "analyze",
    r"grey(?:s|scale)?": "gray",
    r"artefacts?": "artifact",
    r"(?:kilo|centi|milli)?metres?": "meter",
    r"licences?": "license",
    r"whilst|learnt|spelt": "while, learned, spelled",
}
NUMBER = re.compile(r"(?<![\w.,])(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?!\.?\d)(?:\s?(%|[kMG]\b|thousand|million|billion))?")
NOT_A_MEASURE = re.compile(
    r"(?:\b(?:python|(?:py)?torch|torchvision|numpy|cuda|version|v|(?:section|figure|table|equation|lesson)s?)|fig\.|eq\.|>=|≥|§)\s*$",
    re.IGNORECASE,
)
QUESTION = re.compile(r"(?:[^.!?\n]|\.(?=\d)|\n(?!\s*(?:\n|[#*|-])))*\?")
CLAIM = re.compile(r'\*\*["“].*?["”]\*\*', re.DOTALL)
SCALES = {"k": 1e3, "thousand": 1e3, "M": 1e6, "million": 1e6, "G": 1e9, "billion": 1e9}


@dataclass
class Course:
    """What the text may lean on: glossary terms (lower case), bibliography keys, published and measured numbers."""

    terms: set[str]
    keys: set[str]
    published: list[float]
    measured: list[float]


def read_course(root: Path) -> Course:
    def text(name):
        return (root / name).read_text(encoding="utf-8") if (root / name).exists() else ""

    terms = re.findall(r"^#{2,}\s+(.+?)\s*$|\*\*(.+?)\*\*", text("glossary.md"), re.MULTILINE)
    rows = csv.reader(text("data/published.csv").splitlines()[1:])
    published = [float(value) for row in rows for value in row if re.fullmatch(r"-?\d+(\.\d+)?", value.strip())]
    measured = [
        n for path in sorted((root / "results").glob("*.json")) for n in _measured(json.loads(path.read_text()))
    ]
    keys = set(read_bibliography(root / "references.bib"))
    return Course({(a or b).lower() for a, b in terms}, keys, published, measured)


def _measured(record: dict):
    """Parameters, multiply-adds, and mean and sd over the runs of seconds and of every metric, of every arm."""
    for arm in record["arms"]:
        yield from (float(arm[key]) for key in ("params", "macs") if arm.get(key) is not None)
        columns = {"seconds": [run["seconds"] for run in arm["runs"]]}
        for name in arm["runs"][0]["metrics"]:
            columns[name] = [run["metrics"][name] for run in arm["runs"]]
        for values in columns.values():
            if all(isinstance(value, int | float) for value in values):
                yield statistics.fmean(values)
                yield statistics.stdev(values) if len(values) > 1 else 0.0


def plain(text: str) -> str:
    """Markdown without code, link targets, addresses and citation keys; line breaks stay."""
    for pattern in (
        r"```.*?(?:```|\Z)",
        r"`[^`\n]*`",
        r"(?<=\])\([^)]*\)",
        r"<?https?://\S+",
        CITATION.pattern,
        r"<!--.*?-->",
    ):
        text = re.sub(pattern, " ", text, flags=re.DOTALL)
    return re.sub(r"\barXiv:\S+", " ", text)


def headings(cell: Cell) -> list[tuple[int, str]]:
    """(level, text) of every Markdown heading in a cell."""
    if cell.code:
        return []
    unfenced = re.sub(r"```.*?(?:```|\Z)", "", cell.text, flags=re.DOTALL)
    return [(len(marks), title) for marks, title in re.findall(r"^(#{1,6})\s+(.+?)\s*$", unfenced, re.MULTILINE)]


def markdown(source: Source):
    return [cell for cell in source.cells if not cell.code]


def card_complete(source: Source):
    """The card has the question, minutes of reading and of running, prerequisites and what one will be able to do."""
    part = source.part("card")
    text = "\n".join(cell.text for cell in part).lower()
    for wanted in ("question", "reading", "running", "prerequisites", "you will be able to"):
        if part and wanted not in text:
            yield part[0].number, f"the card does not say {wanted!r}"
    if part and not re.search(r"\d+\s*(?:min|s\b|sec)", text):
        yield part[0].number, "the card gives no minutes"


def heading_levels(source: Source):
    """One first-level heading, in the title; no level is skipped on the way down."""
    level = 0
    for cell in source.cells:
        for new, title in headings(cell):
            if new > level + 1:
                yield cell.number, f"the heading {title!r} jumps from level {level} to {new}"
            if new == 1 and level:
                yield cell.number, f"{title!r} is a second first-level heading"
            level = new


def image_alt(source: Source):
    """Images in Markdown have alt text."""
    for cell in markdown(source):
        for image in re.findall(r"!\[\s*\]\([^)]*\)|<img(?![^>]*\balt=[\"'][^\"'])[^>]*>", cell.text):
            yield cell.number, f"the image {image[:60]} has no alt text"


def numbers_sourced(source: Source, course: Course):
    """A decimal number or percentage in the text stands in the code, in data/published.csv or in results/*.json.

    Questions and the quoted claims of the misconceptions state nothing, so they may hold any number.
    """
    constants = [n.value for cell in source.cells for n in ast.walk(cell.tree) if isinstance(n, ast.Constant)]
    known = [abs(float(c)) for c in constants if isinstance(c, int | float)] + course.published + course.measured
    for cell in markdown(source):
        text = plain(cell.text)
        text = re.sub(r"^#{1,6}\s+[\d.]*(.*)", r"\1.", text, flags=re.MULTILINE)  # drops a section's own number
        text = QUESTION.sub(" ", CLAIM.sub(" ", text) if cell.part == "misconceptions" else text)
        for match in [] if cell.part == "references" else NUMBER.finditer(text):
            whole, fraction, unit = match[1].replace(",", ""), match[2] or "", match[3]
            if (not fraction and unit != "%") or NOT_A_MEASURE.search(text[: match.start()]):
                continue
            digits = max(len(fraction) - 1, 0)
            factors = (1, 100) if unit == "%" else (1, 1 / SCALES[unit]) if unit else (1,)
            if f"{whole}{fraction}" not in {
                f"{abs(value) * factor:.{digits}f}" for value in known for factor in factors
            }:
                yield (
                    cell.number,
                    f"unsourced number {match[0].strip()!r}: no code cell, published.csv or results has it",
                )


def citations(source: Source, course: Course):
    """Every cited [@key] is in references.bib; the references part cites at least one."""
    for cell in markdown(source):
        for key in CITATION.findall(cell.text):
            if key not in course.keys:
                yield cell.number, f"references.bib has no {key!r}"
    part = source.part("references")
    if part and not any(CITATION.search(cell.text) for cell in part):
        yield part[0].number, "the references cite no [@key]"


def glossary(source: Source, course: Course):
    """The summary has a glossary line, and glossary.md has its terms."""
    part = source.part("summary")
    lines = [
        (c.number, m[0]) for c in part for m in re.finditer(r"^\W*Glossary\b.*(?:\n.*\S.*)*", c.text, re.MULTILINE)
    ]
    if part and not lines:
        yield part[0].number, "the summary has no line '**Glossary:** **term**, ...'"
    for number, line in lines:
        terms = [term for term in re.findall(r"\*\*(.+?)\*\*", line) if not term.startswith("Glossary")]
        for term in [term for term in terms if term.lower() not in course.terms]:
            yield number, f"glossary.md has no {term!r}"
        if not terms:
            yield number, "the glossary line names no **term**"


def links(source: Source):
    """No links to hosts that may vanish: papers by arXiv or DOI, and the documentation of what the course uses."""
    for cell in source.cells:
        for host in re.findall(r"https?://([\w.-]+)", cell.text):
            if host.removeprefix("www.") not in HOSTS:
                yield cell.number, f"the host {host} is not one of those the course links to (prose.HOSTS)"


def relative_paths(source: Source):
    """No absolute path of some machine."""
    for cell in source.cells:
        for path in re.findall(
            r"(?<![\w.:/~-])/(?:home|Users|tmp|root|work|mnt|content|usr|opt|var|data)/\S*|\b[A-Z]:\\\w+", cell.text
        ):
            yield cell.number, f"{path} is an absolute path"


def american(source: Source):
    """American spelling, in text and code; titles in the references keep theirs."""
    for cell in [cell for cell in source.cells if cell.part != "references"]:
        text = re.sub(r"https?://\S+", "", cell.text)
        for pattern, wanted in BRITISH.items():
            for word in re.findall(rf"\b({pattern})\b", text, re.IGNORECASE):
                yield cell.number, f"{word!r} is British spelling; the course writes {wanted!r}"


def powers_in_code(source: Source):
    """Outside code, a**b would begin bold type."""
    for cell in markdown(source):
        for power in re.findall(r"\w+\*\*\w+", plain(cell.text)):
            yield cell.number, f"{power} reads as bold type in Markdown; put it in backticks"


def finished(source: Source):
    """No placeholder is left."""
    for cell in source.cells:
        for word in re.findall(r"\b(?:TODO|FIXME|XXX|TBD|\w*TO-WRITE)\b", cell.text):
            yield cell.number, f"{word} is left to do"

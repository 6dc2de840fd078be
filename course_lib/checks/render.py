"""What a learner sees of a check: one bundle of HTML and plain text.

HTML with inline styles only, no script and no external file, so that it looks the same in JupyterLab, VS Code and Colab, on a
light or a dark page. Marks carry a sign and a word besides their colour.
"""

import html
import re

from course_lib.checks.core import Report
from course_lib.checks.picture import difference_picture
from course_lib.grading import feedback

PASSED, FAILED, OPEN = ("#00694D", "✓ passed"), ("#B03A00", "✗ failed"), ("#5A6270", "○ open")
_FRAME = "max-width:58em;font-family:system-ui,sans-serif;font-size:14px;line-height:1.45;text-align:left;color:inherit"
_CELL = (
    "text-align:left;vertical-align:top;padding:6px 10px 6px 0;border:none;border-top:1px solid rgba(128,128,128,.35)"
)
_CODE = "font-family:ui-monospace,Menlo,Consolas,monospace;font-size:12.5px;background:rgba(128,128,128,.16);border-radius:4px"
_HIDDEN = "position:absolute;width:1px;height:1px;overflow:hidden;clip:rect(0 0 0 0)"
_QUIET = "opacity:.8;font-size:12.5px"


def publish(page: str, text: str) -> None:
    """Show a bundle where there is a notebook or IPython, else print the text."""
    _display({"text/html": page, "text/plain": text})


def _display(bundle: dict[str, str]) -> None:
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        print(bundle["text/plain"])
        return
    if get_ipython() is None:
        print(bundle["text/plain"])
    else:
        display(bundle, raw=True)


def report_html(report: Report, number: int | None = None, notes: tuple[str, ...] = ()) -> str:
    """The table of properties of one question, with the picture of the first difference that has one."""
    title = f"Question {number} · {report.title}" if number else report.title
    held = [outcome.passed for outcome in report.outcomes]
    mark = OPEN if not report.attempted else PASSED if all(held) else FAILED
    head = (
        f'<div style="display:flex;flex-wrap:wrap;gap:4px 14px;align-items:baseline;padding:2px 0 8px 0">'
        f'<strong style="font-size:15px">{escape(title)}</strong>{_pill(mark[0], _summary(report, mark))}'
        f"<span>{feedback.points_text(report.points, report.out_of)}</span></div>"
    )
    rows, pictured = [], False
    for outcome in report.outcomes:
        picture = None
        if outcome.passed is False and not pictured:
            picture = difference_picture(outcome.got, outcome.want, outcome.tol)
            pictured = picture is not None
        rows.append(_row(outcome, report.name, picture or ""))
    caption = f'<caption style="{_HIDDEN}">Properties of question {number or report.name}</caption>'
    table = _table(caption, ("Result", "Property"), rows)
    return f'<div style="{_FRAME}">{head}{table}{_printed(report.printed)}{"".join(map(_note, notes))}</div>'


def sheet_html(
    title: str, header: tuple[str, ...], rows: list[tuple], total: tuple, notes: tuple[str, ...] = ()
) -> str:
    """A table of points: a row of texts for each question or exercise, the last line in bold."""
    lines = ["".join(f'<td style="{_CELL}">{escape(str(cell))}</td>' for cell in row) for row in rows]
    lines.append("".join(f'<td style="{_CELL};font-weight:600">{escape(str(cell))}</td>' for cell in total))
    style = "caption-side:top;text-align:left;font-weight:600;font-size:15px;color:inherit;padding:2px 0"
    caption = f'<caption style="{style}">{escape(title)}</caption>'
    return f'<div style="{_FRAME}">{_table(caption, header, lines)}{"".join(map(_note, notes))}</div>'


def sheet_text(
    title: str, header: tuple[str, ...], rows: list[tuple], total: tuple, notes: tuple[str, ...] = ()
) -> str:
    """The same table as plain text."""
    table = [tuple(map(str, row)) for row in (header, *rows, total)]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    lines = [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
    ]
    lines.insert(-1, "  " + "-" * (sum(widths) + 2 * len(widths) - 2))
    return "\n".join([title, *lines, *(f"  {note}" for note in notes)])


def _table(caption: str, header: tuple[str, ...], rows: list[str]) -> str:
    cells = "".join(
        f'<th scope="col" style="{_CELL};border-top:none;{_QUIET};font-weight:400">{name}</th>' for name in header
    )
    body = "".join(f'<tr style="background:none">{row}</tr>' for row in rows)
    style = "border-collapse:collapse;border:none;margin:0;font-size:14px;color:inherit;width:100%;table-layout:auto"
    return f'<table style="{style}">{caption}<thead><tr style="background:none">{cells}</tr></thead><tbody>{body}</tbody></table>'


def _row(outcome, name: str, picture: str) -> str:
    color, word = {True: PASSED, False: FAILED, None: OPEN}[outcome.passed]
    body = f"<div>{escape(outcome.claim)}</div>"
    if outcome.passed is False:
        body += f'<div style="font-weight:600;padding-top:3px">{escape(outcome.why)}</div>'
        body += "".join(_evidence(label, value) for label, value in feedback.evidence(outcome, name))
        body += f'<div style="padding-top:8px">{picture}</div>' if picture else ""
    return f'<td style="{_CELL};white-space:nowrap;width:1%">{_pill(color, word)}</td><td style="{_CELL};white-space:normal">{body}</td>'


def _evidence(label: str, value: str) -> str:
    code = f'<code style="{_CODE};padding:1px 6px;white-space:pre-wrap;color:inherit">{html.escape(value)}</code>'
    return f'<div style="display:flex;padding-top:4px"><span style="flex:0 0 5.5em;{_QUIET}">{label}</span>{code}</div>'


def _pill(color: str, text: str) -> str:
    style = f"background:{color};color:#fff;border-radius:9px;padding:1px 9px;font-size:12.5px;white-space:nowrap"
    return f'<span style="{style}">{text}</span>'


def _summary(report: Report, mark: tuple[str, str]) -> str:
    return f"{mark[1][0]} {feedback.summary(report)}"


def _printed(text: str) -> str:
    if not text:
        return ""
    style = f"{_CODE};padding:6px 8px;margin:4px 0;white-space:pre-wrap;color:inherit;max-height:16em;overflow:auto"
    body = f'<summary>What your code printed</summary><pre style="{style}">{html.escape(text)}</pre>'
    return f'<details style="padding-top:6px">{body}</details>'


def _note(text: str) -> str:
    return f'<div style="{_QUIET};padding-top:6px">{escape(text)}</div>'


def escape(text: str) -> str:
    """Text as HTML, `code` in backticks as code."""
    return re.sub(r"`([^`]+)`", rf'<code style="{_CODE};padding:0 4px;color:inherit">\1</code>', html.escape(text))


def note_html(text: str) -> str:
    """One sentence by itself."""
    return f'<div style="{_FRAME}">{escape(text)}</div>'


def publish_code(title: str, source: str) -> None:
    """Show Python source below a title, coloured where the front end can."""
    text = f"{title}\n\n{source}"
    _display({"text/markdown": f"**{title}**\n\n````python\n{source}\n````", "text/plain": text})

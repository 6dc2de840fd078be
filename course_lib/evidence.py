"""Where a lesson's numbers come from: measured ones from results/*.json, published ones from data/published.csv.

A results file holds {command, commit, machine, threads, profile, arms: [{name, params, macs, runs: [{seed, seconds, metrics}]}]}.
A lesson measures its two decisive arms live and sets the committed table beside them; `agrees` says whether the two fit together. An arm
that evaluates weights shipped in data/ has "checkpoint", their path, and one run.
"""

import csv
import html
import json
import os
import platform
import statistics
import subprocess
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from course_lib import profiles

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
PUBLISHED = ROOT / "data" / "published.csv"


class Table:
    """Rows of text that show as an HTML table in a notebook and as aligned columns in a terminal."""

    def __init__(self, header: list[str], rows: list[list[str]], caption: str = ""):
        self.header, self.rows, self.caption = header, rows, caption

    def __repr__(self) -> str:
        widths = [max(len(row[i]) for row in [self.header, *self.rows]) for i in range(len(self.header))]
        lines = [
            "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
            for row in [self.header, *self.rows]
        ]
        return "\n".join(([self.caption] if self.caption else []) + lines)

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col" style="text-align:left">{html.escape(cell)}</th>' for cell in self.header)
        body = "".join(
            "<tr>" + "".join(f'<td style="text-align:left">{html.escape(c)}</td>' for c in row) + "</tr>"
            for row in self.rows
        )
        caption = (
            f'<caption style="text-align:left;caption-side:top">{html.escape(self.caption)}</caption>'
            if self.caption
            else ""
        )
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def load(name: str) -> dict:
    """The results file `results/NAME.json`. Raises FileNotFoundError with the names that exist."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        raise FileNotFoundError(
            f"evidence.load: no results/{name}.json; there are {sorted(p.stem for p in RESULTS.glob('*.json'))}"
        )
    return json.loads(path.read_text(encoding="utf-8"))


def save(name: str, *, command: str, arms: list[dict]) -> Path:
    """Write `results/NAME.json` (atomically) with the machine, thread count, profile and commit it was made on."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    record = {
        "command": command,
        "commit": commit or "unknown",
        "machine": f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}",
        "threads": torch.get_num_threads(),
        "profile": profiles.current().name,
        "arms": arms,
    }
    path = RESULTS / f"{name}.json"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, path)
    return path


def mean_sd(name: str, arm: str, metric: str) -> tuple[float, float]:
    """Mean and sample standard deviation of `metric` over the committed runs (seeds) of one arm."""
    arms = {a["name"]: a for a in load(name)["arms"]}
    if arm not in arms:
        raise KeyError(f"evidence.mean_sd: results/{name}.json has no arm {arm!r}; it has {sorted(arms)}")
    values = [run["metrics"][metric] for run in arms[arm]["runs"]]
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def agrees(name: str, arm: str, metric: str, live: float) -> str:
    """Compare a live value with the committed runs: within mean +- max(4 sd, 0.02). Returns the sentence; raises AssertionError if not."""
    mean, sd = mean_sd(name, arm, metric)
    margin = max(4 * sd, 0.02)
    sentence = f"{arm}: {metric} is {live:.4f} here; committed {mean:.4f} ± {sd:.4f} over {_seeds(name, arm)} seeds"
    if not abs(live - mean) <= margin:
        raise AssertionError(f"{sentence}, which is more than {margin:.4f} away")
    return sentence


def table(name: str, metrics: dict[str, str], digits: dict[str, int] | None = None, otherwise: int = 3) -> Table:
    """The committed arms as a table. `metrics` maps keys of the file to column titles; a cell is mean ± sd over the seeds, or the one
    value of an arm without chance. Time is the median run's.

    digits: decimals of some metrics; `otherwise` of the others.
    """
    record = load(name)
    rows = []
    for arm in record["arms"]:
        cells = []
        for key in metrics:
            mean, sd = mean_sd(name, arm["name"], key)
            decimals = (digits or {}).get(key, otherwise)
            cells.append(f"{mean:.{decimals}f}" + (f" ± {sd:.{decimals}f}" if len(arm["runs"]) > 1 else ""))
        seconds = statistics.median(run["seconds"] for run in arm["runs"])
        rows.append([arm["name"], f"{arm['params']:,}", f"{arm['macs'] / 1e6:.1f} M", *cells, f"{seconds:.0f} s"])
    caption = f"{_seeds(name)} seeds, mean ± sd; {record['threads']} thread(s), profile {record['profile']}; made by: {record['command']}"
    return Table(["arm", "parameters", "multiply-adds", *metrics.values(), "time"], rows, caption)


def published(*keys: str) -> Table:
    """Rows of data/published.csv with these keys, in this order, as a table: value, data set, split, backbone, extras, source."""
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        rows = {row["key"]: row for row in csv.DictReader(file)}
    if missing := [key for key in keys if key not in rows]:
        raise KeyError(f"evidence.published: data/published.csv has no key {missing[0]!r}")
    columns = ["method", "backbone", "dataset", "split", "metric", "value", "extras", "source"]
    return Table(columns, [[rows[key][c] for c in columns] for key in keys])


def macs(model, *inputs) -> int:
    """Multiply-adds of one forward pass of `model(*inputs)`, counted by torch (convolutions and matrix products; half the FLOPs)."""
    training = model.training
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.eval()(*inputs)
    model.train(training)
    return counter.get_total_flops() // 2


def _seeds(name: str, arm: str | None = None) -> str:
    """How many runs stand behind a mean: of one arm, or of all arms that depend on a seed ("3", or "3 to 8")."""
    counts = [len(a["runs"]) for a in load(name)["arms"] if arm in (None, a["name"])]
    counts = sorted(set(counts) - {1}) or [1]
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"

"""Curves of a training run."""

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .palettes import OKABE_ITO

DASHES = ("-", "--", "-.", ":")
COLORS = tuple("#{:02X}{:02X}{:02X}".format(*OKABE_ITO[i]) for i in (4, 5, 2, 6, 0))


def curves(history) -> Figure:
    """The loss of each step and its running mean; beside it the validation metrics, where the run measured some.

    history: what `training.fit` returns: `.loss` list of float; `.losses` dict of lists, drawn too when the loss has several
    parts; `.metrics` list of dicts, of which the numbers are drawn against their `step`. Lines differ in dashes as well as in color.
    Raises ValueError when no step was made.
    """
    if not history.loss:
        raise ValueError("curves: history has no steps; train for at least one step")
    numbers = _series(history)
    fig = Figure(figsize=(9.1 if numbers else 5.2, 3.2), dpi=100, layout="constrained")
    axes = fig.subplots(1, 2 if numbers else 1, squeeze=False)[0]
    parts = history.losses if len(history.losses) > 1 else {}
    axes[0].plot(range(1, len(history.loss) + 1), history.loss, color="#BBBBBB", linewidth=0.8, label="each step")
    _lines(axes[0], {"running mean": _smooth(history.loss)} | {name: _smooth(part) for name, part in parts.items()})
    axes[0].set(xlabel="step", ylabel="training loss")
    if numbers:
        _lines(axes[1], numbers, marker="o")
        axes[1].set(xlabel="step", ylabel="on the validation set", ylim=(0, 1))
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(color="#E5E5E5", linewidth=0.6)
        ax.set_axisbelow(True)
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        ax.legend(frameon=False, fontsize=9)
    return fig


def _series(history) -> dict:
    """name -> (steps, values) of the metrics in [0, 1] that are single numbers."""
    series = {}
    for i, metrics in enumerate(history.metrics):
        step = metrics.get("step", i + 1)
        for name, value in metrics.items():
            if isinstance(value, float) and 0 <= value <= 1:
                steps, values = series.setdefault(name, ([], []))
                steps.append(step)
                values.append(value)
    return series


def _smooth(values) -> tuple[list[int], list[float]]:
    """Steps and mean of the last tenth of the run (at most 50 steps) up to each of them."""
    window = max(min(len(values) // 10, 50), 1)
    steps = range(window, len(values) + 1)
    return list(steps), [sum(values[step - window : step]) / window for step in steps]


def _lines(ax, series: dict, **style) -> None:
    for i, (name, (steps, values)) in enumerate(series.items()):
        ax.plot(
            steps,
            values,
            DASHES[i % 4],
            color=COLORS[i % 5],
            linewidth=1.8,
            markersize=4,
            label=name.replace("_", " "),
            **style,
        )

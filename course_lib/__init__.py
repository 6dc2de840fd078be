"""course_lib: the operators, models, losses, metrics, data, checks and widgets of the segmentation course.

`import course_lib` imports torch and nothing else; the parts (`course_lib.datasets`, `course_lib.widgets`, ...) load on first use.
"""

import importlib

import torch  # noqa: F401  the one thing everything here needs

__version__ = "0.1.0"
_PARTS = frozenset(
    "checks datasets doctor evidence experiments grading metrics models ops plots profiles training widgets".split()
)


def __getattr__(name: str):
    if name in _PARTS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | _PARTS)

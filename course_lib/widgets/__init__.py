"""Interactive figures: each answers a question no still figure can, and computes in the browser."""

from course_lib.widgets.checkerboard_explorer import CheckerboardExplorer, checkerboard_explorer
from course_lib.widgets.deconvolution_stepper import DeconvolutionStepper, deconvolution_stepper
from course_lib.widgets.quiz import Quiz, quiz

__all__ = [
    "CheckerboardExplorer",
    "DeconvolutionStepper",
    "Quiz",
    "checkerboard_explorer",
    "deconvolution_stepper",
    "quiz",
]

"""Interactive figures: each answers a question no still figure can, and computes in the browser."""

from course_lib.widgets.checkerboard_explorer import CheckerboardExplorer, checkerboard_explorer
from course_lib.widgets.deconvolution_stepper import DeconvolutionStepper, deconvolution_stepper
from course_lib.widgets.dilation_explorer import DilationExplorer, dilation_explorer
from course_lib.widgets.loss_curves import LossCurves, loss_curves
from course_lib.widgets.mask_playground import MaskPlayground, mask_playground
from course_lib.widgets.pixel_inspector import PixelInspector, pixel_inspector
from course_lib.widgets.quiz import Quiz, quiz
from course_lib.widgets.receptive_field_painter import ReceptiveFieldPainter, receptive_field_painter
from course_lib.widgets.score_ladder import ScoreLadder, score_ladder
from course_lib.widgets.size_tracer import SizeTracer, size_tracer
from course_lib.widgets.unpooling_viewer import UnpoolingViewer, unpooling_viewer
from course_lib.widgets.watershed_explorer import WatershedExplorer, watershed_explorer

__all__ = [
    "CheckerboardExplorer",
    "DeconvolutionStepper",
    "DilationExplorer",
    "LossCurves",
    "MaskPlayground",
    "PixelInspector",
    "Quiz",
    "ReceptiveFieldPainter",
    "ScoreLadder",
    "SizeTracer",
    "UnpoolingViewer",
    "WatershedExplorer",
    "checkerboard_explorer",
    "deconvolution_stepper",
    "dilation_explorer",
    "loss_curves",
    "mask_playground",
    "pixel_inspector",
    "quiz",
    "receptive_field_painter",
    "score_ladder",
    "size_tracer",
    "unpooling_viewer",
    "watershed_explorer",
]

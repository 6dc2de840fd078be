"""Metrics: what "a good mask" means, one file per family."""

from course_lib.metrics.bootstrap import bootstrap_interval
from course_lib.metrics.boundary import BoundaryF1, boundary, boundary_f1, boundary_iou
from course_lib.metrics.confusion import ConfusionMatrix
from course_lib.metrics.objects import Matches, match_objects, object_f1

__all__ = [
    "BoundaryF1",
    "ConfusionMatrix",
    "Matches",
    "bootstrap_interval",
    "boundary",
    "boundary_f1",
    "boundary_iou",
    "match_objects",
    "object_f1",
]

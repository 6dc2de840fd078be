"""Metrics: what "a good mask" means, one file per family."""

from course_lib.metrics.confusion import ConfusionMatrix

__all__ = ["ConfusionMatrix"]

"""Training: one `fit` for every model of the course, its evaluation, prediction and checkpoints."""

from course_lib.training.batches import batches
from course_lib.training.checkpoint import load_weights, save_weights, weights_info
from course_lib.training.evaluation import evaluate, predict, predict_logits
from course_lib.training.loop import fit
from course_lib.training.objective import History, one_cycle, semantic_loss

__all__ = [
    "History",
    "batches",
    "evaluate",
    "fit",
    "load_weights",
    "one_cycle",
    "predict",
    "predict_logits",
    "save_weights",
    "semantic_loss",
    "weights_info",
]

"""The confusion matrix and what follows from it: accuracy, IoU and Dice, of each class and as means.

Accumulate the *matrix* over the whole set and divide once; the mean of per-image values is another number. Rows are the
truth, columns the prediction, so a class's true positives stand on the diagonal, its false negatives in the rest of its
row, its false positives in the rest of its column.

Counting is one `bincount` over the codes `truth * num_classes + prediction`. The codes are narrow integers and are made
piece by piece, so they stay in the processor's cache, and the void label is not masked out: it gets a row of its own
(number `void`), which is cut off at the end. Masking first costs several times the counting itself.
"""

import torch

PIECE = 2**18  # pixels coded at a time on the CPU: about one 512 x 512 map


class ConfusionMatrix:
    """Streaming confusion matrix of label maps.

    num_classes: 1..255 classes, labelled 0..num_classes-1. void: the label that is not counted, num_classes..255.
    `counts` is the (num_classes, num_classes) int64 matrix, rows truth, columns prediction; it lives where the maps do.
    """

    def __init__(self, num_classes: int, void: int = 255):
        if not 1 <= num_classes <= 255:
            raise ValueError(f"ConfusionMatrix: num_classes must be 1..255, not {num_classes}")
        if not num_classes <= void <= 255:
            raise ValueError(f"ConfusionMatrix: void must be {num_classes}..255, outside the classes, not {void}")
        self.num_classes = num_classes
        self.void = void
        self.counts = torch.zeros(num_classes, num_classes, dtype=torch.int64)

    def __repr__(self) -> str:
        return f"ConfusionMatrix({self.num_classes} classes, {int(self.counts.sum())} pixels)"

    def update(self, prediction, target) -> "ConfusionMatrix":
        """Add the pixels of `prediction` and `target`: integer label maps of one shape, any shape. Returns self.

        Pixels whose target is void count nowhere, whatever is predicted there. Raises ValueError, and adds nothing, where
        a target is neither a class nor void, or a prediction outside void pixels is no class; TypeError for floats.
        """
        prediction, target = _labels("prediction", prediction), _labels("target", target)
        if prediction.shape != target.shape:
            raise ValueError(
                f"ConfusionMatrix: prediction {tuple(prediction.shape)} and target {tuple(target.shape)} must have one shape"
            )
        prediction = prediction.to(target.device)
        narrow = torch.int16 if self.num_classes <= 128 else torch.int32  # 255 * 128 + 127 is the largest int16
        piece = PIECE if target.device.type == "cpu" else max(target.numel(), 1)
        rows = torch.zeros(256 * self.num_classes, dtype=torch.int64, device=target.device)
        for truth, guess in zip(target.flatten().split(piece), prediction.flatten().split(piece), strict=True):
            if not truth.numel():
                continue
            low, high = map(int, truth.aminmax())
            if low < 0 or high > 255:
                raise ValueError(self._complaint("target", truth))
            codes = truth.to(narrow, copy=True)
            low, high = map(int, guess.aminmax())
            if low < 0 or high >= self.num_classes:
                guess = guess.masked_fill(truth == self.void, 0)
                low, high = map(int, guess.aminmax())
                if low < 0 or high >= self.num_classes:
                    raise ValueError(self._complaint("prediction", guess))
            torch.add(guess.to(narrow), codes, alpha=self.num_classes, out=codes)
            rows += torch.bincount(codes, minlength=len(rows))
        rows = rows.view(256, self.num_classes)
        if rows[self.num_classes : self.void].any() or rows[self.void + 1 :].any():
            raise ValueError(self._complaint("target", target))
        self.counts = self.counts.to(rows.device) + rows[: self.num_classes]
        return self

    def merge(self, other: "ConfusionMatrix") -> "ConfusionMatrix":
        """Add the counts of another matrix with the same classes (another process, another part of the set)."""
        if other.num_classes != self.num_classes:
            raise ValueError(f"ConfusionMatrix: cannot merge {other.num_classes} classes into {self.num_classes}")
        self.counts = self.counts + other.counts.to(self.counts.device)
        return self

    def accuracy(self) -> float:
        """Share of the counted pixels whose class is right, 0..1; NaN before any pixel is counted."""
        pixels = int(self.counts.sum())
        return int(self.counts.diagonal().sum()) / pixels if pixels else float("nan")

    def class_accuracy(self) -> torch.Tensor:
        """TP / (TP + FN) of each class, also recall, (num_classes,) float64, 0..1; NaN for a class that is never true."""
        hits, truth, _ = self._sums()
        return hits / truth

    def mean_accuracy(self) -> float:
        """Mean of `class_accuracy` over the classes that occur in the truth; NaN if there are none."""
        return float(self.class_accuracy().nanmean())

    def iou(self) -> torch.Tensor:
        """TP / (TP + FP + FN) of each class, (num_classes,) float64, 0..1; NaN for a class with TP + FP + FN = 0.

        A class that is predicted but never true has IoU 0 and counts in the mean: hallucinations are charged.
        """
        hits, truth, predicted = self._sums()
        return hits / (truth + predicted - hits)

    def miou(self, over: str = "union") -> float:
        """Mean of `iou` over some of the classes; NaN if there are none of them.

        over: "union", the classes that occur in the truth or in the prediction (as the Cityscapes evaluator does); "truth", those
        that occur in the truth, which charges a class predicted where it never is only to the classes it covers; "all", every
        class, one that occurs nowhere as 0. Raises ValueError for another word.
        """
        iou = self.iou()
        if over == "union":
            return float(iou.nanmean())
        if over == "truth":
            return float(iou[self.counts.cpu().sum(1) > 0].mean())
        if over == "all":
            return float(iou.nan_to_num(0).mean()) if self.counts.any() else float("nan")
        raise ValueError(f'ConfusionMatrix: over must be "union", "truth" or "all", not {over!r}')

    def dice(self) -> torch.Tensor:
        """2 TP / (2 TP + FP + FN) of each class, also F1, (num_classes,) float64, 0..1; NaN where `iou` is. It is 2 IoU / (1 + IoU)."""
        hits, truth, predicted = self._sums()
        return 2 * hits / (truth + predicted)

    def mean_dice(self) -> float:
        """Mean of `dice` over the classes that occur in the truth or in the prediction; NaN if there are none."""
        return float(self.dice().nanmean())

    def frequency_weighted_iou(self) -> float:
        """Mean of `iou`, each class weighted by its share of the true pixels, 0..1; NaN before any pixel is counted."""
        _, truth, _ = self._sums()
        return float((truth / truth.sum() * self.iou().nan_to_num(0)).sum())

    def _sums(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Right, true and predicted pixels of each class, (num_classes,) float64 each."""
        counts = self.counts.cpu().double()
        return counts.diagonal(), counts.sum(1), counts.sum(0)

    def _complaint(self, name: str, labels: torch.Tensor) -> str:
        bad = (labels < 0) | (labels >= self.num_classes)
        rule = f"0..{self.num_classes - 1}"
        if name == "target":
            bad &= labels != self.void
            rule += f" or void {self.void}"
        return f"ConfusionMatrix: {name} label {int(labels[bad][0])} is not {rule}"


def _labels(name: str, labels) -> torch.Tensor:
    """A plain integer tensor of what was given (tensor, tv_tensor, array)."""
    try:
        labels = torch.as_tensor(labels).as_subclass(torch.Tensor)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(
            f"ConfusionMatrix: {name} must be a map of integer labels, not {type(labels).__name__}"
        ) from None
    if labels.is_floating_point() or labels.is_complex():
        raise TypeError(
            f"ConfusionMatrix: {name} must hold integer labels, not {labels.dtype}; take argmax(1) of logits"
        )
    return labels.to(torch.uint8) if labels.dtype == torch.bool else labels

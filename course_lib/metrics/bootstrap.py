"""How far a score would move with other pictures: bootstrap intervals (Efron 1979), over images, not pixels.

The pixels of one image are no independent witnesses, so whole images are drawn, with replacement, as many as there are. The interval says
what another set of pictures of the same kind would do to the score of *this* model. It knows nothing of another training run (seeds) and
of other kinds of pictures, and it is too narrow where pictures resemble each other, such as frames of one film.
"""

import torch


def bootstrap_interval(
    per_image, statistic, *, samples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval (low, high) of a statistic of sums over images.

    per_image: array or tensor (N, ...), what each of N >= 2 images adds, e.g. its confusion matrix. statistic: takes the sum over the
    resampled images, (...) float64 tensor, and returns a number; e.g. the mIoU of a matrix. For a mean over images give `per_image` a
    column of ones to divide by. Resamples in which the statistic is NaN are left out. samples: how many times the set is drawn anew.
    Raises ValueError for fewer than two images, samples below 1, a confidence outside 0..1.
    """
    per_image = torch.as_tensor(per_image).detach().cpu().double()
    if per_image.ndim < 1 or len(per_image) < 2:
        raise ValueError(
            f"bootstrap_interval: per_image has shape {tuple(per_image.shape)}; it must be (N, ...) with at least 2 images"
        )
    if samples < 1:
        raise ValueError(f"bootstrap_interval: samples must be 1 or more, not {samples}")
    if not 0 < confidence < 1:
        raise ValueError(f"bootstrap_interval: confidence must lie between 0 and 1, not {confidence}")
    n, generator = len(per_image), torch.Generator().manual_seed(seed)
    drawn = torch.randint(n, (samples, n), generator=generator)
    times = torch.zeros(samples, n, dtype=torch.float64).scatter_add_(
        1, drawn, torch.ones(samples, n, dtype=torch.float64)
    )  # how often each image was drawn
    sums = (times @ per_image.reshape(n, -1)).reshape(samples, *per_image.shape[1:])
    values = torch.tensor([float(statistic(one)) for one in sums], dtype=torch.float64)
    tail = (1 - confidence) / 2
    low, high = values.nanquantile(torch.tensor([tail, 1 - tail], dtype=torch.float64)).tolist()
    return low, high

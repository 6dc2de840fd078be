"""How much of a picture repeats every few pixels? A number for checkerboards."""

import torch
from torch import Tensor


def period_energy(z: Tensor, period: int = 2) -> Tensor:
    """Share of the AC energy of each map at row or column frequencies of exactly this period, and its multiples.

    z (..., H, W) float; `period` must divide H and W. Returns (...,) in [0, 1], float: 1 for a pure stripe or checkerboard of that period,
    about (period - 1) (1/H + 1/W) for white noise, nearly 0 for a smooth picture, 0 for a constant one.
    Parseval: the squared magnitudes of the Fourier coefficients, without the mean, sum to the variance; this is the share of the
    coefficients whose row frequency or column frequency is a multiple of 1 / period (and not zero).
    """
    h, w = z.shape[-2:]
    if h % period or w % period:
        raise ValueError(f"period_energy: a {h}x{w} map does not divide by the period {period}; crop it")
    power = torch.fft.fft2(z - z.mean((-2, -1), keepdim=True)).abs().square()
    rows = torch.arange(h, device=z.device).remainder(h // period).eq(0)
    columns = torch.arange(w, device=z.device).remainder(w // period).eq(0)
    rows[0] = columns[0] = False
    periodic = (power * (rows[:, None] | columns[None, :])).sum((-2, -1))
    total = power.sum((-2, -1))
    floor = (
        torch.finfo(power.dtype).eps * h * w * z.square().sum((-2, -1))
    )  # rounding of a constant map is not a pattern
    return torch.where(total > floor, periodic / total.clamp_min(torch.finfo(power.dtype).tiny), 0.0)

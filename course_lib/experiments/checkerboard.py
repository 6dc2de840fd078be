"""Lesson 02: which way of upsampling draws checkerboards, at the start, after a short and after a long training?

A small autoencoder (stride 8) repaints blurred street scenes. Its targets hold next to nothing at period 2, so what its outputs hold there
was put in by the decoder. The arms differ in the upsampling layer alone. k6s2, PixelShuffle and resize-conv cost the same multiply-adds
(nine taps per output pixel), so cost is not what separates them.
"""

import time
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib import datasets, evidence, ops
from course_lib.training import fit

STEPS = {"start": 0, "brief": 60, "long": 1000}
MARGIN = 8  # pixels cut from each side before measuring: zero padding is not the question


class ResizeConv(nn.Sequential):
    """Nearest-neighbor upsampling by 2, then a 3x3 convolution (Odena et al. 2016): (N, C, H, W) -> (N, C', 2H, 2W)."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__(
            nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(in_channels, out_channels, 3, padding=1)
        )


class SubPixelConv(nn.Sequential):
    """3x3 convolution to 4 C' channels, then PixelShuffle(2) (Shi et al. 2016), optionally with ICNR initialization."""

    def __init__(self, in_channels: int, out_channels: int, icnr: bool = False):
        super().__init__(nn.Conv2d(in_channels, 4 * out_channels, 3, padding=1), nn.PixelShuffle(2))
        if icnr:
            ops.icnr_(self[0].weight, 2, init=lambda w: nn.init.kaiming_uniform_(w, a=5**0.5))  # Conv2d's own scale
            with torch.no_grad():  # the bias feeds the same four phases
                self[0].bias.copy_(self[0].bias[::4].repeat_interleave(4))


def transposed(kernel: int):
    """A layer maker: transposed convolution of this kernel size, stride 2, doubling the size exactly."""
    padding = (kernel - 1) // 2
    return lambda i, o: nn.ConvTranspose2d(i, o, kernel, 2, padding, output_padding=2 * padding + 2 - kernel)


def bilinear_start(in_channels: int, out_channels: int) -> nn.Module:
    """k4s2 that starts as bilinear upsampling times a random mix of channels; afterwards it trains freely."""
    layer = nn.ConvTranspose2d(in_channels, out_channels, 4, 2, 1)
    mix = torch.empty(out_channels, in_channels)
    nn.init.kaiming_uniform_(mix, a=5**0.5)
    layer.weight.data.copy_(ops.bilinear_weight(in_channels, out_channels, 2, mix.T))
    return layer


UPSAMPLERS = {
    "k2s2": transposed(2),
    "k3s2": transposed(3),
    "k4s2": transposed(4),
    "k5s2": transposed(5),
    "k6s2": transposed(6),
    "k4s2, bilinear start": bilinear_start,
    "PixelShuffle": SubPixelConv,
    "PixelShuffle, ICNR": lambda i, o: SubPixelConv(i, o, icnr=True),
    "resize-conv": ResizeConv,
}


class Autoencoder(nn.Module):
    """Three strided convolutions down (stride 8), three upsampling layers up: (N, 3, H, W) -> (N, 3, H, W); 8 must divide H and W."""

    def __init__(self, upsample):
        super().__init__()
        down = [(3, 16), (16, 32), (32, 48)]
        self.encoder = nn.Sequential(*(self._down(i, o) for i, o in down))
        self.decoder = nn.Sequential(upsample(48, 32), nn.ReLU(), upsample(32, 16), nn.ReLU(), upsample(16, 3))

    @staticmethod
    def _down(i: int, o: int) -> nn.Module:
        # group normalization: its statistics are right before the first training step too
        return nn.Sequential(nn.Conv2d(i, o, 3, 2, 1, bias=False), nn.GroupNorm(8, o), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))


def blur(images: Tensor) -> Tensor:
    """Two 5x5 box blurs with edge values repeated: (N, 3, H, W) -> same. Removes what lies at period 2."""
    for _ in range(2):
        images = F.avg_pool2d(F.pad(images, [2] * 4, mode="replicate"), 5, stride=1)
    return images


def pictures(n: int, seed: int, size: int = 96) -> Tensor:
    """n blurred street scenes (n, 3, size, size) float32."""
    scenes = datasets.Scenes(n, size, seed=seed)
    return blur(torch.stack([torch.as_tensor(scenes[i][0]) for i in range(n)]))


def repaint_loss(model: nn.Module, batch) -> Tensor:
    """Mean squared error between the picture and its repainting."""
    images, _ = batch
    return F.mse_loss(model(images), images)


def measure(model: nn.Module, images: Tensor) -> dict[str, float]:
    """Period-2 share of the output and of its error, the checkerboard's amplitude in gray levels of 255, and the error."""
    model.eval()
    with torch.no_grad():
        out = model(images)
    cut = (..., slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    out, error = out[cut], (out - images)[cut]
    share = ops.period_energy(error)
    return {
        "output": ops.period_energy(out).mean().item(),
        "error": share.mean().item(),
        "amplitude": 255 * (share * error.var((-2, -1), correction=0)).sqrt().mean().item(),
        "rmse": 255 * error.square().mean().sqrt().item(),
    }


class Pairs(torch.utils.data.Dataset):
    """Pictures as a data set without targets."""

    def __init__(self, images: Tensor):
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int):
        return self.images[i], {}


def build(arm: str, seed: int) -> Autoencoder:
    """The autoencoder of one arm; the same seed gives every arm the same encoder."""
    torch.manual_seed(seed)
    return Autoencoder(UPSAMPLERS[arm])


def run(arm: str, seed: int, steps: int, train: Tensor, val: Tensor) -> tuple[Autoencoder, dict[str, float]]:
    """Train one arm for `steps` steps on the best device. Returns the model, on the CPU, and `measure`'s figures on `val`."""
    model = build(arm, seed)
    if steps:
        fit(model, Pairs(train), repaint_loss, steps=steps, seed=seed, progress=False)
        model.cpu()
    return model, measure(model, val)


def runs(arm: str, train: Tensor, val: Tensor, seeds: int = 3) -> Iterator[dict]:
    for seed in range(seeds):
        start = time.perf_counter()
        metrics = {}
        for stage, steps in STEPS.items():
            _, figures = run(arm, seed, steps, train, val)
            metrics |= {f"{stage}_{key}": round(value, 5) for key, value in figures.items()}
        yield {"seed": seed, "seconds": round(time.perf_counter() - start, 1), "metrics": metrics}


def main() -> None:
    train, val = pictures(320, seed=0), pictures(80, seed=1)
    print(
        f"the targets themselves: {ops.period_energy(val[..., MARGIN:-MARGIN, MARGIN:-MARGIN]).mean():.5f} at period 2"
    )
    arms = []
    for arm in UPSAMPLERS:
        model = build(arm, 0)
        arms.append(
            {
                "name": arm,
                "params": sum(p.numel() for p in model.parameters()),
                "macs": evidence.macs(model, train[:1]),
                "runs": list(runs(arm, train, val)),
            }
        )
        print(arm, arms[-1]["runs"][-1]["metrics"], flush=True)
    evidence.save("02_checkerboard", command="python -m course_lib.experiments.checkerboard", arms=arms)


if __name__ == "__main__":
    main()

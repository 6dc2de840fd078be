"""Time of the models beside equivalents from reference packages: `python benchmarks/models.py [rounds] [name]`.

Forward passes and training steps (forward, backward, AdamW), each on two pictures of 3 x 256 x 256 pixels in float32. The two nets of
a pair have the same layers and are timed in turn within each round; medians are printed, and reference / ours, so 1 is "as fast".
name: only pairs whose name contains it. FCN-8s needs 7 GB of memory.
"""

import sys

import torch
import torch.nn.functional as F
import torchvision
from metrics import medians  # this folder's metrics.py
from torch import nn

from course_lib.models import FCN, ResNet, UNet

SIDE, BATCH = 256, 2


class ReferenceFCN8s(nn.Module):
    """FCN-8s as wkentaro/pytorch-fcn lays it out, around torchvision's VGG-16 layers."""

    def __init__(self, classes: int = 21):
        super().__init__()
        with torch.device("meta"):  # torchvision would fill a classifier that is not needed
            vgg = torchvision.models.vgg16(weights=None, init_weights=False)
        self.features = vgg.features.to_empty(device="cpu")
        for layer in self.features:
            if isinstance(layer, nn.Conv2d):
                layer.reset_parameters()
            elif isinstance(layer, nn.MaxPool2d):
                layer.ceil_mode = True
        self.features[0].padding = (100, 100)
        self.head = nn.Sequential(
            nn.Conv2d(512, 4096, 7), nn.ReLU(inplace=True), nn.Dropout2d(),
            nn.Conv2d(4096, 4096, 1), nn.ReLU(inplace=True), nn.Dropout2d(),
            nn.Conv2d(4096, classes, 1),
        )  # fmt: skip
        self.score_pool3, self.score_pool4 = nn.Conv2d(256, classes, 1), nn.Conv2d(512, classes, 1)
        self.upscore2 = nn.ConvTranspose2d(classes, classes, 4, stride=2, bias=False)
        self.upscore_pool4 = nn.ConvTranspose2d(classes, classes, 4, stride=2, bias=False)
        self.upscore8 = nn.ConvTranspose2d(classes, classes, 16, stride=8, bias=False)

    def forward(self, x):
        height, width = x.shape[2:]
        pool3 = self.features[:17](x)
        pool4 = self.features[17:24](pool3)
        coarse = self.upscore2(self.head(self.features[24:](pool4)))
        skip = self.score_pool4(pool4)[:, :, 5 : 5 + coarse.shape[2], 5 : 5 + coarse.shape[3]]
        middle = self.upscore_pool4(coarse + skip)
        skip = self.score_pool3(pool3)[:, :, 9 : 9 + middle.shape[2], 9 : 9 + middle.shape[3]]
        return self.upscore8(middle + skip)[:, :, 31 : 31 + height, 31 : 31 + width].contiguous()


class ReferenceUNet(nn.Module):
    """The common padded U-Net out of torch.nn modules, for sides that 16 divides."""

    def __init__(self, classes: int, width: int, bilinear: bool = False):
        super().__init__()

        def block(i, o, mid=None):
            mid = mid or o
            return nn.Sequential(
                nn.Conv2d(i, mid, 3, padding=1, bias=False), nn.BatchNorm2d(mid), nn.ReLU(inplace=True),
                nn.Conv2d(mid, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True),
            )  # fmt: skip

        c = [width * 2**i for i in range(5)]
        if bilinear:
            c[4] //= 2
        self.down = nn.ModuleList(block(i, o) for i, o in zip([3, *c[:4]], c, strict=True))
        self.ups, self.blocks = nn.ModuleList(), nn.ModuleList()
        for skip in c[3::-1]:
            if bilinear:
                self.ups.append(nn.Upsample(scale_factor=2, mode="bilinear"))
                self.blocks.append(block(2 * skip, max(skip // 2, width), skip))
            else:
                self.ups.append(nn.ConvTranspose2d(2 * skip, skip, 2, stride=2))
                self.blocks.append(block(2 * skip, skip))
        self.last = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        maps = []
        for i, block in enumerate(self.down):
            x = block(x if i == 0 else F.max_pool2d(x, 2))
            maps.append(x)
        for i, (up, block) in enumerate(zip(self.ups, self.blocks, strict=True)):
            x = block(torch.cat([maps[3 - i], up(x)], 1))
        return self.last(x)


PAIRS = {
    "UNet, width 16": (lambda: UNet(3, 11, width=16), lambda: ReferenceUNet(11, 16)),
    "UNet, width 16, bilinear": (lambda: UNet(3, 11, width=16, up="bilinear"), lambda: ReferenceUNet(11, 16, True)),
    "UNet, width 64": (lambda: UNet(3, 11), lambda: ReferenceUNet(11, 64)),
    "ResNet-18": (lambda: ResNet("resnet18"), lambda: torchvision.models.resnet18(weights=None)),
    "ResNet-50": (lambda: ResNet("resnet50"), lambda: torchvision.models.resnet50(weights=None)),
    "ResNet-50, stride 8": (
        lambda: ResNet("resnet50", output_stride=8),
        lambda: torchvision.models.resnet50(weights=None, replace_stride_with_dilation=(False, True, True)),
    ),
    "FCN-8s": (lambda: FCN(21), ReferenceFCN8s),
}


def forward(model: nn.Module):
    """A function that predicts."""
    model, images = model.eval(), torch.rand(BATCH, 3, SIDE, SIDE)
    return torch.inference_mode()(lambda: model(images))


def step(model: nn.Module):
    """A function that makes one training step, with cross-entropy.

    (The mean square of the logits, which looks simpler, favors a net whose scores do not start at 0: behind scores of nearly 0 its
    gradients are so small that AdamW's squares of them are denormal numbers, which a CPU computes slowly.)
    """
    model, images = model.train(), torch.rand(BATCH, 3, SIDE, SIDE)
    optimizer = torch.optim.AdamW(model.parameters())
    logits = model(images)
    target = torch.randint(logits.shape[1], (BATCH, *logits.shape[2:]))

    def run():
        optimizer.zero_grad()
        F.cross_entropy(model(images), target).backward()
        optimizer.step()

    return run


def main(rounds: int = 5, chosen: str = "") -> None:
    print(f"{BATCH} x {SIDE} x {SIDE} pixels, {torch.get_num_threads()} threads, median of {rounds}")
    print(f"{'':28}{'parameters':>12}{'forward ms':>12}{'':>7}{'step ms':>10}")
    for name, builds in PAIRS.items():
        if chosen not in name:
            continue
        models = dict(zip(("ours", "reference"), (build() for build in builds), strict=True))
        sizes = [sum(p.numel() for p in model.parameters()) for model in models.values()]
        assert sizes[0] == sizes[1], f"{name}: {sizes[0]} parameters against {sizes[1]}"
        times = []
        for make in (forward, step):
            functions = {key: make(model) for key, model in models.items()}
            medians(functions, 1)  # the first call allocates
            times.append(medians(functions, rounds))
        ratios = [f"{1000 * t['ours']:12.1f} ({t['reference'] / t['ours']:.2f})" for t in times]
        print(f"{name:28}{sizes[0]:12,}{''.join(ratios)}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:])

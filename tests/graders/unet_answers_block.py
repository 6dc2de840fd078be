"""Exercise 08, right and wrong answers to the question about the double convolution."""

from collections import OrderedDict

from torch import nn

from course_lib import models
from course_lib.models import unet_valid


def stage(inputs, outputs, *behind, **settings):
    return [nn.Conv2d(inputs, outputs, 3, **settings), *(layer() for layer in behind)]


def paper(inputs, outputs, **settings):
    return stage(inputs, outputs, nn.ReLU, **settings) + stage(outputs, outputs, nn.ReLU, **settings)


def today(inputs, outputs, padding=1, bias=False, norm=nn.BatchNorm2d):
    settings = {"padding": padding, "bias": bias}

    def normalized():
        return norm(outputs)

    return stage(inputs, outputs, normalized, nn.ReLU, **settings) + stage(
        outputs, outputs, normalized, nn.ReLU, **settings
    )


def right(inputs, outputs, variant):
    return nn.Sequential(*(paper if variant == "paper" else today)(inputs, outputs))


def conv_of_words(inputs, outputs, variant):
    """Named layers, padding in words, ReLUs in place."""
    padding, bias = ("valid", True) if variant == "paper" else ("same", False)
    layers = OrderedDict()
    for name, channels in (("first", inputs), ("second", outputs)):
        layers[name] = nn.Conv2d(channels, outputs, (3, 3), padding=padding, bias=bias)
        if variant == "today":
            layers[f"{name}_norm"] = nn.BatchNorm2d(outputs)
        layers[f"{name}_relu"] = nn.ReLU(inplace=True)
    return nn.Sequential(layers)


def conv_in_parts(inputs, outputs, variant):
    """A network of two networks."""
    layers = list(right(inputs, outputs, variant))
    half = len(layers) // 2
    return nn.Sequential(nn.Sequential(*layers[:half]), nn.Sequential(*layers[half:])).double().eval()


def conv_always_padded(inputs, outputs, variant):
    """The net that public code calls U-Net, under the paper's name."""
    return nn.Sequential(*paper(inputs, outputs, padding=1)) if variant == "paper" else right(inputs, outputs, variant)


def conv_always_today(inputs, outputs, variant):
    return right(inputs, outputs, "today")


def conv_normalizes_the_paper(inputs, outputs, variant):
    layers = today(inputs, outputs, padding=0, bias=True) if variant == "paper" else today(inputs, outputs)
    return nn.Sequential(*layers)


def conv_never_padded(inputs, outputs, variant):
    layers = today(inputs, outputs, padding=0) if variant == "today" else paper(inputs, outputs)
    return nn.Sequential(*layers)


def conv_always_biased(inputs, outputs, variant):
    layers = today(inputs, outputs, bias=True) if variant == "today" else paper(inputs, outputs)
    return nn.Sequential(*layers)


def conv_never_biased(inputs, outputs, variant):
    return nn.Sequential(*paper(inputs, outputs, bias=False)) if variant == "paper" else right(inputs, outputs, variant)


def conv_one_relu(inputs, outputs, variant):
    layers = list(right(inputs, outputs, variant))
    return nn.Sequential(*(layer for i, layer in enumerate(layers) if i != layers.index(layers[-1]) // 2))


def conv_ends_without_relu(inputs, outputs, variant):
    return right(inputs, outputs, variant)[:-1]


def conv_normalizes_late(inputs, outputs, variant):
    if variant == "paper":
        return right(inputs, outputs, variant)
    settings = {"padding": 1, "bias": False}

    def norm():
        return nn.BatchNorm2d(outputs)

    return nn.Sequential(
        *stage(inputs, outputs, nn.ReLU, norm, **settings), *stage(outputs, outputs, nn.ReLU, norm, **settings)
    )


def conv_normalizes_once(inputs, outputs, variant):
    layers = list(right(inputs, outputs, variant))
    return nn.Sequential(*(layer for i, layer in enumerate(layers) if variant == "paper" or i != 1))


def conv_forgets_the_norm(inputs, outputs, variant):
    return nn.Sequential(*paper(inputs, outputs, padding=int(variant == "today"), bias=variant == "paper"))


def conv_drops_out(inputs, outputs, variant):
    return nn.Sequential(*right(inputs, outputs, variant), nn.Dropout(0.5))


def conv_second_takes_inputs(inputs, outputs, variant):
    layers = right(inputs, outputs, variant)
    place = len(layers) // 2
    old = layers[place]
    layers[place] = nn.Conv2d(inputs, outputs, 3, padding=old.padding, bias=old.bias is not None)
    return layers


def conv_widens_late(inputs, outputs, variant):
    first, second = right(inputs, inputs, variant), right(inputs, outputs, variant)
    half = len(first) // 2
    return nn.Sequential(*first[:half], *second[:half])


def conv_keeps_the_channels(inputs, outputs, variant):
    return right(inputs, inputs, variant)


def conv_turned_around(inputs, outputs, variant):
    return right(outputs, inputs, variant)


def conv_large_kernels(inputs, outputs, variant):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 5), nn.ReLU(), nn.Conv2d(outputs, outputs, 5), nn.ReLU())


def conv_with_strides(inputs, outputs, variant):
    return nn.Sequential(*paper(inputs, outputs, stride=2))


def conv_pads_by_mirroring(inputs, outputs, variant):
    layers = right(inputs, outputs, variant)
    for layer in layers:
        if variant == "today" and isinstance(layer, nn.Conv2d):
            layer.padding_mode = "reflect"
    return layers


def conv_with_a_norm_of(**settings):
    def answer(inputs, outputs, variant):
        if variant == "paper":
            return right(inputs, outputs, variant)
        return nn.Sequential(*today(inputs, outputs, norm=lambda channels: nn.BatchNorm2d(channels, **settings)))

    return answer


def conv_learns_no_norm(inputs, outputs, variant):
    return conv_with_a_norm_of(affine=False)(inputs, outputs, variant)


def conv_keeps_no_statistics(inputs, outputs, variant):
    return conv_with_a_norm_of(track_running_stats=False)(inputs, outputs, variant)


def conv_slow_statistics(inputs, outputs, variant):
    """How fast the running statistics follow is not asked; single precision and other initial weights are as good."""
    network = conv_with_a_norm_of(momentum=0.01)(inputs, outputs, variant)
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
    return network


def conv_normalizes_the_inputs(inputs, outputs, variant):
    layers = right(inputs, outputs, variant)
    if variant == "today":
        layers[1] = nn.BatchNorm2d(inputs)
    return layers


def conv_dilated(inputs, outputs, variant):
    return nn.Sequential(*paper(inputs, outputs, dilation=2))


def conv_shares_a_relu(inputs, outputs, variant):
    relu = nn.ReLU()
    layers = right(inputs, outputs, variant)
    half = len(layers) // 2
    layers[half - 1] = layers[-1] = relu
    return layers


def conv_softened(inputs, outputs, variant):
    return nn.Sequential(
        *(nn.LeakyReLU() if isinstance(layer, nn.ReLU) else layer for layer in right(inputs, outputs, variant))
    )


def conv_only_one(inputs, outputs, variant):
    layers = right(inputs, outputs, variant)
    return layers[: len(layers) // 2]


def conv_as_a_list(inputs, outputs, variant):
    return list(right(inputs, outputs, variant))


def conv_as_a_module(inputs, outputs, variant):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = right(inputs, outputs, variant)

        def forward(self, x):
            return self.layers(x)

    return Block()


def conv_from_the_library(inputs, outputs, variant):
    if variant == "paper":
        return unet_valid.double_conv(inputs, outputs)
    return nn.Sequential(*models.UNet(inputs, 2, width=outputs, depth=1).encoder[0])


MUTANTS = [
    (conv_always_padded, 'the paper\'s are unpadded ("valid")'),
    (conv_always_today, 'the paper\'s are unpadded ("valid")'),
    (conv_normalizes_the_paper, "the original U-Net has no normalization"),
    (conv_never_padded, "or the map would shrink"),
    (conv_always_biased, "takes off the mean and the bias with it"),
    (conv_never_biased, "so its convolutions need theirs"),
    (conv_one_relu, "no ReLU behind the first convolution"),
    (conv_ends_without_relu, "no ReLU behind the second convolution"),
    (conv_normalizes_late, "BatchNorm2d stands behind the ReLU"),
    (conv_normalizes_once, "1 BatchNorm2d where two are wanted"),
    (conv_forgets_the_norm, "0 BatchNorm2d where two are wanted"),
    (conv_drops_out, "Dropout is in it"),
    (conv_second_takes_inputs, "it reads what the first one made"),
    (conv_widens_late, "it goes to outputs=2 at once"),
    (conv_keeps_the_channels, "the first convolution makes 1 channels where outputs=2"),
    (conv_turned_around, "the first convolution takes 2 channels where inputs=1"),
    (conv_large_kernels, "has the kernel (5, 5)"),
    (conv_with_strides, "has stride (2, 2): it is 1"),
    (conv_dilated, "has dilation (2, 2): it is 1"),
    (conv_learns_no_norm, "learns nothing (`affine=False`)"),
    (conv_keeps_no_statistics, "keeps no running mean and variance"),
    (conv_normalizes_the_inputs, "the first BatchNorm2d has num_features=1"),
    (conv_pads_by_mirroring, "asked are zeros"),
    (conv_shares_a_relu, "stands in the network twice"),
    (conv_softened, "LeakyReLU is in it"),
    (conv_only_one, "1 Conv2d where two are wanted"),
    (conv_as_a_list, "return an nn.Sequential, not a list"),
    (conv_as_a_module, "use layers of torch.nn in nn.Sequential"),
]
ALTERNATES = [conv_of_words, conv_in_parts, conv_slow_statistics]

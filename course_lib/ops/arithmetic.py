"""How large is the output? Sizes of convolutions and transposed convolutions along one axis.

Source: Dumoulin and Visin, A guide to convolution arithmetic for deep learning (2016), relationships 6 and 14; the dilated forms
follow by replacing the kernel by its extent `dilation * (kernel - 1) + 1`.
"""


def conv_output_size(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Output size of a convolution along one axis: floor((size + 2 padding - extent) / stride) + 1.

    All arguments in pixels (padding counts one side). Raises ValueError when the kernel does not fit into the padded input.
    """
    _at_least(
        "conv_output_size",
        size=(size, 1),
        kernel=(kernel, 1),
        stride=(stride, 1),
        padding=(padding, 0),
        dilation=(dilation, 1),
    )
    extent = dilation * (kernel - 1) + 1
    if extent > size + 2 * padding:
        raise ValueError(
            f"conv_output_size: a kernel of {kernel} taps at dilation {dilation} spans {extent} pixels and does not fit into "
            f"{size} + 2 * {padding} = {size + 2 * padding} pixels"
        )
    return (size + 2 * padding - extent) // stride + 1


def transposed_output_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> int:
    """Output size of a transposed convolution along one axis: (size - 1) stride - 2 padding + extent + output_padding.

    `padding` crops that many pixels from each side of the output, `output_padding` appends pixels at the end only.
    Raises ValueError for an output_padding that PyTorch refuses (it must be smaller than stride or dilation) and for an empty output.
    """
    _at_least(
        "transposed_output_size",
        size=(size, 1), kernel=(kernel, 1), stride=(stride, 1), padding=(padding, 0),
        output_padding=(output_padding, 0), dilation=(dilation, 1),
    )  # fmt: skip
    if output_padding >= max(stride, dilation):
        raise ValueError(
            f"transposed_output_size: output_padding {output_padding} must be smaller than stride {stride} or dilation {dilation}"
        )
    out = (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 + output_padding
    if out < 1:
        raise ValueError(f"transposed_output_size: padding {padding} crops the whole output away (size {out})")
    return out


def _at_least(who: str, **limits: tuple[int, int]) -> None:
    for name, (value, least) in limits.items():
        if value < least:
            raise ValueError(f"{who}: {name} is {value} and must be at least {least}")

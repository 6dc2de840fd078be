"""Exercise 07: SegNet. Pooling that remembers where, the way back, the decoder, what it costs, and the weights of the classes."""

from course_lib.checks.core import Question
from course_lib.checks.segnet_bill import memory_bill_properties
from course_lib.checks.segnet_decoder import decode_properties, mirror_properties
from course_lib.checks.segnet_pooling import pool_properties, unpool_properties
from course_lib.checks.segnet_weights import tile_weights_properties

POOLS = ("max_pool2d", "MaxPool2d", "adaptive_max_pool2d", "AdaptiveMaxPool2d", "max_pool3d", "MaxPool3d")
UNPOOLS = ("max_unpool2d", "MaxUnpool2d", "max_unpool3d", "MaxUnpool3d")

QUESTIONS = [
    Question(
        "pool",
        "Pool, and remember where",
        4,
        pool_properties,
        forbid=(*POOLS, "max_pool2d_with_indices", "fractional_max_pool2d"),
    ),
    Question("unpool", "Unpool", 3, unpool_properties, forbid=UNPOOLS),
    Question("mirror", "The mirror", 3, mirror_properties),
    Question("decode", "Run the decoder", 3, decode_properties),
    Question("memory_bill", "The bill", 3, memory_bill_properties),
    Question("tile_weights", "What is a picture?", 4, tile_weights_properties),
]

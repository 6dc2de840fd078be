"""Data sets of the course: generated ones (the default, always there) and real ones in their own formats, on one contract.

`image, target = ds[i]`; every set has `classes`, `colors` and `things`; `collate` batches. See `sample` for the target.
"""

from . import fetch
from .camvid import CamVid
from .cells import Cells
from .elastic import Elastic, displacement_field, folded
from .isbi2012 import ISBI2012
from .photographs import Photographs
from .real import available, data_root, real_or_generated
from .sample import FILL, VOID, collate, sample, settle
from .scenes import Scenes

__all__ = [
    "FILL",
    "ISBI2012",
    "VOID",
    "CamVid",
    "Cells",
    "Elastic",
    "Photographs",
    "Scenes",
    "available",
    "collate",
    "data_root",
    "displacement_field",
    "fetch",
    "folded",
    "real_or_generated",
    "sample",
    "settle",
]

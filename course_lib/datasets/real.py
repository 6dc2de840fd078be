"""Real data sets where the learner has them, generated ones elsewhere."""

import os
from pathlib import Path

from .camvid import CamVid
from .isbi2012 import ISBI2012

SETS = {"camvid": CamVid, "isbi2012": ISBI2012}


def data_root() -> Path | None:
    """The folder where real data sets are looked for: $COURSE_DATA, or None where that is unset or no folder."""
    value = os.environ.get("COURSE_DATA")
    return Path(value) if value and Path(value).is_dir() else None


def available(name: str) -> bool:
    """Whether $COURSE_DATA holds a folder of that data set ("camvid" or "isbi2012")."""
    if name not in SETS:
        raise ValueError(f"available: name is {name!r}; it must be one of {', '.join(SETS)}")
    root = data_root()
    return root is not None and (root / name).is_dir()


def real_or_generated(name: str, generated, **arguments):
    """The real data set if $COURSE_DATA holds it and it can be opened, else `generated`; one printed line says which.

    name: "camvid" or "isbi2012". generated: the data set to go on with. arguments: for the real one, as `split="val"`.
    """
    if not available(name):
        print(f'{name}: generated data instead; datasets.fetch.describe("{name}") says how to get the real set.')
        return generated
    try:
        real = SETS[name](data_root() / name, **arguments)
    except (OSError, ValueError) as error:
        print(f"{name}: generated data instead, since {error}")
        return generated
    print(f"{name}: the real set, {len(real)} pictures from {data_root() / name}")
    return real

"""A stand-in for the package of Colab's kernel: what the course and anywidget touch of it, written from its public source.

Like the original it loads `files` and `output` with itself; `drive` is imported by whoever needs it.
"""

from google.colab import files, output

__all__ = ["files", "output"]

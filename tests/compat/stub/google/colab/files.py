"""Colab's file exchange with the browser: `downloads` holds what went to it, `waiting` what it will hand over next."""

from pathlib import Path

downloads: dict[str, bytes] = {}
waiting: list[bytes] = []


def download(filename):
    if not Path(filename).exists():
        raise FileNotFoundError(f"Cannot find file: {filename}")
    downloads[Path(filename).name] = Path(filename).read_bytes()


def upload_file(filename):
    if not waiting:
        raise ValueError("File has not been uploaded")  # as when the user cancels
    Path(filename).write_bytes(waiting.pop(0))

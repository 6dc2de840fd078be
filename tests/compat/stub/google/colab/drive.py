"""Google Drive as a folder. Like the original it refuses a folder that already holds something."""

from pathlib import Path


def mount(mountpoint):
    folder = Path(mountpoint)
    if folder.exists() and any(folder.iterdir()):
        raise ValueError("Mountpoint must not already contain files")
    (folder / "MyDrive").mkdir(parents=True)

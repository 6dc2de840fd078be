"""Set the course up and run it: `python start.py` is all a learner types, and `python start.py test` proves that it works.

Standard library only; Python 3.11 or newer (an older one can read this file and says so); Linux, macOS and Windows. From
top to bottom: make a virtual environment, install the tested set of packages into it, check that torch and torchvision
fit each other, copy the lessons into work/, open JupyterLab there. A stamp in the environment remembers what was
installed, so a second start installs nothing. A failure ends in one sentence with the remedy.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import errno
import hashlib
import http.client
import json
import os
import platform
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent
WORK = ROOT / "work"
DOCTOR = ROOT / "course_lib" / "doctor.py"
FIRST = "lessons/00_start_here.ipynb"
STAMP = "course.json"  # in the environment: what was installed, and whether that was finished
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"


class Stop(Exception):
    """A foreseeable failure, in one sentence that names the remedy."""


class Offline(Stop):
    """The package index cannot be reached."""


@contextlib.contextmanager
def step(label):
    """Print what is being done, then how long it took."""
    started = time.monotonic()
    print(label, end=" ... ", flush=True)
    try:
        yield
    except BaseException:
        print("not done", flush=True)
        raise
    print(f"{time.monotonic() - started:.1f} s", flush=True)


def check_python(version=sys.version_info, bits64=sys.maxsize > 2**32):
    """Stop if this interpreter cannot run the course."""
    if version < (3, 11):
        raise Stop(f"Python {version[0]}.{version[1]} is too old: run start.py with Python 3.11, 3.12 or 3.13")
    if not bits64:
        raise Stop("this is a 32-bit Python, and PyTorch has none: install the 64-bit Python from python.org")
    if version >= (3, 14):
        print(f"Python {version[0]}.{version[1]} is newer than the tested ones (3.11 to 3.13); going on")


def read_json(path):
    """The dictionary in a file; an empty one if the file is missing or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path, content):
    """In one move: an interrupted write leaves the old file."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(part, path)


# ---------------------------------------------------------------- what went wrong, and the remedy

FULL = "the disk is full: make room (9 GB with CUDA, 3 GB without; TMPDIR names the folder for temporary files)"
LONG = "a path is too long for Windows: move the course to a short folder, such as C:\\course"
LOCKED = "a folder cannot be written: move the course (or --venv) to a folder of your own, and close what uses it"
UNTRUSTED = "the package index's certificate is not trusted: set PIP_CERT to your organization's certificate file"
REMEDIES = {  # what pip, venv, JupyterLab or the system print: the sentence
    r"No space left|not enough space|Disk quota|Errno 28\b|Errno 122\b|WinError 112": FULL,
    r"Long Path": LONG,
    r"Permission denied|Errno 13\b|Read-only file system|Errno 30\b|Access is denied|WinError 5\b": LOCKED,
    r"CERTIFICATE_VERIFY_FAILED|SSLError": UNTRUSTED,
}
NO_NETWORK = (
    r"NewConnectionError|ConnectTimeout|ReadTimeout|NameResolution|name resolution|getaddrinfo|ProxyError"
    r"|Connection (refused|reset)|connection broken|Network is unreachable|timed out|found for setuptools"
)
NO_ENSUREPIP = (
    "this Python cannot make environments (it has no ensurepip): on Debian or Ubuntu run "
    "`sudo apt install python{}.{}-venv`, elsewhere install Python from python.org, then run start.py again"
)


def remedy(text):
    """The sentence for what a program printed, or None."""
    return next((sentence for pattern, sentence in REMEDIES.items() if re.search(pattern, text)), None)


def explain(text, log):
    """The exception for a failed pip, from what it printed."""
    where = f" (pip's full output: {log})"
    missing = re.search(r"No matching distribution found for (\S+)", text)
    if remedy(text):
        return Stop(remedy(text) + where)
    if re.search(NO_NETWORK, text):
        return Offline("no package index can be reached: check network and proxy, then run start.py again" + where)
    if missing:
        machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
        systems = "Linux (glibc 2.28), Windows or macOS 14 on Apple silicon"
        return Stop(f"no {missing[1]} is made for {machine}: use 64-bit Python 3.11 to 3.13 on {systems}{where}")
    last = "\n".join(line[:160] for line in text.strip().splitlines()[-12:])
    return Stop(f"pip failed: remove the environment and run start.py again{where}; its last lines:\n{last}")


# ---------------------------------------------------------------- the environment


def venv_python(venv):
    """Where an environment keeps its interpreter."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def child_environment(**extra):
    """The variables of a child process, without those that would pull other packages in or send ours elsewhere."""
    unwanted = {"PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "__PYVENV_LAUNCHER__"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return {**kept, "PIP_ROOT_USER_ACTION": "ignore", "PYTHONIOENCODING": "utf-8", **extra}


def python_version(python):
    """'3.12' for an environment whose Python and pip run, else None."""
    command = [python, "-c", "import sys, pip; print('%d.%d' % sys.version_info[:2])"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=child_environment())
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def fingerprint():
    """Changes when the packages to install change, but not with the other settings in pyproject.toml."""
    import tomllib  # new in Python 3.11, and an older one must be able to load this file

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lists = json.dumps([project["dependencies"], project.get("optional-dependencies", {}).get("dev")])
    files = [(ROOT / name).read_text(encoding="utf-8") for name in ("requirements.txt", "constraints.txt")]
    return hashlib.sha256("\0".join([lists, *files]).encode()).hexdigest()


def wanted_torch(choice):
    """'cpu' for PyTorch's own small CPU wheels, which only Linux needs: elsewhere the ordinary wheels are as small."""
    if sys.platform != "linux" or platform.machine().lower() not in ("x86_64", "aarch64", "arm64"):
        return "default"
    if choice != "auto":
        return choice
    signs = [Path("/proc/driver/nvidia/version").exists(), Path("/usr/lib/wsl/lib/nvidia-smi").exists()]
    return "default" if any(signs) or shutil.which("nvidia-smi") else "cpu"


def prepare(venv, dev=False, torch="auto"):
    """The interpreter of a finished environment in the folder `venv`: made, updated or repaired where need be.

    The stamp is written as unfinished before anything is installed and completed at the end, so whatever interrupts
    this, the next start sees it and begins anew. A working environment without a stamp is somebody else's: the packages
    are installed into it, and it is never emptied.
    """
    python, stamp = venv_python(venv), read_json(venv / STAMP)
    wanted = {
        "complete": True,
        "packages": fingerprint(),
        "root": str(ROOT),
        "python": python_version(python),
        "dev": dev or stamp.get("dev", False),
        "torch": stamp.get("torch") if torch == "auto" else wanted_torch(torch),
    }
    if wanted["python"] and stamp == wanted:
        return python
    venv.mkdir(parents=True, exist_ok=True)
    with only_one(venv):
        whole = wanted["python"] and all(stamp.get(key) == wanted[key] for key in ("complete", "python", "torch"))
        if not whole and not (wanted["python"] and not stamp):
            make_venv(venv, ours=bool(stamp) or venv == ROOT / ".venv")
            wanted["python"] = python_version(python)
        write_json(venv / STAMP, {"complete": False})
        try:
            wanted["torch"] = install(venv, wanted["dev"], stamp["torch"] if whole else torch, fresh=not whole)
        except Offline:
            if not (whole and stamp["root"] == str(ROOT) and stamp["dev"] >= dev):
                raise
            write_json(venv / STAMP, stamp)  # pip fetches everything before it changes anything
            print("the list of packages changed, but no package index can be reached: going on with those from before")
            return python
        check_torch(python, wanted["torch"])
        write_json(venv / STAMP, wanted)
    return python


@contextlib.contextmanager
def only_one(folder):
    """Stop if another start.py is at work in this folder (not on Windows, where open files cannot be removed)."""
    if os.name == "nt":
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise Stop(f"another start.py is at work in {folder}: try again when it has finished") from None
    except OSError:
        pass  # a file system without locks
    try:
        yield
    finally:
        os.close(handle)


def check_disk(folder, gigabytes):
    """Stop before the minutes of installing rather than after them."""
    free = shutil.disk_usage(folder).free / 1e9
    if free < gigabytes:
        raise Stop(f"the disk is nearly full: make room, {free:.1f} of {gigabytes} GB are free at {folder}")


def make_venv(venv, ours):
    """An empty environment with pip in the folder `venv`; a half-made one of ours is removed first."""
    present = list(venv.iterdir())
    if present and not ours:
        raise Stop(f"{venv} is not empty and holds no working environment with pip: give --venv a new folder")
    write_json(venv / STAMP, {"complete": False})
    if present:
        with step(f"removing the unfinished or outdated environment in {venv}"):
            for entry in present:
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                elif entry.name != STAMP:
                    entry.unlink()
    check_disk(venv, 3)
    with step(f"making an environment in {venv} (Python {platform.python_version()})"):
        command = [sys.executable, "-m", "venv", venv]
        done = subprocess.run(command, capture_output=True, text=True, env=child_environment())
        said = done.stdout + done.stderr
        if done.returncode and re.search("ensurepip is not|No module named", said):
            raise Stop(NO_ENSUREPIP.format(*sys.version_info[:2]))
        if done.returncode or python_version(venv_python(venv)) is None:
            last = (said.strip().splitlines() or ["its Python does not run"])[-1]
            raise Stop(remedy(said) or f"no environment could be made in {venv} ({last}): give --venv another folder")


# ---------------------------------------------------------------- the packages


def pip(python, log, *arguments):
    """Run `pip install`: everything to the log, on a terminal one changing line. Returns None, or the exception."""
    quiet = "-m pip install --disable-pip-version-check --no-input --progress-bar off".split()
    command, lines, terminal = [python, *quiet, *arguments], [], sys.stdout.isatty()
    streams = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")
    with open(log, "a", encoding="utf-8") as file:
        print("\n$", *command, file=file, flush=True)
        print(end="\n" * terminal)
        process = subprocess.Popen(command, cwd=ROOT, env=child_environment(), **streams)
        try:
            for line in process.stdout:
                print(line, end="", file=file, flush=True)
                lines.append(line)
                doing = re.match(r"\s*(Collecting|Downloading|Installing|Building) (\S+)", line)
                if doing and terminal:
                    print(f"\r  {doing[1].lower()} {doing[2][:60]:<60}", end="", flush=True)
            failed = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
    if terminal:
        print(f"\r{'':<76}\r  ", end="")
    return explain("".join(lines), log) if failed else None


def reachable(url, seconds=6):
    """Whether an address answers in time. A process of its own, for looking up a name has no time limit."""
    code = f"import sys, urllib.request as u; u.urlopen(u.Request(sys.argv[1], method='HEAD'), timeout={seconds})"
    try:
        return subprocess.run([sys.executable, "-c", code, url], capture_output=True, timeout=seconds).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def install(venv, dev, torch, fresh):
    """Install the tested set, at the versions of constraints.txt. Returns which torch was taken: 'cpu' or 'default'."""
    python, log, used = venv_python(venv), venv / "install.log", wanted_torch(torch)
    if used == "cpu":
        with step("looking for PyTorch's own CPU wheels (about 1.5 GB instead of 6 GB on disk)"):
            reason = None if reachable(CPU_WHEELS + "/torch/") else "cannot be reached"
            if not reason:  # --no-deps: that index has torch and torchvision, the ordinary one has the rest
                index = ["--no-deps", "--index-url", CPU_WHEELS, "--retries", "1", "-c", "constraints.txt"]
                reason = pip(python, log, *index, "torch", "torchvision") and "does not have them"
        if reason and torch == "cpu":
            raise Stop(f"download.pytorch.org {reason}: use --torch default instead of --torch cpu")
        if reason:
            print(f"  download.pytorch.org {reason}: taking the ordinary wheels, which give the same results")
            used = "default"
    if fresh and used == "default" and sys.platform == "linux":
        check_disk(venv, 9)
    what = ["-e", ".[dev]"] if dev else ["-r", "requirements.txt"]
    with step(f"installing the tested packages{' and those of the tests' if dev else ''} (2 to 10 minutes when new)"):
        failure = pip(python, log, "-c", "constraints.txt", *what)
        if failure:
            raise failure
    return used


def settle_jupyterlab(venv):
    """JupyterLab's settings for this environment, written at every start, so that older environments get them too."""
    page = venv / "etc" / "jupyter" / "labconfig" / "page_config.json"
    settings = venv / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    for path, content in [
        # Without this, JupyterLab begins by asking whether it may fetch news.
        (page, {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}),
        # A notebook that is opened again shows its widgets alive instead of "model not found".
        (settings, {"@jupyter-widgets/jupyterlab-manager:plugin": {"saveState": True}}),
    ]:
        if read_json(path) != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, content)


def check_torch(python, used):
    """Stop unless torch and torchvision are of one release and work together."""
    with step("checking that torch and torchvision fit"):
        command = [python, "-P", DOCTOR, "--torch"]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", env=child_environment(), cwd=ROOT)
        if done.returncode:
            last = ((done.stdout + done.stderr).strip().splitlines() or ["torch does not start"])[-1]
            raise Stop(f"{last}; or try `start.py --torch {'default' if used == 'cpu' else 'cpu'}`")


# ---------------------------------------------------------------- the learner's copies


def essence(path):
    """What makes two files the same to a learner: a notebook's cells without outputs and run counts, else the bytes."""
    content = path.read_bytes()
    if path.suffix == ".ipynb":
        with contextlib.suppress(ValueError, KeyError, TypeError):  # a damaged notebook: the bytes
            cells = json.loads(content)["cells"]
            content = json.dumps([(cell["cell_type"], "".join(cell["source"])) for cell in cells]).encode()
    return hashlib.sha256(content).hexdigest()


def originals():
    """Every file of which a learner gets a copy, relative to the repository."""
    found = [path for folder in ("lessons", "exercises") for path in sorted((ROOT / folder).rglob("*"))]
    names = [path.relative_to(ROOT) for path in found if path.is_file()]
    return [name for name in names if not any(part.startswith((".", "__")) for part in name.parts)]


def copy(source, target):
    """In one move: an interrupted copy leaves no half file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    shutil.copyfile(source, part)
    os.replace(part, target)


def free_name(path):
    """The path itself if nothing is there, else the same with a number."""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(2, 1000))
    return path if not path.exists() else next(name for name in numbered if not name.exists())


def fill_work():
    """Copy what is new, update the copies that were not edited, put a changed original beside an edited copy.

    Returns a sentence for each of those.
    """
    WORK.mkdir(exist_ok=True)
    known, news = read_json(WORK / ".copied.json"), []
    for name in originals():
        key, target, original = name.as_posix(), WORK / name, essence(ROOT / name)
        record, mine = known.get(key, {}), essence(target) if target.exists() else None
        if mine is None or mine == record.get("copied") != original:
            copy(ROOT / name, target)
            mine = original
        if mine == original:
            known[key] = {"copied": original}
        elif original not in record.values():  # neither what was copied nor what was offered already
            beside = free_name(target.with_name(f"{target.stem}.new{target.suffix}"))
            copy(ROOT / name, beside)
            known[key] = {**record, "offered": original}
            news.append(f"{key} has a new version; you edited yours, so it stays, and the new one is {beside.name}")
    write_json(WORK / ".copied.json", known)
    return news


def reset(number):
    """Bring the copies of one lesson back to the originals; what was edited goes to work/backups with the date."""
    names = [name for name in originals() if name.name.startswith(number.zfill(2) + "_")]
    if not names:
        present = ", ".join(sorted({name.name[:2] for name in originals()})) or "none yet"
        raise Stop(f"reset {number}: there is no such lesson; the numbers are {present}")
    known = read_json(WORK / ".copied.json")
    for name in names:
        mine, when = WORK / name, datetime.datetime.now().strftime("%Y-%m-%d_%H%M%S")
        if mine.exists() and essence(mine) != essence(ROOT / name):
            backup = free_name(WORK / "backups" / name.parent / f"{name.stem}.{when}{name.suffix}")
            copy(mine, backup)
            print(f"your copy is kept as {backup.relative_to(ROOT).as_posix()}")
        copy(ROOT / name, mine)
        known[name.as_posix()] = {"copied": essence(ROOT / name)}
        print(f"work/{name.as_posix()} is the original again; points earned stay")
    write_json(WORK / ".copied.json", known)


# ---------------------------------------------------------------- JupyterLab


def choose_port(asked, first=8888):
    """The port asked for, or the first free one from 8888 on."""
    for port in [asked] if asked else range(first, first + 100):
        with socket.socket() as trial:
            if os.name != "nt":  # there it would allow a port that is in use
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError as error:
                if asked and error.errno == errno.EACCES:
                    raise Stop(f"port {port} is reserved for the system: give --port a number above 1023") from None
                continue
        if not asked and port != first:
            print(f"port {first} is taken: using {port}")
        return port
    raise Stop(f"port {asked or f'{first} to {first + 99}'} is taken: give --port another number, or leave it out")


def lab(python, port, browser):
    """JupyterLab in work/, until Ctrl-C."""
    page = f"/lab/tree/{FIRST}" if (WORK / FIRST).exists() else "/lab"
    token, log = secrets.token_hex(24), WORK / ".jupyterlab.log"
    command = [python, "-m", "jupyterlab", f"--ServerApp.root_dir={WORK}", f"--LabApp.default_url={page}"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    command += ["--ServerApp.base_url=/"]  # whatever the user's own settings say
    command += ["--ServerApp.answer_yes=True"]  # Ctrl-C stops without a question
    command += [] if browser else ["--no-browser"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        print("running as root: JupyterLab is started with --allow-root, and new files belong to root")
        command.append("--allow-root")
    with open(log, "w", encoding="utf-8") as output:
        streams = dict(stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        server = subprocess.Popen(command, cwd=WORK, env=child_environment(JUPYTER_TOKEN=token), **streams)
        try:
            with step("starting JupyterLab"):
                wait_until_ready(server, f"http://127.0.0.1:{port}/api", log)
            print(f"JupyterLab is ready, in work/: http://127.0.0.1:{port}{page}?token={token}")
            print("Stop it with Ctrl-C.", flush=True)
            with contextlib.suppress(KeyboardInterrupt):
                code = server.wait()
                if code:
                    raise Stop(f"JupyterLab ended with exit code {code}: run start.py again, or see {log}")
            print("\nJupyterLab has stopped")
        finally:
            if os.name != "nt":  # there Ctrl-C reached it already
                server.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(15)
            server.kill()


def wait_until_ready(server, url, log, seconds=90):
    """Return when the server answers; Stop if it ended or is late."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never by a proxy
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        if server.poll() is not None:
            said = log.read_text(encoding="utf-8", errors="replace")
            last = (said.strip().splitlines() or ["it printed nothing"])[-1]
            raise Stop(remedy(said) or f"JupyterLab did not start ({last}): see {log}, or run `start.py doctor`")
        with contextlib.suppress(OSError, http.client.HTTPException), opener.open(url, timeout=2):
            return
        time.sleep(0.1)
    raise Stop(f"JupyterLab did not answer within {seconds} s: see {log}, or run start.py again")


# ---------------------------------------------------------------- the command line


def refuse(message):
    raise Stop(f"{message}; `start.py --help` lists the commands and options")


def arguments(argv=None):
    """The command line, checked."""
    parser = argparse.ArgumentParser(prog="start.py", description=__doc__.split("\n\n")[0])
    parser.error = refuse
    add = parser.add_argument
    commands = ["lab", "test", "build", "doctor", "reset", "grade"]
    add("command", nargs="?", default="lab", choices=commands, help="default: lab")
    add("lesson", nargs="?", metavar="NN", help="reset: the number of the lesson, such as 02")
    add("--no-browser", action="store_true", help="lab: print the address, open nothing")
    add("--port", type=int, help="lab: this port; default: the first free one from 8888 on")
    add("--venv", default=os.environ.get("COURSE_VENV") or ROOT / ".venv", help="default: $COURSE_VENV, else .venv")
    add("--torch", default="auto", choices=["auto", "cpu", "default"], help="which PyTorch wheels, on Linux")
    add("--quick", action="store_true", help="test: the parts that take less than three minutes together")
    add("--require", default="", help="test: what must be there, not skipped: data,browser,cuda")
    found = parser.parse_args(argv)
    if (found.lesson is None) == (found.command == "reset"):
        parser.error(
            "reset takes the number of a lesson, as in `reset 02`"
            if found.command == "reset"
            else f"{found.command} takes no {found.lesson!r}; only reset takes the number of a lesson"
        )
    if found.port is not None and not 0 < found.port < 65536:
        parser.error(f"--port {found.port}: a port is a number from 1 to 65535")
    if set(found.require.split(",")) - {"data", "browser", "cuda", ""}:
        parser.error(f"--require {found.require}: names are data, browser and cuda, with commas between")
    found.venv = Path(os.path.abspath(os.path.expanduser(found.venv)))
    return found


def run(args):
    """Carry a command out. Returns the exit code, None for 0."""
    if args.command == "grade":
        raise Stop("grade comes with the trusted grader, in a later release: until then exercises score themselves")
    if args.command == "reset":
        return reset(args.lesson)
    if args.command == "doctor":
        python = venv_python(args.venv)
        if python_version(python) is None:
            print(f"warning  environment  none that works in {args.venv}: run `python start.py`")
            python = sys.executable
        return subprocess.run([python, "-P", DOCTOR], cwd=ROOT, env=child_environment()).returncode
    port = choose_port(args.port) if args.command == "lab" else None  # before the minutes of installing
    python = prepare(args.venv, dev=args.command in ("test", "build"), torch=args.torch)
    settle_jupyterlab(args.venv)
    if args.command == "test":
        options = ["--quick"] * args.quick + ["--require", args.require] * bool(args.require)
        return subprocess.run([python, ROOT / "tests" / "run.py", *options], env=child_environment()).returncode
    if args.command == "build":
        return subprocess.run([python, "-m", "authoring.build"], cwd=ROOT, env=child_environment()).returncode
    with step("filling work/ with lessons and exercises"):
        news = fill_work()
    print(*news, sep="\n", end="\n" if news else "")
    return lab(python, port, not args.no_browser)


def main(argv=None):
    """Run the command line; a foreseeable failure becomes one sentence. Returns the exit code."""
    try:
        check_python()
        return run(arguments(argv)) or 0
    except Stop as stop:
        message = str(stop)
    except KeyboardInterrupt:
        print("\nstopped")
        return 130
    except OSError as error:
        message = remedy(f"Errno {error.errno} {error}") or f"{error}: set that right, then run start.py again"
        message += f" ({error.filename})" if error.filename and str(error.filename) not in message else ""
    print(f"start.py: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    for name in {"SIGINT", "SIGTERM", "SIGHUP"} & set(
        dir(signal)
    ):  # a closed terminal or a stopped container end like Ctrl-C
        signal.signal(getattr(signal, name), signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):  # a console that cannot show a folder's name is no reason to stop
        stream.reconfigure(errors="replace")
    sys.exit(main())

"""Set the course up and run it. `python start.py` is all a learner types; `python start.py test` proves that it works.

Standard library only, Python 3.11 or newer (an older one reads this file and says so), Linux, macOS and Windows. What it does,
top to bottom of this file: make a virtual environment, install the tested set of packages into it, check that torch and
torchvision fit each other, copy the lessons into work/ and open JupyterLab there. A stamp in the environment remembers what was
installed, so a second start installs nothing. A failure ends in one sentence with the remedy; pip's full output is in a log.
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
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent
WORK = ROOT / "work"
FIRST = "lessons/00_start_here.ipynb"
STAMP = "course.json"  # in the environment: what was installed, and whether it was finished
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
GIGABYTE = 1e9


class Stop(Exception):
    """A foreseeable failure: one sentence that names the remedy."""


@contextlib.contextmanager
def step(label):
    """Print what is being done, then how long it took."""
    started = time.monotonic()
    print(label, end=" ... ", flush=True)
    try:
        yield
    except BaseException:
        print("not done")
        raise
    print(f"{time.monotonic() - started:.1f} s", flush=True)


def check_python(version=sys.version_info, bits64=sys.maxsize > 2**32):
    """Stop if this interpreter cannot run the course."""
    if version < (3, 11):
        raise Stop(f"Python {version[0]}.{version[1]} is too old: run start.py with Python 3.11, 3.12 or 3.13")
    if not bits64:
        raise Stop("this is a 32-bit Python, for which there is no PyTorch: install the 64-bit one from python.org")
    if version >= (3, 14):
        print(f"Python {version[0]}.{version[1]} is newer than the tested ones (3.11 to 3.13); going on")


# ---------------------------------------------------------------- the environment


def venv_python(venv):
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def clean_environment(**extra):
    """The variables of a child process: nothing of the user's that would pull other packages in or send ours elsewhere."""
    unwanted = {"PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "__PYVENV_LAUNCHER__"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return {**kept, "PIP_ROOT_USER_ACTION": "ignore", "PYTHONIOENCODING": "utf-8", **extra}


def python_version(python):
    """'3.12' for an environment whose Python and pip run, else None."""
    code = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60, env=clean_environment())
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def fingerprint():
    """Changes when the packages to install change, not when some other setting in pyproject.toml does."""
    import tomllib  # new in Python 3.11, and this file must load in an older one

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lists = json.dumps([project["dependencies"], project.get("optional-dependencies", {}).get("dev")])
    files = [(ROOT / name).read_text(encoding="utf-8") for name in ("requirements.txt", "constraints.txt")]
    return hashlib.sha256("\0".join([lists, *files]).encode()).hexdigest()


def read_json(path):
    """The dictionary in a file; an empty one if the file is missing or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path, content):
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(part, path)


def wanted_torch(choice):
    """'cpu' for PyTorch's own small CPU wheels, which only Linux needs: elsewhere the ordinary wheels are those."""
    if sys.platform != "linux" or platform.machine().lower() not in ("x86_64", "aarch64", "arm64"):
        return "default"
    if choice != "auto":
        return choice
    nvidia = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi")
    return "default" if nvidia or Path("/usr/lib/wsl/lib/nvidia-smi").exists() else "cpu"


def prepare(venv, dev=False, torch="auto"):
    """The Python of a finished environment in `venv`, made, updated or repaired where need be.

    The stamp is written before anything else, as unfinished, and completed at the end: whatever interrupts this, the next
    start sees it and makes the environment anew. An environment without our stamp belongs to someone else: it is installed
    into and never emptied (except .venv here, which is nobody else's).
    """
    python, stamp = venv_python(venv), read_json(venv / STAMP)
    version = python_version(python)
    now = {"packages": fingerprint(), "root": str(ROOT), "python": version}
    same_torch = torch == "auto" or wanted_torch(torch) == stamp.get("torch")
    whole = bool(version and stamp.get("complete") and stamp.get("python") == version and same_torch)
    if whole and all(stamp.get(key) == value for key, value in now.items()) and (stamp.get("dev") or not dev):
        return python
    with only_one(venv):
        if not whole and not (version and not stamp):  # the second: another's working environment, to be used as it is
            make_venv(venv, stamp)
            version = python_version(python)
            if version is None:
                raise Stop(
                    f"the new environment in {venv} has no working pip: install Python from python.org and try again"
                )
        dev = dev or bool(whole and stamp.get("dev"))
        write_json(venv / STAMP, {"complete": False})
        try:
            used = install(venv, python, dev, torch if not whole else stamp["torch"])
        except Offline as offline:
            if not (whole and stamp["root"] == str(ROOT) and (stamp.get("dev") or not dev)):
                raise
            write_json(venv / STAMP, stamp)
            print(f"the packages changed, but {offline.reason}: going on with those installed before")
            return python
        check_torch(python, used)
        write_json(venv / STAMP, {**now, "python": version, "dev": dev, "torch": used, "complete": True})
    return python


@contextlib.contextmanager
def only_one(venv):
    """Hold a lock, so that two terminals do not build one environment at once."""
    venv.mkdir(parents=True, exist_ok=True)
    with open(venv / "course.lock", "w") as file:
        try:
            if os.name == "nt":
                import msvcrt

                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                yield  # a file system without locks: go on without
                return
            raise Stop(f"another start.py is at work in {venv}: wait until it has finished, then try again") from None
        yield


def make_venv(venv, stamp):
    """An empty environment with pip in `venv`; what was there is removed if it was ours."""
    present = [entry for entry in venv.iterdir() if entry.name != "course.lock"]
    if present and not stamp and venv != ROOT / ".venv":
        raise Stop(f"{venv} is not empty and holds no working environment: give --venv a new folder")
    with contextlib.suppress(ImportError):
        import ensurepip
        import venv as _  # noqa: F401

        needed = (8 if wanted_torch("auto") == "default" and sys.platform == "linux" else 3) * GIGABYTE
        free = shutil.disk_usage(venv).free + (2 * GIGABYTE if len(present) > 5 else 0)
        if free < needed:
            raise Stop(
                f"the disk is nearly full: {free / 1e9:.1f} GB are free at {venv}, {needed / 1e9:.0f} GB are needed"
            )
        if present:
            with step(f"removing the half-made environment in {venv}"):
                write_json(venv / STAMP, {"complete": False})
                for entry in present:
                    shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink(missing_ok=True)
        write_json(venv / STAMP, {"complete": False})
        with step(f"making the environment in {venv} (Python {platform.python_version()}, pip {ensurepip.version()})"):
            done = subprocess.run([sys.executable, "-m", "venv", venv], capture_output=True, text=True)
        if done.returncode == 0:
            return
        reason = (done.stdout + done.stderr).strip()
        if "ensurepip" not in reason:
            raise Stop(sentence(reason) or f"python -m venv failed in {venv}: {reason.splitlines()[-1]}")
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    raise Stop(
        f"this Python cannot make environments: on Debian or Ubuntu run `apt install {name}`, then start.py again"
    )


# ---------------------------------------------------------------- the packages

REMEDIES = {  # what pip, venv or JupyterLab print when ... : the sentence
    r"No space left|not enough space|Disk quota|Errno 28\b|Errno 122\b|WinError 112": "the disk is full: make room (7 GB with "
    "CUDA, 3 GB without; TMPDIR names the folder for temporary files), then run start.py again",
    r"Long Path": "a path is too long for Windows: move the course to a short folder such as C:\\course, or enable long paths",
    r"Permission denied|Errno 13\b|Read-only file system|Access is denied|WinError 5\b": "a folder cannot be written: move the "
    "course or --venv to a folder of your own, and close other programs that use it",
    r"CERTIFICATE_VERIFY_FAILED|SSLError": "the package index's certificate is not trusted: set PIP_CERT to your organization's "
    "certificate file, then run start.py again",
}
NO_NETWORK = (
    r"NewConnectionError|ConnectTimeout|ReadTimeout|NameResolution|name resolution|getaddrinfo|ProxyError|ConnectionReset"
    r"|Connection (refused|broken|reset)|connection broken|Network is unreachable|timed out"
)
NO_WHEEL = r"No matching distribution found for (\S+)|is not a supported wheel"


class Offline(Stop):
    reason = "the package index cannot be reached"


def sentence(text):
    """The remedy for what a program printed, or None."""
    return next((remedy for pattern, remedy in REMEDIES.items() if re.search(pattern, text)), None)


def explain(text, log):
    """The exception for pip's failure, from what it printed."""
    where = f" (pip's full output: {log})"
    if sentence(text):
        return Stop(sentence(text) + where)
    if re.search(NO_NETWORK, text):
        return Offline(f"{Offline.reason}: check the network or proxy, then run start.py again" + where)
    missing = re.search(NO_WHEEL, text)
    if missing:
        machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
        return Stop(
            f"there is no package {missing[1] or ''} for this computer ({machine}): use Python 3.11 to 3.13 on 64-bit Linux, "
            f"Windows or macOS 14 on Apple silicon{where}"
        )
    tail = "\n".join(text.strip().splitlines()[-12:])
    return Stop(f"pip failed; its last lines:\n{tail}\nRemove the environment and run start.py again{where}")


def pip(python, log, *arguments):
    """Run `pip install`, quietly: on a terminal one changing line, everything in the log. Returns None or the exception."""
    command = [
        python,
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
        "--progress-bar",
        "off",
        *arguments,
    ]
    lines = []
    with open(log, "a", encoding="utf-8") as file:
        file.write(f"\n$ {' '.join(map(str, command))}\n")
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        try:
            for line in process.stdout:
                file.write(line)
                file.flush()
                lines.append(line)
                doing = re.match(r"\s*(Collecting|Downloading|Installing|Building) (\S+)", line)
                if doing and sys.stdout.isatty():
                    print(f"\r\033[K  {doing[1].lower()} {doing[2][:60]} ", end="", flush=True)
        except BaseException:
            process.terminate()
            process.wait()
            raise
        failed = process.wait()
    if sys.stdout.isatty():
        print("\r\033[K  ", end="")
    return explain("".join(lines), log) if failed else None


def install(venv, python, dev, torch):
    """Install the tested set, pins from constraints.txt. Returns which torch was taken, 'cpu' or 'default'."""
    log = venv / "install.log"
    used = wanted_torch(torch)
    if used == "cpu":
        with step("PyTorch for CPUs from download.pytorch.org"):
            reason = None if reachable(CPU_WHEELS + "/torch/") else "cannot be reached"
            if reason is None:
                # --no-deps: that index has torch and torchvision; everything else comes from the ordinary one, below.
                index = ["--no-deps", "--retries", "1", "--index-url", CPU_WHEELS, "-c", "constraints.txt"]
                reason = "does not have them" if pip(python, log, *index, "torch", "torchvision") else None
        if reason and torch == "cpu":
            raise Stop(f"download.pytorch.org {reason}, and --torch cpu asks for its wheels: use --torch default")
        if reason:
            print(f"  it {reason}; taking the ordinary wheels (5.6 GB on disk, the same results)")
            used = "default"
    what = ["-e", ".[dev]"] if dev else ["-r", "requirements.txt"]
    with step(
        f"installing the tested packages{' and those of the tests' if dev else ''} (first time: 2 to 10 minutes)"
    ):
        failure = pip(python, log, "-c", "constraints.txt", *what)
        if failure:
            raise failure
        # JupyterLab would ask on its first start whether it may fetch news.
        config = venv / "etc" / "jupyter" / "labconfig" / "page_config.json"
        config.parent.mkdir(parents=True, exist_ok=True)
        write_json(config, {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}})
    return used


def reachable(url, seconds=6):
    """Whether the address answers in time; a thread, because looking up a name has no time limit of its own."""
    answers = []

    def ask():
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds) as answer:
                answers.append(answer.status)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(answers)


def check_torch(python, used):
    """Stop unless torch and torchvision are of one release and work together."""
    with step("checking that torch and torchvision fit"):
        command = [python, "-P", ROOT / "course_lib" / "doctor.py", "--torch"]
        done = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), cwd=ROOT)
        if done.returncode:
            last = (done.stdout + done.stderr).strip().splitlines()[-1:]
            other = "default" if used == "cpu" else "cpu"
            raise Stop(f"{last[0] if last else 'torch does not start'}; or try `python start.py --torch {other}`")


# ---------------------------------------------------------------- the learner's copies


def fingerprint_file(path):
    """What makes two files the same to a learner: a notebook's cells without outputs and run counts, else the bytes."""
    content = path.read_bytes()
    if path.suffix == ".ipynb":
        with contextlib.suppress(ValueError, KeyError, TypeError):
            cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(content)["cells"]]
            content = json.dumps(cells).encode()
    return hashlib.sha256(content).hexdigest()


def originals():
    """Every file that a learner gets a copy of, as paths relative to the repository."""
    found = [path for folder in ("lessons", "exercises") for path in sorted((ROOT / folder).rglob("*"))]
    hidden = [path for path in found if any(part.startswith((".", "__")) for part in path.relative_to(ROOT).parts)]
    return [path.relative_to(ROOT) for path in found if path.is_file() and path not in hidden]


def copy(source, target):
    """Copy in one move: an interrupted copy leaves no half file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    shutil.copyfile(source, part)
    os.replace(part, target)


def free_name(path):
    """The path itself if nothing is there, else the same with a number."""
    names = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(2, 1000))
    return path if not path.exists() else next(name for name in names if not name.exists())


def fill_work():
    """Copy what is new, update copies that were not edited, offer a changed original beside an edited copy."""
    WORK.mkdir(exist_ok=True)
    known = read_json(WORK / ".copied.json")
    for name in originals():
        key, source, target = name.as_posix(), ROOT / name, WORK / name
        original = fingerprint_file(source)
        record = known.get(key, {})
        mine = fingerprint_file(target) if target.exists() else None
        if mine is None or (mine == record.get("copied") and mine != original):
            copy(source, target)
        elif mine != original and original not in (record.get("copied"), record.get("offered")):
            beside = free_name(target.with_name(f"{target.stem}.new{target.suffix}"))
            copy(source, beside)
            print(
                f"  {key} has a new version; yours was edited and stays, the new one is {beside.relative_to(ROOT).as_posix()}"
            )
            known[key] = {**record, "offered": original}
            continue
        elif mine != original:
            continue  # edited, and there is nothing newer than what the learner has or was offered
        known[key] = {"copied": original}
    write_json(WORK / ".copied.json", known)


def reset(number):
    """Bring the copies of one lesson back to the originals; what was there goes to work/backups with the date."""
    number = (number or "").zfill(2)
    names = [name for name in originals() if name.name.startswith(number + "_")]
    if not names:
        present = sorted({name.name[:2] for name in originals()})
        raise Stop(f"reset: there is no lesson {number}; reset one of {', '.join(present) or '(none is there yet)'}")
    known = read_json(WORK / ".copied.json")
    for name in names:
        mine, stamp = WORK / name, datetime.datetime.now().strftime("%Y-%m-%d_%H%M%S")
        if mine.exists() and fingerprint_file(mine) != fingerprint_file(ROOT / name):
            backup = free_name(WORK / "backups" / name.parent / f"{name.stem}.{stamp}{name.suffix}")
            copy(mine, backup)
            print(f"your copy is kept as {backup.relative_to(ROOT).as_posix()}")
        copy(ROOT / name, mine)
        known[name.as_posix()] = {"copied": fingerprint_file(ROOT / name)}
        print(f"{mine.relative_to(ROOT).as_posix()} is the original again (points earned stay)")
    write_json(WORK / ".copied.json", known)


# ---------------------------------------------------------------- JupyterLab


def choose_port(asked):
    """The port asked for, or the first free one from 8888 on."""
    for port in [asked] if asked else range(8888, 8988):
        with socket.socket() as test:
            if os.name != "nt":
                test.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                test.bind(("127.0.0.1", port))
            except OSError as error:
                if asked and error.errno == errno.EACCES:
                    raise Stop(f"port {port} is reserved for the system: give --port a number above 1023") from None
                continue
        if not asked and port != 8888:
            print(f"port 8888 is taken; using {port}")
        return port
    raise Stop(f"port {asked or '8888 to 8987'} is taken: give --port another number, or leave it out")


def lab(python, port, browser):
    """JupyterLab in work/, until Ctrl-C."""
    log = WORK / ".jupyterlab.log"
    first = FIRST if (WORK / FIRST).exists() else ""
    page = f"/lab/tree/{first}" if first else "/lab"
    command = [python, "-m", "jupyterlab", f"--ServerApp.root_dir={WORK}", f"--LabApp.default_url={page}"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    command += ["--ServerApp.answer_yes=True"]  # Ctrl-C stops without asking
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        print("running as root: JupyterLab is started with --allow-root; new files belong to root")
        command.append("--allow-root")
    if not browser:
        command.append("--no-browser")
    token = secrets.token_hex(24)
    url = f"http://127.0.0.1:{port}{page}?token={token}"
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
    with open(log, "w", encoding="utf-8") as output:
        server = subprocess.Popen(
            command, cwd=WORK, env=clean_environment(JUPYTER_TOKEN=token), stdout=output, stderr=output
        )
        try:
            with step("starting JupyterLab"):
                wait_for(server, f"http://127.0.0.1:{port}/api", log)
            print(f"JupyterLab is ready, in work/: {url}\nStop it with Ctrl-C.", flush=True)
            server.wait()
            raise Stop(f"JupyterLab stopped by itself (exit code {server.returncode}): its output is in {log}")
        finally:
            if server.poll() is None:
                if os.name != "nt":  # there, Ctrl-C has reached it already
                    server.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    server.wait(15)
                server.kill()


def wait_for(server, url, log, seconds=90):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        if server.poll() is not None:
            text = log.read_text(encoding="utf-8", errors="replace")
            last = (text.strip().splitlines() or ["it printed nothing"])[-1]
            raise Stop(sentence(text) or f"JupyterLab did not start ({last}): its output is in {log}")
        with contextlib.suppress(OSError, http.client.HTTPException):
            with opener.open(url, timeout=2):
                return
        time.sleep(0.1)
    raise Stop(f"JupyterLab did not answer within {seconds} s: its output is in {log}")


# ---------------------------------------------------------------- tests


def parts(quick=False, require=""):
    """[(name, [arguments of python, ...])] in the order in which they run."""
    pytest = ["-m", "pytest"]
    two = ["-n", "2", "--dist", "loadfile"]
    needs = ["--require", require] if require else []
    own = ["parity", "graders", "browser"]
    elsewhere = [f"--ignore=tests/{folder}" for folder in own]
    nbval = [*pytest, "--nbval", "--nbval-current-env", "--nbval-cell-timeout=120"]
    notebooks = [name.as_posix() for name in originals() if name.name.startswith("00_")] if quick else None
    notebooks = notebooks or ["lessons", "solutions", "exercises"]
    all_parts = [
        ("ruff", [["-m", "ruff", "check", "."], ["-m", "ruff", "format", "--check", "."]]),
        ("drift", [["-m", "authoring.build", "--check"]]),
        ("unit", [[*pytest, "tests", *elsewhere, *two, *needs]]),
        *((folder, [[*pytest, f"tests/{folder}", *two, *needs]]) for folder in own),
        ("notebooks", [[*nbval, *([] if quick else two), *notebooks]]),
    ]
    return [part for part in all_parts if not quick or part[0] not in ("parity", "browser")]


def run_tests(python, quick, require):
    """Run every part, whatever fails, and print the table. Returns the exit code."""
    results = []
    with tempfile.TemporaryDirectory(prefix="course-test-", ignore_cleanup_errors=True) as scratch:
        threads = dict.fromkeys(["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"], "1")
        private = {"COURSE_PROGRESS": str(Path(scratch, "progress.json")), "IPYTHONDIR": str(Path(scratch, "ipython"))}
        settings = {"MPLBACKEND": "agg", "HF_HUB_OFFLINE": "1", "COURSE_PROFILE": "laptop"}
        env = clean_environment(**threads, **private, **settings)
        for name, commands in parts(quick, require):
            print(f"\n== {name}", flush=True)
            started = time.monotonic()
            # A kernel chooses its own matplotlib backend, as it does for a learner.
            own = {key: value for key, value in env.items() if not (name == "notebooks" and key == "MPLBACKEND")}
            codes = [subprocess.run([python, *command], cwd=ROOT, env=own).returncode for command in commands]
            results.append((name, (time.monotonic() - started) / 60, not any(codes)))
            print(f"== {name}: {'passed' if results[-1][2] else 'FAILED'} in {results[-1][1]:.1f} min", flush=True)
    print(f"\n{'part':<12}{'minutes':>8}  result")
    for name, minutes, passed in results:
        print(f"{name:<12}{minutes:>8.1f}  {'passed' if passed else 'FAILED'}")
    print(f"{'all':<12}{sum(minutes for _, minutes, _ in results):>8.1f}")
    failed = sum(not passed for _, _, passed in results)
    print(f"parts: {len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


# ---------------------------------------------------------------- the command line


def arguments(argv=None):
    parser = argparse.ArgumentParser(prog="start.py", description=__doc__.split("\n\n")[0])
    commands = ["lab", "test", "build", "doctor", "reset", "grade"]
    parser.add_argument("command", nargs="?", default="lab", choices=commands, help="default: lab")
    parser.add_argument("lesson", nargs="?", metavar="NN", help="reset: the number of the lesson, as 02")
    parser.add_argument("--no-browser", action="store_true", help="lab: print the address, open nothing")
    parser.add_argument("--port", type=int, help="lab: this port (default: the first free one from 8888 on)")
    parser.add_argument(
        "--venv", default=os.environ.get("COURSE_VENV") or ROOT / ".venv", help="default: $COURSE_VENV or .venv"
    )
    parser.add_argument(
        "--torch", default="auto", choices=["auto", "cpu", "default"], help="which PyTorch wheels, on Linux"
    )
    parser.add_argument("--quick", action="store_true", help="test: the parts that take less than three minutes")
    parser.add_argument("--require", default="", help="test: capabilities that must be there: data,browser,cuda")
    found = parser.parse_args(argv)
    if (found.lesson is None) == (found.command == "reset"):
        parser.error("reset needs the number of a lesson, as in `reset 02`; the other commands take none")
    if found.port is not None and not 0 < found.port < 65536:
        parser.error(f"--port {found.port}: a port is a number from 1 to 65535")
    if set(found.require.split(",")) - {"data", "browser", "cuda", ""}:
        parser.error(f"--require {found.require}: only data, browser and cuda, with commas between them")
    found.venv = Path(os.path.abspath(os.path.expanduser(found.venv)))
    return found


def run(args):
    if args.command == "grade":
        raise Stop(
            "grade comes with the trusted grader, which is not part of this release: exercises score themselves so far"
        )
    if args.command == "reset":
        return reset(args.lesson)
    if args.command == "doctor":
        python = venv_python(args.venv)
        if python_version(python) is None:
            print(f"warning  environment   none that works in {args.venv}: run `python start.py`")
            python = sys.executable
        return subprocess.run(
            [python, "-P", ROOT / "course_lib" / "doctor.py"], cwd=ROOT, env=clean_environment()
        ).returncode
    port = choose_port(args.port) if args.command == "lab" else None  # before the minutes of installing
    python = prepare(args.venv, dev=args.command in ("test", "build"), torch=args.torch)
    if args.command == "test":
        return run_tests(python, args.quick, args.require)
    if args.command == "build":
        return subprocess.run([python, "-m", "authoring.build"], cwd=ROOT, env=clean_environment()).returncode
    with step("filling work/ with lessons and exercises"):
        fill_work()
    return lab(python, port, not args.no_browser)


def main(argv=None):
    try:
        check_python()
        return run(arguments(argv)) or 0
    except Stop as stop:
        message = str(stop)
    except KeyboardInterrupt:
        print("\nstopped")
        return 130
    except OSError as error:
        message = (
            sentence(f"Errno {error.errno} {error}") or f"{error}: this is the operating system's word; see the README"
        )
        if error.filename and str(error.filename) not in message:
            message += f" ({error.filename})"
    print(f"start.py: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

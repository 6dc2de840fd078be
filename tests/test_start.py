"""start.py, without the network: small repositories in temporary folders, and a pip that is a stub."""

import ast
import json
import os
import re
import runpy
import shutil
import socket
import subprocess
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
POSIX = pytest.mark.skipif(os.name == "nt", reason="the stub interpreter is a shell script")


@pytest.fixture
def start(tmp_path, monkeypatch):
    """A fresh start.py whose repository is tmp_path/repo, with two lessons and an exercise."""
    repo = tmp_path / "repo"
    module = types.SimpleNamespace(**runpy.run_path(str(ROOT / "start.py"), run_name="start"))
    scope = module.main.__globals__
    for folder in ("lessons", "exercises"):
        (repo / folder).mkdir(parents=True)
    for name in ("pyproject.toml", "requirements.txt", "constraints.txt"):
        shutil.copy(ROOT / name, repo)
    for name, topic in [("lessons", "00_start_here"), ("lessons", "02_up"), ("exercises", "02_up")]:
        write_notebook(repo / name / f"{topic}.ipynb", f"# {name} {topic}")
    scope.update(ROOT=repo, WORK=repo / "work")
    monkeypatch.delenv("COURSE_VENV", raising=False)
    module.repo, module.work, module.scope = repo, repo / "work", scope
    return module


def write_notebook(path, *sources, outputs=()):
    cells = [{"cell_type": "code", "source": source, "outputs": list(outputs)} for source in sources]
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), encoding="utf-8")


def sources(path):
    return [cell["source"] for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]


# ---------------------------------------------------------------- Python


def test_an_old_python_can_read_the_file():
    """No syntax newer than 3.8 and nothing evaluated at import that 3.8 lacks, so that it can say that it is too old."""
    text = (ROOT / "start.py").read_text(encoding="utf-8")
    ast.parse(text, feature_version=(3, 8))
    imported = {alias.name for node in ast.parse(text).body if isinstance(node, ast.Import) for alias in node.names}
    assert "tomllib" not in imported


def test_too_old_and_32_bit_pythons_get_one_sentence(start):
    with pytest.raises(start.Stop, match=r"Python 3.10 is too old: run start.py with Python 3.11"):
        start.check_python((3, 10, 4), True)
    with pytest.raises(start.Stop, match="64-bit"):
        start.check_python((3, 12, 0), False)
    start.check_python((3, 11, 0), True)


# ---------------------------------------------------------------- the learner's copies


def test_work_is_filled_once_and_an_edited_copy_stays(start):
    start.fill_work()
    mine = start.work / "lessons" / "02_up.ipynb"
    assert sources(mine) == ["# lessons 02_up"]
    write_notebook(mine, "# lessons 02_up", "my answer")
    assert start.fill_work() == []
    assert sources(mine) == ["# lessons 02_up", "my answer"]
    assert sorted(path.name for path in mine.parent.iterdir()) == ["00_start_here.ipynb", "02_up.ipynb"]


def test_a_copy_that_was_only_run_is_updated(start):
    start.fill_work()
    mine = start.work / "lessons" / "02_up.ipynb"
    write_notebook(mine, "# lessons 02_up", outputs=[{"output_type": "stream", "name": "stdout", "text": "4"}])
    write_notebook(start.repo / "lessons" / "02_up.ipynb", "# newer")
    start.fill_work()
    assert sources(mine) == ["# newer"]


def test_a_changed_original_is_offered_once_beside_an_edited_copy(start):
    start.fill_work()
    original, mine = start.repo / "lessons" / "02_up.ipynb", start.work / "lessons" / "02_up.ipynb"
    write_notebook(mine, "mine")
    for text, offered in [("second", "02_up.new.ipynb"), ("third", "02_up.new-2.ipynb")]:
        write_notebook(original, text)
        (news,) = start.fill_work()
        assert news.startswith("lessons/02_up.ipynb has a new version")
        assert news.endswith(offered)
        assert sources(mine.parent / offered) == [text]
        assert start.fill_work() == []
    assert sources(mine) == ["mine"]
    mine.write_bytes(original.read_bytes())  # the learner takes the new one; from now on it is updated again
    start.fill_work()
    write_notebook(original, "fourth")
    start.fill_work()
    assert sources(mine) == ["fourth"]


def test_deleted_damaged_and_unknown_copies(start):
    start.fill_work()
    mine = start.work / "lessons" / "02_up.ipynb"
    mine.unlink()
    start.fill_work()
    assert sources(mine) == ["# lessons 02_up"]
    mine.write_text("{half a notebook", encoding="utf-8")
    (start.work / ".copied.json").write_text("[damaged", encoding="utf-8")
    start.fill_work()
    assert mine.read_text(encoding="utf-8") == "{half a notebook"
    assert (start.work / "lessons" / "02_up.new.ipynb").exists()


def test_an_interrupted_copy_leaves_the_old_file(start, monkeypatch):
    start.fill_work()
    write_notebook(start.repo / "lessons" / "02_up.ipynb", "# newer")

    def full(source, target):
        Path(target).write_text("half", encoding="utf-8")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space left"):
        start.fill_work()
    assert sources(start.work / "lessons" / "02_up.ipynb") == ["# lessons 02_up"]


@pytest.mark.parametrize("number", ["02", "2"])
def test_reset_restores_lesson_and_exercise_and_keeps_a_backup(start, number, capsys):
    start.fill_work()
    for folder in ("lessons", "exercises"):
        write_notebook(start.work / folder / "02_up.ipynb", "mine")
    assert start.main(["reset", number]) == 0
    for folder in ("lessons", "exercises"):
        assert sources(start.work / folder / "02_up.ipynb") == [f"# {folder} 02_up"]
        (backup,) = (start.work / "backups" / folder).iterdir()
        assert sources(backup) == ["mine"]
        assert re.fullmatch(r"02_up\.\d{4}-\d\d-\d\d_\d{6}\.ipynb", backup.name)
    capsys.readouterr()
    start.main(["reset", number])  # nothing was edited: no second backup
    assert len(list((start.work / "backups" / "lessons").iterdir())) == 1


def test_reset_of_an_unknown_lesson_names_the_known_ones(start, capsys):
    assert start.main(["reset", "17"]) == 1
    assert capsys.readouterr().err == "start.py: reset 17: there is no such lesson; the numbers are 00, 02\n"


# ---------------------------------------------------------------- the environment

STUB = """#!/bin/sh
# An interpreter that does nothing: pip's calls are written down, and fail or succeed as the test says.
here="$(dirname "$0")"
case "$*" in
  *"import sys, pip"*) [ -f "$here/no-pip" ] && exit 1; echo 3.11 ;;
  *"-m pip install"*) echo "$*" >> "$here/calls"; cat "$here/says" 2>/dev/null; [ ! -f "$here/says" ] ;;
  *doctor.py*) echo "torch fits"; [ ! -f "$here/misfit" ] ;;
  *) echo "$*" >> "$here/calls" ;;
esac
"""


@pytest.fixture
def venv(start, tmp_path, monkeypatch):
    """A place for an environment, whose interpreter is the stub; `python -m venv` takes no time."""
    folder = tmp_path / "environment"
    run = subprocess.run

    def make(command, **options):
        if command[1:3] != ["-m", "venv"]:
            return run(command, **options)
        target = Path(command[3])
        (target / "bin").mkdir(parents=True, exist_ok=True)
        (target / "bin" / "python").write_text(STUB)
        (target / "bin" / "python").chmod(0o755)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", make)
    start.scope["reachable"] = lambda url: False
    monkeypatch.setattr(shutil, "disk_usage", lambda path: types.SimpleNamespace(free=99e9))
    return folder


def calls(venv):
    file = venv / "bin" / "calls"
    return file.read_text().splitlines() if file.exists() else []


@POSIX
def test_a_second_start_installs_nothing(start, venv):
    python = start.prepare(venv)
    assert len(calls(venv)) == 1
    assert "-c constraints.txt -r requirements.txt" in calls(venv)[0]
    assert start.prepare(venv) == python
    assert len(calls(venv)) == 1


@POSIX
def test_jupyterlab_asks_no_news_and_keeps_widgets_alive(start, venv):
    start.scope["settle_jupyterlab"](venv)
    page = json.loads((venv / "etc" / "jupyter" / "labconfig" / "page_config.json").read_text())
    settings = json.loads((venv / "share" / "jupyter" / "lab" / "settings" / "overrides.json").read_text())
    assert page["disabledExtensions"] == {"@jupyterlab/apputils-extension:announcements": True}
    assert settings["@jupyter-widgets/jupyterlab-manager:plugin"] == {"saveState": True}


@POSIX
def test_tests_add_their_packages_once(start, venv):
    start.prepare(venv)
    start.prepare(venv, dev=True)
    assert calls(venv)[-1].endswith("-e .[dev]")
    start.prepare(venv)
    start.prepare(venv, dev=True)
    assert len(calls(venv)) == 2


@POSIX
def test_changed_packages_are_installed_and_other_settings_are_not(start, venv):
    start.prepare(venv)
    project = start.repo / "pyproject.toml"
    project.write_text(project.read_text().replace("line-length = 120", "line-length = 119"))
    start.prepare(venv)
    assert len(calls(venv)) == 1
    (start.repo / "constraints.txt").write_text("torch==9.9\n")
    start.prepare(venv)
    assert len(calls(venv)) == 2


@POSIX
@pytest.mark.parametrize("broken", ["interrupted", "no interpreter", "no pip", "other Python", "other torch"])
def test_a_half_made_environment_is_made_anew(start, venv, broken):
    start.prepare(venv)
    (venv / "lib").mkdir()
    (venv / "lib" / "half").write_text("half a package")
    stamp = json.loads((venv / "course.json").read_text())
    if broken == "interrupted":
        (venv / "course.json").write_text('{"complete": false}')
    elif broken == "no interpreter":
        (venv / "bin" / "python").unlink()
    elif broken == "no pip":
        (venv / "bin" / "no-pip").touch()
    elif broken == "other Python":
        (venv / "course.json").write_text(json.dumps({**stamp, "python": "3.9"}))
    else:
        (venv / "course.json").write_text(json.dumps({**stamp, "torch": "another"}))
    start.prepare(venv, torch="default")
    assert not (venv / "lib").exists()
    assert len(calls(venv)) == 1
    assert json.loads((venv / "course.json").read_text()) == {**stamp, "torch": "default"}


@POSIX
def test_an_interrupt_while_installing_is_seen_by_the_next_start(start, venv, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setitem(start.scope, "install", interrupted)
    with pytest.raises(KeyboardInterrupt):
        start.prepare(venv)
    assert json.loads((venv / "course.json").read_text()) == {"complete": False}


@POSIX
def test_another_folder_is_never_emptied(start, venv):
    venv.mkdir()
    (venv / "thesis.txt").write_text("years of work")
    with pytest.raises(start.Stop, match="give --venv a new folder"):
        start.prepare(venv)
    assert [path.name for path in venv.iterdir()] == ["thesis.txt"]


@POSIX
def test_somebody_elses_environment_is_used_and_kept(start, venv):
    subprocess.run([sys.executable, "-m", "venv", venv])
    (venv / "theirs").touch()
    start.prepare(venv)
    assert (venv / "theirs").exists()
    assert len(calls(venv)) == 1


@POSIX
def test_two_at_once(start, venv):
    venv.mkdir()
    with start.only_one(venv), pytest.raises(start.Stop, match="is at work in"):
        start.prepare(venv)


@POSIX
def test_without_network_an_update_waits_and_a_first_start_says_so(start, venv, capsys):
    offline = "WARNING: Retrying after connection broken by 'NewConnectionError(...)'\nERROR: No matching distribution"
    start.prepare(venv)
    (venv / "bin" / "says").write_text(offline)
    stamp = (venv / "course.json").read_text()
    (start.repo / "constraints.txt").write_text("torch==9.9\n")
    start.prepare(venv)
    assert "going on with those from before" in capsys.readouterr().out
    assert (venv / "course.json").read_text() == stamp
    with pytest.raises(start.Offline, match="no package index can be reached"):
        start.prepare(venv, dev=True)


@POSIX
def test_torch_that_does_not_fit_is_an_unfinished_environment(start, venv):
    start.prepare(venv)
    (venv / "bin" / "misfit").touch()
    (start.repo / "constraints.txt").write_text("torch==9.9\n")
    with pytest.raises(start.Stop, match=r"torch fits; or try `start.py --torch"):
        start.prepare(venv)
    assert json.loads((venv / "course.json").read_text()) == {"complete": False}


@POSIX
def test_cpu_wheels_come_first_and_a_demand_for_them_fails_without(start, venv, monkeypatch, capsys):
    monkeypatch.setitem(start.scope, "wanted_torch", lambda choice: "cpu" if choice == "auto" else choice)
    with pytest.raises(start.Stop, match="use --torch default instead of --torch cpu"):
        start.prepare(venv, torch="cpu")
    start.prepare(venv)
    assert "taking the ordinary wheels" in capsys.readouterr().out
    assert json.loads((venv / "course.json").read_text())["torch"] == "default"
    monkeypatch.setitem(start.scope, "reachable", lambda url: True)
    start.prepare(venv, torch="cpu")
    assert [("--index-url" in call) for call in calls(venv)] == [True, False]
    assert json.loads((venv / "course.json").read_text())["torch"] == "cpu"


@POSIX
def test_a_python_without_ensurepip(start, venv, monkeypatch):
    def fail(command, **_):
        return subprocess.CompletedProcess(command, 1, "The virtual environment: ensurepip is not available", "")

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(start.Stop, match=r"apt install python3.\d+-venv"):
        start.prepare(venv)


@POSIX
def test_a_nearly_full_disk_stops_a_first_start_and_no_update(start, venv, monkeypatch):
    start.prepare(venv)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: types.SimpleNamespace(free=1e9))
    (start.repo / "constraints.txt").write_text("torch==9.9\n")
    start.prepare(venv)
    assert len(calls(venv)) == 2
    with pytest.raises(start.Stop, match=r"1.0 of 3 GB are free"):
        start.prepare(venv.with_name("another"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: types.SimpleNamespace(free=5e9))
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(start.Stop, match=r"5.0 of 9 GB are free"):
        start.prepare(venv.with_name("another"), torch="default")


# ---------------------------------------------------------------- sentences


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: [WinError 112] There is not enough space on the disk", "disk is full"),
        ("ERROR: [Errno 13] Permission denied: '/opt/x'", "cannot be written"),
        (
            "NameResolutionError: Temporary failure in name resolution\nNo matching distribution found for torch",
            "network",
        ),
        ("ERROR: No matching distribution found for torch==2.15.0", "no torch==2.15.0 is made for"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "PIP_CERT"),
        ("HINT: This error might be since Windows Long Path support is not enabled", "short folder"),
        ("ERROR: something that nobody foresaw", "something that nobody foresaw"),
    ],
)
def test_pips_failure_becomes_a_sentence_that_names_the_log(start, printed, said):
    message = str(start.explain(printed, Path("install.log")))
    assert said in message
    assert "install.log" in message


@pytest.mark.parametrize(
    ("number", "said"), [(28, "disk is full"), (13, "cannot be written"), (30, "cannot be written")]
)
def test_the_systems_errors_become_sentences(start, number, said, capsys, monkeypatch):
    def fail():
        raise OSError(number, os.strerror(number), "/some/folder")

    monkeypatch.setitem(start.scope, "check_python", fail)
    assert start.main([]) == 1
    message = capsys.readouterr().err
    assert said in message
    assert "/some/folder" in message
    assert message.count("\n") == 1


def test_grade_says_when_it_comes(start, capsys):
    assert start.main(["grade"]) == 1
    assert "trusted grader" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["reset", "lab 02", "--port 70000", "test --require gpu", "tset"])
def test_a_wrong_command_line_is_refused(start, line, capsys):
    assert start.main(line.split()) == 1
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith("start.py: ")


# ---------------------------------------------------------------- JupyterLab and the test command


def test_a_taken_port(start, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(start.Stop, match=f"port {port} is taken: give --port another number"):
            start.choose_port(port)
    assert start.choose_port(port) == port


def test_the_next_free_port_is_named(start, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        first = taken.getsockname()[1]
        port = start.choose_port(None, first)
    assert port > first
    assert capsys.readouterr().out == f"port {first} is taken: using {port}\n"


def test_children_see_none_of_the_users_package_settings(start, monkeypatch):
    for name in ("PYTHONPATH", "PIP_USER", "PIP_TARGET"):
        monkeypatch.setenv(name, "1")
    environment = start.child_environment(JUPYTER_TOKEN="secret")
    assert not {"PYTHONPATH", "PIP_USER", "PIP_TARGET"} & set(environment)
    assert environment["JUPYTER_TOKEN"] == "secret"


def test_the_parts_of_the_test_command():
    parts = runpy.run_path(str(ROOT / "tests" / "run.py"))["parts"]
    names = ["ruff", "drift", "unit", "parity", "graders", "browser", "notebooks"]
    whole = dict(parts(quick=False, require="data,browser"))
    assert list(whole) == names
    assert all(
        whole[name][0][-2:] == ["--require", "data,browser"] for name in ("unit", "parity", "graders", "browser")
    )
    assert {"lessons", "solutions", "exercises"} < set(whole["notebooks"][0])
    quick = dict(parts(quick=True, require=""))
    assert list(quick) == ["ruff", "drift", "unit", "graders", "notebooks"]
    assert quick["notebooks"][0][-1] == "lessons/00_start_here.ipynb"


def test_a_failing_part_does_not_stop_the_others_and_fails_the_whole(capfd):
    run = runpy.run_path(str(ROOT / "tests" / "run.py"))["run"]
    progress = "import os; assert os.environ['COURSE_PROGRESS'] and os.environ['OMP_NUM_THREADS'] == '1'"
    chosen = [("one", [["-c", "raise SystemExit(3)"], ["-c", "pass"]]), ("two", [["-c", progress]])]
    assert run(chosen) == 1
    printed = capfd.readouterr().out
    assert re.search(r"^one +\d+\.\d  FAILED$", printed, re.MULTILINE)
    assert printed.endswith("parts: 1 passed, 1 failed\n")
    assert run(chosen[1:]) == 0


# ---------------------------------------------------------------- the lists of packages


def test_requirements_are_those_of_pyproject_and_all_are_pinned(start):
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {part: set() for part in ("learner", "dev")}
    for part, lines in [("learner", project["dependencies"]), ("dev", project["optional-dependencies"]["dev"])]:
        names[part] = {re.match(r"[\w.-]+", line)[0].lower() for line in lines}
    listed = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and line[0] != "#"]
    assert listed[-1] == "-e ."
    assert {line.lower() for line in listed[:-1]} == names["learner"]
    pins = re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert names["learner"] | names["dev"] <= {name.lower() for name in pins}


def test_what_the_readme_promises_is_what_the_workflows_run():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^python (start\.py.*)$", readme, re.MULTILINE) == ["start.py", "start.py test"]
    assert "run: python start.py test\n" in (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
    assert "start.py test --require data,browser\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")

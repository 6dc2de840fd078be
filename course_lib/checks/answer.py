"""Calling a learner's answer: on copies, with its prints caught, and with its errors turned into words."""

import contextlib
import dis
import inspect
import io
import linecache
import sysconfig
import time
import types
from pathlib import Path

import numpy as np
import torch

from course_lib.checks.deadline import Overtime, deadline
from course_lib.grading.plain import Rejected, plain
from course_lib.grading.wire import Through

LIMIT = 10.0  # seconds that one call may take
MAX_PRINTED = 4000  # characters kept of what an answer prints
_FOLDERS = [Path(__file__).parents[1], *(Path(sysconfig.get_paths()[key]) for key in ("stdlib", "purelib", "platlib"))]
_NOT_THEIRS = tuple({str(folder) for folder in _FOLDERS} | {str(folder.resolve()) for folder in _FOLDERS})


class Failed(Exception):
    """A property does not hold: `why` in one sentence, and where it helps the input, what came back and what was wanted.

    given: dict of argument name -> value; got, want: any plain values. A free test raises it; `Answer` raises it too.
    """

    def __init__(self, why: str, given: dict | None = None, got=None, want=None):
        super().__init__(why)
        self.why, self.given, self.got, self.want = why, given, got, want


class Printed(io.TextIOBase):
    """A text file that keeps the first `MAX_PRINTED` characters and counts the others."""

    def __init__(self):
        self.kept, self.lost = "", 0

    def writable(self) -> bool:
        return True

    def write(self, text) -> int:
        room = MAX_PRINTED - len(self.kept)
        self.kept += text[:room]
        self.lost += max(0, len(text) - room)
        return len(text)

    def text(self) -> str:
        return self.kept + (f"\n... and {self.lost} more characters" if self.lost else "")


class Log:
    """What happened in all calls of one answer: prints, seconds, how many returned `...` (a stub), whether one was stopped."""

    def __init__(self):
        self.printed, self.seconds, self.calls, self.stubs, self.endless = Printed(), 0.0, 0, 0, False

    @contextlib.contextmanager
    def calling(self):
        """Catch prints and warnings, take the time, and put back what an answer may have set for everybody."""
        dtype, start = torch.get_default_dtype(), time.perf_counter()
        self.calls += 1
        try:
            with (
                contextlib.redirect_stdout(self.printed),
                contextlib.redirect_stderr(self.printed),
                torch.enable_grad(),
                np.errstate(),
                deadline(LIMIT),
            ):
                yield
        finally:
            self.seconds += time.perf_counter() - start
            torch.set_default_dtype(dtype)


class Answer:
    """What a question's properties call: the learner's function, or class, behind glass.

    Arguments go in as copies, so nothing the answer changes in place comes back; results come back as plain copies.
    `student(x=..., stride=2)` calls a function. If the answer is a class, the call makes an object whose methods are called the
    same way: `layer = student(channels=3); layer(x); layer.state_dict()`. Whatever goes wrong inside becomes `Failed`.
    """

    def __init__(self, answer, log: Log | None = None):
        self._answer, self._log = answer, log or Log()

    def __call__(self, *args, **kwargs):
        target = unwrapped(self._answer)
        given = _named(target, args, kwargs)
        args, kwargs = plain(args), plain(kwargs)
        if self._log.endless:
            raise Failed("not tried: an earlier call had to be stopped")
        try:
            with self._log.calling():
                result = self._answer(*args, **kwargs)
        except KeyboardInterrupt:
            raise
        except Overtime as error:
            self._log.endless = True
            raise Failed(
                f"it still ran after {LIMIT:.0f} s and was stopped{_place(error)}: does the loop end?", given
            ) from None
        except Rejected as error:  # behind the wire
            raise Failed(f"what it returned cannot be compared: {error}", given) from None
        except BaseException as error:  # SystemExit too: an answer must not end the notebook
            raise Failed(crash(error), given) from None
        if isinstance(target, type):
            return Answer(result, self._log)
        self._log.stubs += result is Ellipsis
        try:
            return plain(None if result is Ellipsis else result)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # Rejected; or an object that raises when it is looked at
            what = error if isinstance(error, Rejected) else f"looking at it raises {type(error).__name__}"
            raise Failed(f"what it returned cannot be compared: {what}", given) from None

    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return Answer(getattr(self._answer, name), self._log)
        except AttributeError:
            raise Failed(f"it has no method `{name}`") from None


def unwrapped(answer):
    """The learner's own object, also behind the wire."""
    while isinstance(answer, Through):
        answer = answer.__wrapped__
    return answer


def _named(target, args: tuple, kwargs: dict) -> dict:
    """The arguments of a call by name; Failed where the answer's parameters do not take them."""
    if not callable(target):
        raise Failed(f"the answer is a function or a class; this is {type(target).__name__}")
    try:
        signature = inspect.signature(target.forward if isinstance(target, torch.nn.Module) else target)
    except (ValueError, TypeError):
        return {f"argument {i}": arg for i, arg in enumerate(args, 1)} | kwargs
    try:
        return dict(signature.bind(*args, **kwargs).arguments)
    except TypeError:
        call = ", ".join(["..."] * len(args) + [f"{name}=..." for name in kwargs])
        raise Failed(
            f"it is called with ({call}), but its parameters are {signature}: keep the names of the exercise"
        ) from None


def crash(error: BaseException) -> str:
    """An exception in the learner's code in one sentence, with the last line of theirs that ran."""
    try:
        message = str(error).strip().split("\n")[0][:300]
    except BaseException:  # a message may raise in its turn
        message = ""
    return f"it stopped with {type(error).__name__}" + (f": {message}" if message else "") + _place(error)


def _place(error: BaseException) -> str:
    """The last line of the learner's that ran: " in line 3, `while queue:`", or nothing."""
    frame, place = error.__traceback__, ""
    for _ in range(100_000):
        if frame is None:
            break
        code = frame.tb_frame.f_code
        if not str(Path(code.co_filename)).startswith(_NOT_THEIRS):
            line = linecache.getline(code.co_filename, frame.tb_lineno, frame.tb_frame.f_globals).strip()
            place = f" in line {frame.tb_lineno}" + (f", `{line[:120]}`" if line else "")
        frame = frame.tb_next
    return place


def unattempted(answer) -> bool:
    """Whether an answer is missing or still the stub: None, `...`, or functions whose body is `...`, `pass` or a docstring."""
    answer = unwrapped(answer)
    if answer is None or answer is Ellipsis:
        return True
    if isinstance(answer, type):
        methods = [value for value in vars(answer).values() if isinstance(value, types.FunctionType)]
        return all(_blank(method) or _only_super(method) for method in methods)
    return isinstance(answer, types.FunctionType) and _blank(answer)


def _blank(function: types.FunctionType) -> bool:
    if function.__code__.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE):
        return False
    for step in dis.get_instructions(function):
        if step.opname in ("LOAD_CONST", "RETURN_CONST") and step.argval is not None and step.argval is not Ellipsis:
            return False
        if step.opname == "LOAD_GLOBAL" and step.argval != "NotImplementedError":
            return False
        if step.opname.startswith(
            ("LOAD_FAST", "LOAD_DEREF", "STORE", "BINARY", "BUILD", "IMPORT", "MAKE", "LOAD_SMALL")
        ):
            return False
    return True


def _only_super(method: types.FunctionType) -> bool:
    return method.__name__ == "__init__" and set(method.__code__.co_names) <= {"super", "__init__"}

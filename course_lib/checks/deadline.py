"""A time limit for a call in the main thread, on every operating system: an endless loop becomes a sentence."""

import _thread
import contextlib
import signal
import threading
from collections.abc import Iterator

AGAIN = 1.0  # seconds until the next interrupt, should the first be swallowed by a bare `except:`


class Overtime(Exception):
    """The call was still running at its deadline."""


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Interrupt what runs inside after `seconds` and raise Overtime, with the traceback of where it stood.

    The interrupt is Python's own (as by Ctrl-C), so it comes between two steps of Python code, never inside one call of a compiled
    library; and it reaches the main thread alone: elsewhere there is no limit. A real Ctrl-C stays a KeyboardInterrupt. Inside, interrupts
    are heard even where the process ignores them, as one that a script started in the background does.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    lock, done, late = threading.Lock(), threading.Event(), threading.Event()

    def watch():
        wait = seconds
        while not done.wait(wait):
            with lock:
                if not done.is_set():
                    late.set()
                    _thread.interrupt_main()
            wait = AGAIN

    handler = signal.getsignal(signal.SIGINT)
    deaf = handler in (signal.SIG_IGN, signal.SIG_DFL)
    if deaf:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        try:
            yield
        finally:
            with lock:  # from here on nobody interrupts
                done.set()
    except KeyboardInterrupt as interrupt:
        done.set()
        if late.is_set():
            raise Overtime().with_traceback(interrupt.__traceback__) from None
        raise
    finally:
        if deaf:
            signal.signal(signal.SIGINT, handler)

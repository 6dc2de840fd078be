import signal
import threading
import time

import numpy as np
import pytest

from course_lib.checks import answer as answers
from course_lib.checks.core import Property, Question, judge
from course_lib.checks.deadline import Overtime, deadline


def endless():
    while True:
        pass


def swallows():
    while True:
        try:
            endless()
        except:  # noqa: E722  what a learner may write
            if time.perf_counter() - swallows.begun > 0.3:
                raise


def test_an_endless_loop_is_stopped_where_it_stands():
    with pytest.raises(Overtime) as caught, deadline(0.05):
        endless()
    assert caught.traceback[-1].name == "endless"


def test_a_process_that_ignores_interrupts_hears_this_one_and_ignores_them_afterwards():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(Overtime), deadline(0.05):
            endless()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_bare_except_does_not_escape(monkeypatch):
    monkeypatch.setattr("course_lib.checks.deadline.AGAIN", 0.05)
    swallows.begun = time.perf_counter()
    with pytest.raises(Overtime), deadline(0.05):
        swallows()


def test_what_ends_in_time_is_left_alone_and_nothing_comes_later():
    for _ in range(50):
        with deadline(30):
            pass
    with pytest.raises(ZeroDivisionError), deadline(30):
        _ = 1 / 0


def test_a_real_interrupt_stays_one():
    with pytest.raises(KeyboardInterrupt), deadline(30):
        raise KeyboardInterrupt


def test_other_threads_have_no_limit():
    seen = []

    def work():
        with deadline(0.001):
            seen.append(sum(range(100_000)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [sum(range(100_000))]


def test_a_check_ends_after_one_stopped_call_and_says_where(monkeypatch):
    monkeypatch.setattr(answers, "LIMIT", 0.1)
    calls = []

    def visit(n):
        calls.append(n)
        queue = [n]
        while queue:
            queue.append(queue.pop())
        return 0

    def properties(student, rng):
        for claim in ("it counts", "it counts again"):
            yield Property(claim, cases=[{"n": 1}, {"n": 2}], reference=lambda n: n)

    report = judge(Question("visit", "Visit", 2, properties), visit)
    first, second = report.outcomes
    assert first.why.startswith("it still ran after 0 s and was stopped in line ")
    assert "queue" in first.why
    assert first.given == {"n": 1}
    assert second.why == "not tried: an earlier call had to be stopped"
    assert len(calls) == 1
    assert report.points == 0
    assert judge(Question("visit", "Visit", 2, properties), lambda n: np.int64(n)).points == 2

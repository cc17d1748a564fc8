"""Time of a PyTorch network's modules, on one thread."""

from __future__ import annotations

import time

from oxidizedvision.convert.network import one_thread
from oxidizedvision.profile.network.subject import Subject
from oxidizedvision.profile.network.watch import Watch
from oxidizedvision.profile.runs import Run, Times, clocked, repeated, warmed_up


def time_modules(subject: Subject) -> Times:
    """Run the network on one thread: warm-up, then runs with and without hooks.

    Parts are the modules by name, each without its children. The clock is the thread's own, which
    stands still while other programs have the processor.
    """

    def plain() -> Run:
        return clocked(subject.run)

    def watched() -> Run:
        with Watch(subject.module, time.thread_time_ns) as watch:
            subject.run()
        return Run(watch.whole / 1e6, {name: ns / 1e6 for name, ns in watch.own.items()})

    with one_thread():
        warmed_up(subject.run)
        return Times(repeated(plain), repeated(watched))

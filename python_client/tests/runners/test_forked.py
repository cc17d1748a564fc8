"""A forked process loads and runs models of its own, or is told why not; it never waits forever."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import textwrap

import pytest
from tiny_network import Artifact

from oxidizedvision.core.engines import NATIVE_ENGINES, NativeEngine
from oxidizedvision.runners import availability

READY = [engine for engine in NATIVE_ENGINES if availability(engine.name).ready]
PROGRAM = """
    import multiprocessing
    import sys
    import numpy as np
    from oxidizedvision import OxidizedVisionError, load

    model, engine = sys.argv[1:]
    array = np.ones((1, 3, 8, 12), np.float32)
    inherited = load(model, runner=engine)
    inherited.run(array)

    def told(work, answers):
        try:
            work()
            answers.put("works")
        except OxidizedVisionError as error:
            answers.put(error.kind)

    fork = multiprocessing.get_context("fork")
    for work in (lambda: inherited.run(array), lambda: load(model, runner=engine).run(array)):
        answers = fork.SimpleQueue()
        child = fork.Process(target=told, args=(work, answers))
        child.start()
        child.join(30)
        print("hangs" if child.is_alive() else answers.get())
        child.kill()
"""


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system does not fork"
)
@pytest.mark.parametrize("engine", READY, ids=lambda engine: engine.name)
def test_a_fork_ends_in_an_answer(engine: NativeEngine, tiny_shared: Artifact) -> None:
    model = tiny_shared.torchscript if engine.file_format == "pt" else tiny_shared.onnx
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(model), engine.name],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    refused = "backend_unavailable"
    assert done.stdout.split() == [refused, "works" if engine.forks else refused]

"""mosec: one stage of Python processes behind its own web layer, with its dynamic batching."""

from __future__ import annotations

import sys

from mosec import Server, Worker

from benchmarks.peers.settings import load_model, read_settings
from benchmarks.peers.vision import stacked

_TIMEOUT_MS = 120_000


class PictureWorker(Worker):
    """Pictures in, answers out; a list of them where batches are allowed."""

    def __init__(self) -> None:
        super().__init__()
        self._model = load_model()
        self.resp_mime_type = self._model.media_type

    def deserialize(self, data: bytearray) -> bytearray:
        """The body as it came."""
        return data

    def serialize(self, data: bytes) -> bytes:
        """The answer as it goes."""
        return data

    def forward(self, data: bytearray | list[bytearray]) -> bytes | list[bytes]:
        """One picture, or as many as waited."""
        if not isinstance(data, list):
            return self._model.predict(data)
        outputs = self._model.outputs(stacked([self._model.tensor(body) for body in data]))
        return [self._model.answer(outputs[place : place + 1]) for place in range(len(data))]


if __name__ == "__main__":
    settings = read_settings(__doc__)
    # It reads the command line itself.
    sys.argv[1:] = ["--address", "127.0.0.1", "--port", str(settings.port)]
    sys.argv += ["--timeout", str(_TIMEOUT_MS), "--log-level", "warning"]
    server = Server()
    server.append_worker(PictureWorker, num=settings.workers, max_batch_size=settings.batch)
    server.run()

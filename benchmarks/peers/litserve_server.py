"""LitServe: its API process before worker processes, with its batching where it is asked for.

It reads the types of `decode_request` and `encode_response` itself, so they must not be postponed.
"""

import litserve
from fastapi import Response, UploadFile

from benchmarks.peers.settings import KEEP_ALIVE_S, load_model, read_settings
from benchmarks.peers.vision import Array, stacked

_TIMEOUT_S = 120


class PictureAPI(litserve.LitAPI):
    """A file of a form in, its classes or a picture out."""

    def setup(self, device: str) -> None:
        """Load the model, in the worker's process."""
        del device
        self._model = load_model()

    def decode_request(self, request: UploadFile) -> Array:
        """The input of one picture."""
        return self._model.tensor(request.file.read())

    def batch(self, inputs: list[Array]) -> Array:
        """Inputs that waited, as one."""
        return stacked(inputs)

    def predict(self, x: Array) -> Array:
        """The network's output."""
        return self._model.outputs(x)

    def unbatch(self, output: Array) -> list[Array]:
        """The output of each picture."""
        return [output[place : place + 1] for place in range(len(output))]

    def encode_response(self, output: Array) -> Response:
        """What it means."""
        return Response(self._model.answer(output), media_type=self._model.media_type)


if __name__ == "__main__":
    settings = read_settings(__doc__)
    server = litserve.LitServer(
        PictureAPI(max_batch_size=settings.batch),
        accelerator="cpu",
        workers_per_device=settings.workers,
        timeout=_TIMEOUT_S,
    )
    server.run(
        host="127.0.0.1",
        port=settings.port,
        generate_client_file=False,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_S,
    )

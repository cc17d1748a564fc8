"""MLServer's part that is ours to write: a runtime that takes pictures in base64."""

from __future__ import annotations

import base64

from mlserver import MLModel
from mlserver.codecs import Base64Codec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers.settings import load_model


class PictureRuntime(MLModel):  # type: ignore[misc]
    """One picture as a BYTES input; classes as text, or a picture in base64."""

    async def load(self) -> bool:
        """Load the model, in the worker's process."""
        self._vision = load_model()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """A picture in, its classes or a picture out."""
        (body,) = self.decode(payload.inputs[0], default_codec=Base64Codec)
        answer = self._vision.predict(body)
        if self._vision.media_type == "image/png":
            answer = base64.b64encode(answer)
        output = StringCodec.encode_output("answer", [answer.decode()])
        return InferenceResponse(model_name=self.name, outputs=[output])

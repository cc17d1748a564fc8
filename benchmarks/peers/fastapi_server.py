"""FastAPI under uvicorn: the model is loaded by the lifespan, the work done in the thread pool."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import uvicorn
from fastapi import Body, FastAPI, Request, Response

from benchmarks.peers.settings import KEEP_ALIVE_S, load_model, read_settings


@asynccontextmanager
async def lifespan(served: FastAPI) -> AsyncIterator[None]:
    """Load the model before the first request."""
    served.state.model = load_model()
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/health")
def health() -> dict[str, str]:
    """Answers once the model is loaded."""
    return {"status": "ok"}


@app.post("/predict")
def predict(request: Request, body: Annotated[bytes, Body(media_type="image/jpeg")]) -> Response:
    """A picture in, its classes or a picture out."""
    model = request.app.state.model
    return Response(model.predict(body), media_type=model.media_type)


if __name__ == "__main__":
    settings = read_settings(__doc__)
    uvicorn.run(
        "benchmarks.peers.fastapi_server:app",
        port=settings.port,
        workers=settings.workers,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_S,
    )

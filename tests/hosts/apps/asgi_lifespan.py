"""FastAPI; the gateway is stopped at the end of the lifespan."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from telemetry_actors import get_gateway
from tests.hosts.apps.work import hold_async, who, work


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    with get_gateway():
        yield


app = FastAPI(lifespan=_lifespan)


@app.get("/who", response_class=PlainTextResponse)
async def _who() -> str:
    return who()


@app.get("/work/{app_id}", response_class=PlainTextResponse)
async def _work(app_id: str) -> str:
    return work(app_id)


@app.get("/hold/{app_id}", response_class=PlainTextResponse)
async def _hold(app_id: str) -> str:
    return await hold_async(app_id)

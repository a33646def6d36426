"""Applications with the ASGI kit: FastAPI, Starlette, and two that know nothing of a lifespan."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telemetry_actors.hosts import asgi
from tests.hosts.apps.work import begin, is_released, who, work

__all__ = ["around", "fastapi", "ignoring", "own", "raising"]


async def hold(app_id: str) -> str:
    """Also on trio."""
    begin(app_id)
    while not is_released():
        await anyio.sleep(0.005)
    return work(app_id)


fastapi = FastAPI(lifespan=asgi.lifespan)


@fastapi.get("/who", response_class=PlainTextResponse)
async def _who() -> str:
    return who()


@fastapi.get("/work/{app_id}", response_class=PlainTextResponse)
async def _work(app_id: str) -> str:
    return work(app_id)


@fastapi.get("/hold/{app_id}", response_class=PlainTextResponse)
async def _hold(app_id: str) -> str:
    return await hold(app_id)


async def _answer(request: Request) -> Response:
    return PlainTextResponse(await _answer_to(request.url.path))


_ROUTES = [Route("/who", _answer), Route("/{what}/{app_id}", _answer)]


async def _answer_to(path: str) -> str:
    _, what, *more = path.split("/")
    return await hold(*more) if what == "hold" else {"who": who, "work": work}[what](*more)


async def _bare(scope, receive, send) -> None:
    body = await _answer_to(scope["path"])
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})


async def _raising(scope, receive, send) -> None:
    if scope["type"] != "http":
        raise ValueError(f"can't handle {scope['type']}")
    await _bare(scope, receive, send)


async def _ignoring(scope, receive, send) -> None:
    if scope["type"] == "http":
        await _bare(scope, receive, send)


@asynccontextmanager
async def _own(app: Starlette) -> AsyncIterator[None]:
    yield
    await anyio.sleep(0.05)  # it takes its time, and only then the last event comes
    work("the last one")


raising = asgi.wrap(_raising)
ignoring = asgi.wrap(_ignoring)
around = asgi.wrap(Starlette(lifespan=_own, routes=_ROUTES))
own = Starlette(lifespan=asgi.lifespan_of(_own), routes=_ROUTES)

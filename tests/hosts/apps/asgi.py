"""Starlette, without a word about telemetry's end."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.hosts.apps.work import hold_async, who, work

__all__ = ["ROUTES", "app"]


async def _who(request: Request) -> PlainTextResponse:
    return PlainTextResponse(who())


async def _work(request: Request) -> PlainTextResponse:
    return PlainTextResponse(work(request.path_params["app_id"]))


async def _hold(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await hold_async(request.path_params["app_id"]))


ROUTES = [Route("/who", _who), Route("/work/{app_id}", _work), Route("/hold/{app_id}", _hold)]
app = Starlette(routes=ROUTES)

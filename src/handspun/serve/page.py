"""The chat page: its files as browsers get them, and the policy that keeps everything else out."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from fastapi import APIRouter, HTTPException, Request, Response

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
"""Nothing from elsewhere, nothing inline, and no text that becomes markup: what a model says is not trusted."""

KINDS = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
HEADERS = {"Cache-Control": "no-cache", "Content-Security-Policy": POLICY}
VARY = {"Vary": "Accept, Origin"}
GREETING = "Ollama is running"
"""What `/` answers to a client that is no browser: some look for Ollama's own words."""


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file of the page."""

    data: bytes
    kind: str
    etag: str


def router() -> APIRouter:
    """The page at `/`, for browsers; its files below `/page/`."""
    routes = APIRouter(include_in_schema=False)

    @routes.api_route("/", methods=["GET", "HEAD"])
    async def root(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return answer(request, page_files()["index.html"], VARY)
        return Response(GREETING, media_type="text/plain", headers=VARY)

    @routes.api_route("/page/{name}", methods=["GET", "HEAD"])
    async def file(request: Request, name: str) -> Response:
        if name not in page_files():
            raise HTTPException(404, f"the page has no file {name}.")
        return answer(request, page_files()[name], {})

    return routes


@cache
def page_files() -> Mapping[str, PageFile]:
    """Every file of the page, by name."""
    folder = files("handspun.serve") / "pages"
    return {file.name: page_file(file.name, file.read_bytes()) for file in folder.iterdir()}


def page_file(name: str, data: bytes) -> PageFile:
    """A file with what browsers want to know of it."""
    return PageFile(data, KINDS[name.rpartition(".")[2]], f'"{hashlib.sha256(data).hexdigest()[:32]}"')


def answer(request: Request, file: PageFile, more_headers: Mapping[str, str]) -> Response:
    """The file, or 304 where the browser has it already."""
    headers = {**HEADERS, **more_headers, "ETag": file.etag}
    known = {etag.strip().removeprefix("W/") for etag in request.headers.get("if-none-match", "").split(",")}
    if file.etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(file.data, media_type=file.kind, headers=headers)

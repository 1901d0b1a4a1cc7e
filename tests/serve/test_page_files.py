"""The files of the chat page are served as browsers want them, and only those."""

import re

import pytest
from live import Live

from handspun.serve.page import GREETING, KINDS, page_files

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_a_browser_gets_the_page_and_any_other_client_a_greeting(live: Live) -> None:
    with live.client as client:
        page, greeting = client.get("/", headers=BROWSER), client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8" and page.text.startswith("<!doctype html>")
    assert greeting.text == GREETING
    assert page.headers["vary"].startswith("Accept") and greeting.headers["vary"].startswith("Accept")


@pytest.mark.parametrize("name", sorted(page_files()))
def test_every_file_comes_with_its_kind_a_policy_and_an_etag(name: str, live: Live) -> None:
    with live.client as client:
        answer = client.get(f"/page/{name}")
        again = client.get(f"/page/{name}", headers={"If-None-Match": answer.headers["etag"]})
        changed = client.get(f"/page/{name}", headers={"If-None-Match": '"another"'})
        head = client.head(f"/page/{name}")
    assert answer.content == page_files()[name].data
    assert answer.headers["content-type"] == KINDS[name.rpartition(".")[2]]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (again.status_code, again.content, changed.status_code) == (304, b"", 200)
    assert (head.status_code, head.content) == (200, b"") and head.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize("name", ["page.py", "..%2fpage.py", "%2e%2e/page.py", "nothing.js", ""])
def test_nothing_but_the_files_of_the_page_is_served(name: str, live: Live) -> None:
    with live.client as client:
        assert client.get(f"/page/{name}").status_code == 404


def test_the_policy_lets_nothing_in_from_elsewhere(live: Live) -> None:
    with live.client as client:
        policy = client.get("/", headers=BROWSER).headers["content-security-policy"]
    directives = dict(directive.split(" ", 1) for directive in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert {directives[kind] for kind in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert "unsafe" not in policy and "http" not in policy


def test_the_page_names_no_other_place_and_writes_no_markup() -> None:
    for name, file in page_files().items():
        text = file.data.decode()
        addresses = set(re.findall(r"https?://[^\"'\s]+", text)) - {"http://www.w3.org/2000/svg"}
        assert not addresses, name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|\bon\w+=\"| style=\"", text), name


def test_every_file_that_is_asked_for_is_there() -> None:
    text = {name: file.data.decode() for name, file in page_files().items()}
    imported = {name for source in text.values() for name in re.findall(r'(?:from|import\() ?"\./([\w-]+\.js)"', source)}
    linked = set(re.findall(r'"page/([\w.-]+)"', text["index.html"]))
    assert imported | linked | {"index.html"} == set(text)

"""Pages of strangers cannot reach a server through a name of theirs, and nobody off this machine without the key."""

import pytest

from handspun.errors import RefusedError
from handspun.serve.allowed import Allowed

KEY = "correct horse battery"


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:11434",
        "LOCALHOST",
        "app.localhost",
        "127.0.0.1:80",
        "[::1]:11434",
        "192.168.1.5",
        "chat.example:443",
    ],
)
def test_names_of_this_machine_addresses_and_configured_hosts_are_known(host: str) -> None:
    assert Allowed("127.0.0.1", ["chat.example"]).knows(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "sub.chat.example",
        "",
        "localhost@evil.example",
        "[",
        "::1",
    ],
)
def test_any_other_name_is_not(host: str) -> None:
    assert not Allowed("127.0.0.1", ["chat.example"]).knows(host)


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",
        "http://localhost:3000",
        "http://127.0.0.1:8080",
        "http://[::1]",
        "https://chat.example",
        "http://192.168.1.5:11434",
    ],
)
def test_pages_of_this_machine_of_the_server_and_of_configured_hosts_may_ask(origin: str) -> None:
    assert Allowed("127.0.0.1", ["chat.example"]).trusts(origin, "192.168.1.5:11434")


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://192.168.1.5:80",
        "http://192.168.1.6:11434",
        "file://",
        "ftp://localhost",
        "http://[",
        "",
    ],
)
def test_other_pages_may_not(origin: str) -> None:
    assert not Allowed("127.0.0.1", ["chat.example"]).trusts(origin, "192.168.1.5:11434")


def test_the_key_is_asked_of_everybody_where_there_is_one() -> None:
    allowed = Allowed("127.0.0.1", api_key=KEY)
    assert allowed.admits(f"Bearer {KEY}") and allowed.admits(f"bearer  {KEY} ")
    for wrong in ("", KEY, f"Basic {KEY}", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", "Bearer ", "Bearer ä"):
        assert not allowed.admits(wrong)
    assert Allowed("127.0.0.1").admits("")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "chat.example"])
def test_other_machines_are_let_in_with_a_key_only(host: str) -> None:
    with pytest.raises(RefusedError, match=f"--host {host} lets other machines in, and there is no API key"):
        Allowed(host)
    assert Allowed(host, api_key=KEY).knows("chat.example") == (host == "chat.example")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.5", "::1", "localhost"])
def test_this_machine_needs_none(host: str) -> None:
    assert Allowed(host).admits("")


@pytest.mark.parametrize("key", ["short", "x" * 15, "x" * 16 + "ä", "x" * 16 + "\n"])
def test_a_key_that_can_be_guessed_or_not_be_sent_is_refused(key: str) -> None:
    with pytest.raises(RefusedError, match="must be 16 or more printable ASCII characters"):
        Allowed("127.0.0.1", api_key=key)

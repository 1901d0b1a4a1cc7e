"""A port is free, or somebody has it."""

import os
import socket
import sys

import pytest

from handspun.port import is_port_free, port_owner


def test_a_port_that_is_listened_on_is_not_free_and_free_again_afterwards() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_port_free(port)
    assert is_port_free(port)
    assert port_owner(port) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who owns a socket")
def test_the_owner_of_a_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        owner = port_owner(server.getsockname()[1])
    assert owner is not None
    assert owner.pid == os.getpid()
    assert "python" in owner.command or "pytest" in owner.command

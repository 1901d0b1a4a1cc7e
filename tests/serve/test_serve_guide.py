"""What the guide to serving tells to type works on a server."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from live import Live

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "serve.md"


def blocks(language: str, live: Live) -> list[str]:
    """The blocks in a language, for this server and its model."""
    text = GUIDE.read_text(encoding="utf-8").replace("http://127.0.0.1:11434", live.url).replace("quickstart", "tiny")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(4))
def test_the_python_of_the_guide_runs(number: int, reader: Live) -> None:
    source = blocks("python", reader)[number]
    ended = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")  # a tiny model may well have nothing to say


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl: apt install curl")
@pytest.mark.parametrize(("number", "n_requests"), [(0, 4), (1, 3)])
def test_every_request_with_curl_is_answered(number: int, n_requests: int, reader: Live) -> None:
    script = [script for script in blocks("sh", reader) if "curl " in script][number]
    requests = re.split(r"^(?=curl )", script, flags=re.MULTILINE)[1:]
    assert len(requests) == n_requests
    for request in requests:
        command = request.replace("curl ", "curl --silent --show-error --fail ", 1)
        ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stderr
        assert all(json.loads(line) for line in ended.stdout.splitlines())

"""Schemathesis, which asks what the OpenAPI schema allows and what it forbids, finds nothing wrong with the answers."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from live import Live

HOOKS = Path(__file__).with_name("schemathesis_hooks.py")


def explored(live: Live, folder: Path, *arguments: str) -> str:
    """What schemathesis says after a run in `folder`."""
    command = [Path(sys.executable).with_name("schemathesis"), "--no-color", "run", f"{live.url}/openapi.json"]
    settings = ["--generation-database", "none", "--warnings", "off", "--continue-on-failure", *arguments]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS)}
    done = subprocess.run([*command, *settings], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def n_requests(report: str) -> int:
    """How many requests were made."""
    found = re.search(r"([\d,]+) generated", report)
    assert found, report
    return int(found[1].replace(",", ""))


@pytest.mark.slow
def test_nothing_is_found_in_a_few_hundred_requests(serve: Callable[..., Live], docs: Path, tmp_path: Path) -> None:
    report = explored(serve(indexes=[docs]), tmp_path, "--phases", "fuzzing", "--max-examples", "20", "--seed", "1")
    assert n_requests(report) >= 200


@pytest.mark.slow
@pytest.mark.skipif("HANDSPUN_TEN_THOUSAND" not in os.environ, reason="ten minutes: run where HANDSPUN_TEN_THOUSAND is set")
def test_nothing_is_found_in_ten_thousand_requests(serve: Callable[..., Live], docs: Path, tmp_path: Path) -> None:
    report = explored(serve(indexes=[docs]), tmp_path, "--max-examples", "450")
    assert n_requests(report) >= 10_000

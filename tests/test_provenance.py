"""A result says where it came from."""

import json
import platform
import subprocess
from pathlib import Path

from handspun.provenance import collect, commit_of


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a test", "-c", "user.email=test@localhost")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_provenance_is_json_and_names_seed_versions_command_and_data() -> None:
    facts = json.loads(json.dumps(collect(seed=7, machine={"cpu": "abacus"}, data={"train.jsonl": "00ff"})))
    assert facts["seed"] == 7
    assert facts["versions"]["python"] == platform.python_version()
    assert facts["machine"] == {"cpu": "abacus"}
    assert facts["load"] >= 0
    assert facts["data"] == {"train.jsonl": "00ff"}
    assert facts["command"]


def test_a_commit_is_named_only_for_files_that_git_tracks(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "__init__.py").write_text("")
    assert commit_of(tmp_path) is None
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "one file")
    commit = commit_of(tmp_path)
    assert commit is not None and len(commit) == 40
    (tmp_path / "__init__.py").write_text("changed = True")
    assert commit_of(tmp_path) == f"{commit}+changes"

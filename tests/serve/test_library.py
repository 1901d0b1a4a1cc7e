"""What can be asked for by name: runs, what was quantized of them, and what was created from them."""

import json
import shutil
from pathlib import Path

import pytest

from handspun.cli.app import run
from handspun.errors import CheckpointError, DamagedFileError, ModelNotFoundError, RefusedError, RunError
from handspun.files import read_json, write_json
from handspun.runs import Run
from handspun.serve.entry import tagged
from handspun.serve.library import Library, finished_runs


@pytest.fixture
def library(finished_run: Path, tmp_path: Path) -> Library:
    return Library([Run(finished_run)], created=tmp_path / "served")


def test_a_run_is_served_under_its_folder_and_tells_what_it_is_without_being_loaded(library: Library) -> None:
    (entry,) = library.entries()
    assert (entry.name, entry.short_name, entry.base) == ("tiny:latest", "tiny", None)
    assert library.entry("tiny") == library.entry("tiny:latest") == entry
    weights = library.runs["tiny"].finished / "00000004" / "model.safetensors"
    assert entry.size_bytes >= weights.stat().st_size > 4 * entry.n_params
    assert (entry.max_seq_len, entry.quantization, entry.generate.max_new_tokens) == (128, "F32", 12)
    assert len(entry.digest) == 64


@pytest.mark.parametrize(
    ("name", "whole"), [("a", "a:latest"), ("a:b", "a:b"), ("host:80/a", "host:80/a:latest"), ("x/a:b", "x/a:b")]
)
def test_a_name_without_a_tag_means_the_latest(name: str, whole: str) -> None:
    assert tagged(name) == whole


def test_a_created_name_adds_to_its_base_and_is_there_after_a_restart(library: Library, finished_run: Path) -> None:
    library.create("mario", "tiny", system="You are Mario.", options={"temperature": 0.5})
    library.create("luigi", "mario", options={"top_k": 3})
    again = Library([Run(finished_run)], created=library.aliases.folder)
    luigi, tiny = again.entry("luigi"), again.entry("tiny")
    assert (luigi.system, luigi.options) == ("You are Mario.", {"temperature": 0.5, "top_k": 3})
    assert (luigi.base, luigi.weights) == ("tiny:latest", tiny.weights)
    assert len({luigi.digest, tiny.digest, again.entry("mario").digest}) == 3
    assert [entry.name for entry in again.entries()] == ["tiny:latest", "luigi:latest", "mario:latest"]


def test_a_created_name_is_deleted_and_a_trained_one_is_not(library: Library) -> None:
    library.create("mario", "tiny")
    library.delete("mario")
    with pytest.raises(ModelNotFoundError):
        library.delete("mario")
    with pytest.raises(RefusedError, match='"tiny" is a trained model and is not deleted over the network'):
        library.delete("tiny")
    with pytest.raises(RefusedError, match='"tiny" is a trained model and cannot be replaced'):
        library.create("tiny:latest", "tiny")
    assert library.entry("tiny")


@pytest.mark.parametrize("name", ["", "../up", ".hidden", "a b", "a" * 129, "a:b:c", "a/b/c/d", "-x", "ä"])
def test_a_name_that_could_be_a_path_or_is_unreadable_is_refused(library: Library, name: str) -> None:
    with pytest.raises(RefusedError, match="is no name of a model"):
        library.create(name, "tiny")
    assert not library.aliases.folder.exists()


def test_a_system_message_has_a_largest_size(library: Library) -> None:
    with pytest.raises(RefusedError, match="exceed 256 KiB"):
        library.create("mario", "tiny", system="x" * (1 << 18))


def test_a_damaged_file_takes_its_own_name_from_the_list_and_no_other(library: Library) -> None:
    library.create("mario", "tiny")
    path = library.aliases.path("mario:latest")
    path.write_text(path.read_text().replace("tiny", "tinx"))
    assert [entry.name for entry in library.entries()] == ["tiny:latest"]
    with pytest.raises(DamagedFileError):
        library.entry("mario")


def test_a_run_that_is_trained_on_is_served_as_it_is_now(run_copy: Path, tmp_path: Path) -> None:
    library = Library([Run(run_copy)], created=tmp_path / "served")
    tuned = library.entry("tiny")
    shutil.rmtree(run_copy / "tuned")
    assert library.entry("tiny").weights != tuned.weights
    shutil.rmtree(run_copy / "checkpoints")
    with pytest.raises(CheckpointError, match="holds no checkpoint; train first"):
        library.entry("tiny")
    assert library.entries() == []


def test_trained_models_come_before_created_ones_in_the_order_they_were_named(
    finished_run: Path, run_copy: Path, tmp_path: Path
) -> None:
    other = run_copy.rename(tmp_path / "aaa")
    write_json(other / "quantized" / "int8" / "manifest.json", {})
    library = Library([Run(finished_run), Run(other)], created=tmp_path / "served")
    library.create("a/bot:v1", "tiny")
    assert library.names() == ["tiny:latest", "aaa:latest", "aaa:int8", "a/bot:v1"]


def test_of_a_run_only_the_schemes_that_were_named_are_served(run_copy: Path, tmp_path: Path) -> None:
    for scheme in ("int4", "int8"):
        write_json(run_copy / "quantized" / scheme / "manifest.json", {})
    library = Library([Run(run_copy)], created=tmp_path / "served", schemes={run_copy: {"int8"}})
    assert library.trained_names() == ["tiny:int8"]
    for name in ("tiny", "tiny:int4"):
        with pytest.raises(ModelNotFoundError, match="served here: tiny:int8"):
            library.entry(name)


def test_runs_of_one_name_are_refused(finished_run: Path, run_copy: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="would have the same name; rename one of the folders"):
        Library([Run(finished_run), Run(run_copy)], created=tmp_path / "served")
    Library([Run(finished_run), Run(finished_run)], created=tmp_path / "served")


def test_only_runs_that_were_trained_to_the_end_are_served_unasked(run_copy: Path, tmp_path: Path) -> None:
    folder = run_copy.parent
    assert [run.path.name for run in finished_runs(folder)] == ["tiny"]
    stages = read_json(run_copy / "stages.json")["stages"]
    write_json(run_copy / "stages.json", {"stages": {**stages, "tune": {**stages["tune"], "finished": None}}})
    assert finished_runs(folder) == []
    (run_copy / "stages.json").write_text(json.dumps({"stages": {}}))
    assert finished_runs(folder) == []
    assert Library([Run(run_copy)], created=tmp_path / "served").entry("tiny")


def test_what_was_quantized_of_an_older_checkpoint_is_left_out_and_says_so(run_copy: Path, tmp_path: Path) -> None:
    assert run(["quantize", str(run_copy), "--force"]) == 0
    library = Library([Run(run_copy)], created=tmp_path / "served")
    assert [entry.name for entry in library.entries()] == ["tiny:latest", "tiny:int8"]
    shutil.rmtree(run_copy / "tuned")  # the pretrained model is the finished one again
    with pytest.raises(CheckpointError, match=r"was made of an older checkpoint; run `handspun quantize .* scheme=int8` again"):
        library.entry("tiny:int8")
    assert [entry.name for entry in library.entries()] == ["tiny:latest"]


def test_an_engine_named_for_all_computes_what_is_not_quantized(run_copy: Path, tmp_path: Path) -> None:
    assert run(["quantize", str(run_copy), "scheme=int8", "--force"]) == 0
    named = Library([Run(run_copy)], created=tmp_path / "served", engine="llamacpp")
    assert [named.entry(name).generate.engine for name in ("tiny", "tiny:int8")] == ["llamacpp", "torch"]
    assert Library([Run(run_copy)], created=tmp_path / "served").entry("tiny").generate.engine == "torch"

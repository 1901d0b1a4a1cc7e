"""A file appears whole or not at all, and a changed bit is noticed."""

import errno
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handspun.errors import DamagedFileError, DiskFullError
from handspun.files import (
    disk_errors,
    durable_writer,
    read_json,
    read_manifest,
    seal_folder,
    sha256_of_json,
    verify_folder,
    write_bytes,
    write_json,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text(), parts, max_size=4),
    max_leaves=10,
)


@given(value=st.dictionaries(st.text().filter(lambda key: key != "sha256"), json_values, max_size=5))
@settings(max_examples=50)
def test_json_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, value: dict) -> None:
    path = tmp_path_factory.mktemp("json") / "value.json"
    write_json(path, value)
    assert read_json(path) == value


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(max_examples=60)
def test_a_flipped_bit_in_a_json_file_never_passes_for_other_data(
    tmp_path_factory: pytest.TempPathFactory, position: int, bit: int
) -> None:
    path, value = tmp_path_factory.mktemp("flip") / "value.json", {"steps": 12_000, "name": "tiny", "lr": 0.001}
    write_json(path, value)
    data = bytearray(path.read_bytes())
    data[position % len(data)] ^= 1 << bit
    path.write_bytes(data)
    try:
        assert read_json(path) == value  # the bit fell on white space
    except DamagedFileError as error:
        assert "value.json" in str(error)


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    write_bytes(path, b"old")
    with pytest.raises(KeyboardInterrupt), durable_writer(path) as file:
        file.write(b"new, but only ha")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.bin"]


def test_a_full_disk_is_said_with_what_is_needed_and_what_is_free(tmp_path: Path) -> None:
    path = tmp_path / "shard.bin"
    write_bytes(path, b"old")
    with pytest.raises(DiskFullError, match=r"shard\.bin: 3\.0 MiB needed, .* MiB free; .*--run"), disk_errors(path, 3 << 20):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_bytes() == b"old"


def test_another_error_of_the_system_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), disk_errors(tmp_path / "x"):
        raise PermissionError(errno.EACCES, "Permission denied")


def test_a_sealed_folder_is_verified_file_by_file(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a.bin", b"one")
    write_bytes(tmp_path / "deep" / "b.bin", b"two")
    seal_folder(tmp_path, {"n_documents": 2})
    assert verify_folder(tmp_path)["n_documents"] == 2
    assert list(read_manifest(tmp_path)["files"]) == ["a.bin", "deep/b.bin"]


@pytest.mark.parametrize(
    ("content", "complaint"), [(b"tw", "2 bytes instead of 3"), (b"twx", "SHA-256 has changed"), (None, "missing")]
)
def test_a_file_of_a_sealed_folder_that_was_cut_changed_or_removed_is_named(
    tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    path = tmp_path / "deep" / "b.bin"
    write_bytes(path, b"two")
    seal_folder(tmp_path)
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(DamagedFileError, match=rf"b\.bin is .*{complaint}"):
        verify_folder(tmp_path)


def test_a_folder_without_a_manifest_was_not_written_to_its_end(tmp_path: Path) -> None:
    with pytest.raises(DamagedFileError, match="not written to its end"):
        read_manifest(tmp_path)


def test_a_file_that_handspun_did_not_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    for content in (json.dumps({"a": 1}), "[]", "3", "", "{"):
        path.write_text(content)
        with pytest.raises(DamagedFileError, match=r"value\.json is damaged or was not written by handspun"):
            read_json(path)


def test_the_checksum_of_json_does_not_depend_on_the_order_of_its_keys() -> None:
    assert sha256_of_json({"a": 1, "b": [2]}) == sha256_of_json({"b": [2], "a": 1})
    assert sha256_of_json({"a": 1}) != sha256_of_json({"a": 2})

"""Data sets laid out as on the hub, in the working directory, where `datasets` looks first: the same code reads them."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet

FINEWEB, CLIMBMIX = "hub:HuggingFaceFW/fineweb-edu/sample-10BT", "hub:karpathy/climbmix-400b-shuffle"

FINEWEB_README = """---
configs:
- config_name: default
  data_files:
  - split: train
    path: data/*/*
- config_name: sample-10BT
  data_files:
  - split: train
    path: sample/10BT/*
---
"""


def text_of(number: int) -> str:
    """One of many documents, no two alike."""
    return f"Document {number}: a student of chapter {number * 7} measured {number * 3} samples of water twice."


def write_fineweb(root: Path, *, n_files: int = 3, rows_per_file: int = 40) -> None:
    """fineweb-edu: its configurations and every column of it."""
    folder = root / "HuggingFaceFW/fineweb-edu"
    for place, name in enumerate(["data/CC-MAIN-2024-10/000", *(f"sample/10BT/{number:03d}" for number in range(n_files))]):
        numbers = range(place * rows_per_file, (place + 1) * rows_per_file)
        columns = {
            "text": [text_of(number) for number in numbers],
            "id": [f"<urn:uuid:{number}>" for number in numbers],
            "dump": ["CC-MAIN-2024-10"] * rows_per_file,
            "url": [f"http://example.org/{number}" for number in numbers],
            "file_path": ["s3://commoncrawl/a.warc.gz"] * rows_per_file,
            "language": ["en"] * rows_per_file,
            "language_score": [0.97] * rows_per_file,
            "token_count": [21] * rows_per_file,
            "score": [3.2] * rows_per_file,
            "int_score": [3] * rows_per_file,
        }
        write_parquet(folder / f"{name}_00000.parquet", columns)
    (folder / "README.md").write_text(FINEWEB_README)


def write_climbmix(root: Path) -> None:
    """ClimbMix as text, which has one column, and as its makers ship it: tokens of GPT-2."""
    write_parquet(root / "karpathy/climbmix-400b-shuffle/shard_00000.parquet", {"text": [text_of(n) for n in range(30)]})
    folder = root / "nvidia/Nemotron-ClimbMix"
    folder.mkdir(parents=True)
    lines = [json.dumps({"tokens": [464, 3280, 318], "token_count": 3, "cluster_id": 1}) for _ in range(5)]
    (folder / "part_0.jsonl").write_text("\n".join(lines) + "\n")


def write_parquet(path: Path, columns: dict[str, list]) -> None:
    """One file with few rows in a group."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns), path, row_group_size=10)

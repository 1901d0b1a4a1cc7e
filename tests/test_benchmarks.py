"""The benchmark of training: its GPU part runs from end to end at 1/64 of the width, and compares what is of one size."""

from argparse import Namespace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from handspun.model.config import ModelConfig
from handspun.model.cost import parameters

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def train_gpu(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import train_gpu

    return train_gpu


@pytest.mark.parametrize(
    ("case", "side"),
    [("124m", "handspun"), ("124m", "transformers"), ("qt-1b", "handspun"), ("qt-1b", "transformers"), ("4.7b", "handspun")],
)
def test_every_turn_is_taken_in_a_rehearsal(
    train_gpu: ModuleType, case: str, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_gpu, "WARM_UP_STEPS", 1)
    turn = train_gpu.take_turn(Namespace(case=case, side=side, rehearse=True, steps=1))
    assert turn["tok_per_s"] > 0 and turn["first_step_s"] > 0 and turn["peak_gib"] > 0
    assert turn["n_params"] > 10_000


def test_both_sides_of_a_case_have_as_many_weights(train_gpu: ModuleType) -> None:
    for case in train_gpu.CASES.values():
        if case.peer_overrides is not None:
            recipes = [train_gpu.recipe_of(case, overrides, is_rehearsed=False) for overrides in ((), case.peer_overrides)]
            ours, theirs = (sum(parameters(recipe.model, recipe.tokens.vocab_size).values()) for recipe in recipes)
            assert theirs == pytest.approx(ours, rel=0.005)
            assert recipes[0].train == recipes[1].train


def test_the_stock_model_has_the_shape_it_is_asked_for(train_gpu: ModuleType) -> None:
    for changes in ({}, {"qk_norm": False, "tie_embeddings": False, "n_kv_heads": 2}):
        shape = ModelConfig(d_model=64, n_layers=2, n_heads=4, **changes)
        with torch.device("meta"):
            model = train_gpu.stock_model(shape, 300)
        assert sum(weight.numel() for weight in model.parameters()) == sum(parameters(shape, 300).values())


def test_a_turn_that_fails_is_reported_and_the_others_are_taken(
    train_gpu: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    script = tmp_path / "turn.py"
    script.write_text(
        "import json, sys\n"
        "if 'transformers' in sys.argv: sys.exit('Tried to allocate 9.00 GiB')\n"
        "print(json.dumps({'n_params': 1e6, 'tok_per_s': 10.0, 'mfu': 0.5, 'peak_gib': 1.0, 'first_step_s': 2.0}))\n"
    )
    results = train_gpu.measure(str(script), Namespace(case="124m", rehearse=True, steps=1))
    assert results["tok_per_s"] == {"124m": {"handspun": 10.0, "transformers": None}}
    assert results["ratio"] == {}
    train_gpu.show(results, load=0.0)
    assert "| 124m | transformers | Tried to allocate 9.00 GiB |" in capsys.readouterr().out


def test_sides_that_both_end_are_compared(train_gpu: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(script: str, name: str, side: str, arguments: Namespace) -> dict[str, Any]:
        return {"tok_per_s": 30.0 if side == "handspun" else 20.0}

    monkeypatch.setattr(train_gpu, "ask_for_turn", ask)
    results = train_gpu.measure("", Namespace(case=None, rehearse=True, steps=1))
    assert results["ratio"] == {"124m": 1.5, "qt-1b": 1.5}
    assert results["tok_per_s"]["4.7b"] == {"handspun": 30.0}


def test_without_a_gpu_it_says_so(train_gpu: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="there is no GPU here; add --rehearse"):
        train_gpu.measure("", Namespace(case=None, rehearse=False, steps=1))


def test_muons_share_of_a_step_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import train_muon

    results = train_muon.measure(ModelConfig(d_model=32, n_layers=2, n_heads=2), 300, micro_batch=32, seq_len=256, n_steps=1)
    assert 0 < results["muon_s"] < results["step_s"]
    assert results["muon_share"] == results["muon_s"] / results["step_s"]


def test_a_line_of_the_history_names_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import record

    line = record.record("nothing", {"tok_per_s": {"ours": 1.0}}, history=tmp_path / "history.jsonl")
    assert line["machine"]["n_cores"] >= 1 and line["results"] == {"tok_per_s": {"ours": 1.0}}
    assert (tmp_path / "history.jsonl").read_text().count("\n") == 1


def test_the_rows_of_generation_are_measured_at_a_tiny_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llama_cpp", reason='llama-cpp-python is compiled for minutes: pip install "handspun[llamacpp]"')
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import generate
    import models

    tiny = ModelConfig(d_model=64, n_layers=1, n_heads=2, max_seq_len=1024)
    monkeypatch.setattr(models, "SHAPES", {"124m": (tiny, 600)})
    for name, value in {"N_REPLIES": 2, "N_PROMPT": 4, "N_TOKENS": 4, "N_READ": 8}.items():
        monkeypatch.setattr(generate, name, value)
    for row in ("write-124m-bf16", "write-124m-int4", "read-124m-int8", "batch-124m-fp32", "first-124m-trained"):
        figures = generate.measure(row, models.Shelf(tmp_path), rounds=1)
        assert figures["ratio"] > 0 and figures["bar"] > 0


def test_the_rows_of_serving_are_measured_at_a_tiny_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import models
    import serve

    tiny = ModelConfig(d_model=64, n_layers=1, n_heads=2, max_seq_len=1024)
    monkeypatch.setattr(models, "SHAPES", {"124m": (tiny, 600)})
    for name, value in {"N_CLIENTS": 2, "N_ASKED": 4, "N_SHORT": 3, "N_SLOW": 4, "PAUSE_S": 0.01}.items():
        monkeypatch.setattr(serve, name, value)
    shelf = models.Shelf(tmp_path)
    assert serve.measure("first-124m-trained", shelf, rounds=1)["ours"]["p99_s"] > 0
    assert serve.measure("slow-124m-trained", shelf, rounds=1)["ours"]["answered"] == 4

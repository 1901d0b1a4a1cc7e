"""The page on what quantizing loses says what was measured, and runs that were not quantized or are older are refused."""

import runpy
from pathlib import Path

import pytest

from handspun.checkpoint import load_checkpoint, new_quantized
from handspun.errors import CheckpointError, RunError
from handspun.files import MANIFEST, sha256
from handspun.quantize.config import LIMITS, Scheme
from handspun.quantize.folder import Quantization, copy_companions, write_quantization
from handspun.runs import Run

ROOT = Path(__file__).parent.parent
WRITER = runpy.run_path(str(ROOT / "dev" / "write_quality.py"))
LOST: dict[Scheme, float] = {"bf16": 0.0, "int8": 0.0012, "int4": 0.05}


def measured(run: Path, scheme: Scheme, *, n_tokens: int = 255, made_of: str | None = None) -> None:
    """A quantized folder that says what was lost."""
    source = load_checkpoint(Run(run).finished)
    lost = LOST[scheme]
    facts = {"bytes_before": 4000, "bytes_after": 1234, "bpb_before": 2.5, "bpb_after": 2.5 + lost}
    facts |= {"kl_mean": lost, "kl_p99": 4 * lost, "top1_agreement": 1 - lost, "n_tokens": n_tokens}
    with new_quantized(Run(run).quantized / scheme) as folder:
        copy_companions(source.folder, folder)
        write_quantization(folder, Quantization(scheme, {}, made_of or sha256(source.folder / MANIFEST), facts))


@pytest.fixture
def run(run_copy: Path) -> Path:
    for scheme in LIMITS:
        measured(run_copy, scheme)
    return run_copy


def write(*runs: Path) -> str:
    page = runs[0].parent / "page.md"
    WRITER["write_quality"](runs, page)
    return page.read_text()


def test_each_scheme_has_what_was_measured(run: Path) -> None:
    lines = write(run).splitlines()
    assert "| before | 4,000 | 2.5000 |  |  |  |" in lines
    assert "| `int8` | 1,234 | 2.5012 | 0.001200 | 0.0048 | 99.9% |" in lines
    assert "| `int4` | 0.1 | 0.050000 |" in lines


def test_the_page_says_what_was_quantized_and_on_how_much_text(run: Path) -> None:
    page = write(run)
    assert "## tiny\n" in page
    assert "2 layers of width 32, swiglu, 2 heads on 2 of keys and values, the head shares the embedding, copy head." in page
    assert "Trained on 3,072 tokens, then tuned; measured on 255 tokens." in page
    assert str(run) not in page


def test_the_most_that_was_lost_of_any_run_stands_beside_the_limit(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worse = run.rename(run.with_name("worse"))
    monkeypatch.setitem(LOST, "int8", 0.003)
    measured(worse, "int8")
    assert "| `int8` | 0.005 | 0.003000 |" in write(worse)


def test_a_run_without_a_scheme_is_refused_with_the_command(run: Path) -> None:
    for path in (run / "quantized" / "int4").iterdir():
        path.unlink()
    with pytest.raises(RunError, match=rf"has no weights in int4; run `handspun quantize {run} scheme=int4 --force`"):
        write(run)


def test_a_run_that_was_trained_again_is_refused(run: Path) -> None:
    measured(run, "int8", made_of="another")
    with pytest.raises(CheckpointError, match="was made of an older checkpoint"):
        write(run)


def test_schemes_that_were_measured_on_other_texts_are_refused(run: Path) -> None:
    measured(run, "int8", n_tokens=99)
    with pytest.raises(RunError, match="measured on texts of unlike length"):
        write(run)


def test_the_page_that_is_published_holds_the_limits_of_the_code() -> None:
    page = (ROOT / "docs" / "runs" / "quantization.md").read_text()
    assert all(f"| `{scheme}` | {limit:g} | " in page for scheme, limit in LIMITS.items())

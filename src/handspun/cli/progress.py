"""How far a stage has come: one moving line where a person watches, one plain line every few seconds where a file does.

    with Progress("tokenize", unit="documents") as progress:
        write_documents(..., on_progress=progress)          # progress(done, total), or progress(step, steps, loss=2.31)

A stage under QUIET_S says nothing. The line is drawn from a thread of its own, so that a stage which reports seldom still shows
that it is alive, and so that reporting costs nothing.
"""

import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from handspun.cli.terminal import duration_text, is_watched, say, talk_console

if TYPE_CHECKING:
    from rich.live import Live

QUIET_S = 2.0
WATCHED_EVERY_S = 0.25
PLAIN_EVERY_S = 10.0
BAR_WIDTH = 16


class Progress:
    """The progress of one stage; call it with what is done, the total where it is known, and what else is worth showing."""

    def __init__(self, stage: str, unit: str = "", *, quiet_s: float = QUIET_S, every_s: float | None = None) -> None:
        self.stage = stage
        self.unit = unit
        self.quiet_s = quiet_s
        self.every_s = every_s or (WATCHED_EVERY_S if is_watched() else PLAIN_EVERY_S)
        self.began = time.monotonic()
        self.done, self.total, self.fields = 0, None, {}
        self.first_done: int | None = None
        self.began_counting = self.began
        self.is_shown = False
        self.live: Live | None = None
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.keep_drawing, name=f"progress of {stage}", daemon=True)

    def __call__(self, done: int, total: int | None = None, **fields: Any) -> None:
        """Say how far the stage is. Fields stay on the line until they are given anew."""
        if self.first_done is None:
            self.first_done, self.began_counting = done, time.monotonic()
        self.done, self.total, self.fields = done, total, {**self.fields, **fields}

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.ended.set()
        self.thread.join()
        if self.live is not None:
            self.live.stop()
        if self.is_shown and kind is None:
            say(f"{self.stage}: {self.amount()}done in {duration_text(time.monotonic() - self.began)}{self.field_text()}")

    def keep_drawing(self) -> None:
        """Draw now and then until the stage has ended."""
        wait_s = self.quiet_s
        while not self.ended.wait(wait_s):
            self.draw()
            wait_s = self.every_s

    def draw(self) -> None:
        """Show the line as it is now."""
        self.is_shown = True
        if not is_watched():
            say(self.line())
            return
        if self.live is None:
            from rich.live import Live

            self.live = Live(
                console=talk_console(), auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
            )
            self.live.start()
        self.live.update(self.bar_line(), refresh=True)

    def bar_line(self) -> Any:
        """The line with a bar in front of it, cut to the width of the terminal."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=BAR_WIDTH)
        grid.add_column(no_wrap=True, overflow="ellipsis")
        is_counted = bool(self.total)
        bar = ProgressBar(
            self.total or 1, self.done if is_counted else 0, pulse=not is_counted, complete_style="cyan", pulse_style="cyan"
        )
        grid.add_row(bar, Text(self.line()))
        return grid

    def line(self) -> str:
        """The stage, how much of it is done, how fast, how long it will take, and the fields."""
        return f"{self.stage}: {self.amount()}{self.speed()}{self.field_text()}"

    def amount(self) -> str:
        """ "1,200/5,000 documents (24 %), ", as far as it is known."""
        if self.first_done is None:
            return ""
        unit = f" {self.unit}" if self.unit else ""
        if not self.total:
            return f"{self.done:,}{unit}, "
        return f"{self.done:,}/{self.total:,}{unit} ({self.done / self.total:.0%}), "

    def speed(self) -> str:
        """ "310/s, 13 s left"; where nothing is counted, the time that has passed."""
        now = time.monotonic()
        rate = self.rate(now)
        if not rate:
            return f"{duration_text(now - self.began)} so far"
        left = f", {duration_text((self.total - self.done) / rate)} left" if self.total else ""
        return f"{rate:,.0f}/s{left}" if rate >= 10 else f"{rate:.2g}/s{left}"

    def rate(self, now: float) -> float | None:
        """Things done per second since the first report: what a resumed run had done before does not count."""
        if self.first_done is None or now <= self.began_counting:
            return None
        return (self.done - self.first_done) / (now - self.began_counting)

    def field_text(self) -> str:
        """ ", loss 2.31, val_bpb 1.7"."""
        return "".join(
            f", {name} {value:.4g}" if isinstance(value, float) else f", {name} {value}" for name, value in self.fields.items()
        )

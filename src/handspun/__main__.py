"""The program, as `handspun` and `python -m handspun` start it. Ctrl-C is quiet before and after a verb, too."""

import io
import signal
import sys

from handspun.cli.interrupt import INTERRUPTED, end_at_once


def main() -> None:
    """The console script."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # what its encoding cannot say is a question mark, not the end
    of_a_verb = signal.getsignal(signal.SIGINT)
    end_at_once(INTERRUPTED)
    from handspun.cli.app import run

    try:
        signal.signal(signal.SIGINT, of_a_verb)
        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # it came just before the verb began, or just after it ended
        code = INTERRUPTED
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done; it only takes the interpreter a moment to go
    raise SystemExit(code)


if __name__ == "__main__":
    main()

"""handspun doctor: what this machine has, and what handspun will choose because of it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from handspun.cli import terminal

OLLAMA_PORT = 11434


def doctor(*, json: bool = False) -> int:
    """Say what this machine has and what handspun will choose, by running one small kernel of each kind.

    The exit code is 1 where nothing can be trained here.

    Parameters
    ----------
    json
        Print one JSON object: {"machine", "disk", "port", "compiler", "device", "kernels", "problem"}.
    """
    report = examine()
    if json:
        terminal.write_json(report)
    else:
        show_report(report)
    return 1 if report["problem"] else 0


def examine() -> dict[str, Any]:
    """Everything that `doctor` knows, as one JSON object."""
    from handspun import device, machine
    from handspun.errors import DeviceError

    chosen, kernels, problem = None, [], None
    try:
        chosen = device.choose_device()
        kernels = device.run_probes(chosen.kind)
    except DeviceError as error:
        problem = str(error)
    return {
        "machine": machine.facts(),
        "disk": {"path": str(Path.cwd()), "free_bytes": machine.disk_free_bytes(Path.cwd())},
        "port": examine_port(OLLAMA_PORT),
        "compiler": device.compiler(),
        "device": chosen and asdict(chosen),
        "kernels": [asdict(kernel) for kernel in kernels],
        "problem": problem,
    }


def examine_port(number: int) -> dict[str, Any]:
    """Whether a port is free, and its owner where it is not."""
    from handspun.port import is_port_free, port_owner

    is_free = is_port_free(number)
    owner = None if is_free else port_owner(number)
    return {"number": number, "is_free": is_free, "owner": owner and asdict(owner)}


def show_report(report: dict[str, Any]) -> None:
    """The report as two tables: what there is and what is chosen, then each kernel."""
    terminal.table(("", ""), [*machine_rows(report), *choice_rows(report)])
    if report["kernels"]:
        terminal.write_line()
        terminal.table(("kernel", "works", "ms", "GFLOP/s", "error"), map(kernel_row, report["kernels"]))
    if report["problem"]:
        terminal.error(report["problem"])


def machine_rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    """What the machine has."""
    machine, memory, disk, port = (report["machine"], report["machine"]["memory"], report["disk"], report["port"])
    owner = port["owner"]
    taken = f"taken by process {owner['pid']} ({owner['command']})" if owner else "taken; its owner cannot be seen from here"
    return [
        ("system", machine["platform"]),
        ("processor", f"{machine['cpu']}, {machine['n_cores']} cores to use ({machine['n_logical_cores']} logical)"),
        ("claims", " ".join(machine["cpu_flags"]) or "no instruction set that matters here"),
        ("memory", f"{terminal.bytes_text(memory['free_bytes'])} free of {terminal.bytes_text(memory['total_bytes'])}"),
        ("disk", f"{terminal.bytes_text(disk['free_bytes'])} free at {disk['path']}"),
        (f"port {port['number']}", "free" if port["is_free"] else taken),
        ("compiler", report["compiler"] or "none: torch.compile cannot be used on the CPU, nothing else needs it"),
    ]


def choice_rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    """What handspun will choose, and why."""
    if (device := report["device"]) is None:
        return []
    memory = f"{terminal.bytes_text(device['free_bytes'])} free of {terminal.bytes_text(device['total_bytes'])}"
    return [
        ("will use", f"{device['kind']} ({device['name']}), {device['n_threads']} threads, {memory}"),
        ("compute_dtype", f"{device['compute_dtype']}: {device['reason']}"),
    ]


def kernel_row(kernel: dict[str, Any]) -> tuple[Any, ...]:
    """One kernel as a line of the table."""
    return kernel["name"], kernel["ok"], kernel["milliseconds"], kernel["gflops"], kernel["error"] or ""

"""What is said of the link between devices, and when it counts as slow."""

from handspun.train.link import Link


def test_a_link_is_slow_or_fast_by_what_was_measured() -> None:
    slow, fast = Link(64 << 20, 0.02, has_peer_access=False), Link(64 << 20, 0.001, has_peer_access=True)
    assert slow.is_slow and not fast.is_slow


def test_the_sentence_has_what_was_measured_and_the_detour() -> None:
    assert str(Link(64 << 20, 0.02, has_peer_access=False)) == (
        "64 MiB summed in 20.0 ms (3.4 GB/s, without peer access between the GPUs)"
    )
    assert str(Link(64 << 20, 0.001, has_peer_access=True)) == "64 MiB summed in 1.0 ms (67.1 GB/s)"

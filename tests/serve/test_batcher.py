"""The worker behind the server: batches, order, failures, shutdown."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from shelftalker.recipe.generation import Decoding
from shelftalker.serve.batcher import Batcher, BusyError, ClosedError

GREEDY, BEAMS = Decoding(), Decoding(beams=4)


class Recorder:
    """Upper-cases words; holds until let go; remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.entered = threading.Event()
        self.gate = threading.Event()

    def __call__(self, words: Sequence[str], decoding: Decoding) -> list[str]:
        self.batches.append(list(words))
        self.entered.set()
        assert self.gate.wait(30)
        if "bad" in words:
            raise ValueError("bad word")
        return [word.upper() for word in words]


def test_requests_that_arrive_while_it_is_busy_are_written_together() -> None:
    write = Recorder()
    batcher = Batcher(write, batch=8, pending=100)
    first = batcher.submit(["first"], GREEDY)
    assert write.entered.wait(30)
    later = [batcher.submit([f"a{number}", f"b{number}"], GREEDY) for number in range(3)]
    write.gate.set()
    assert first.result(30) == ["FIRST"]
    assert [future.result(30) for future in later] == [[f"A{number}", f"B{number}"] for number in range(3)]
    assert write.batches == [["first"], ["a0", "b0", "a1", "b1", "a2", "b2"]]
    assert batcher.close(30)


def test_a_batch_has_one_decoding_and_a_largest_size() -> None:
    write = Recorder()
    batcher = Batcher(write, batch=2, pending=100)
    futures = [batcher.submit(["first"], GREEDY)]
    assert write.entered.wait(30)
    jobs = ((["a"], GREEDY), (["b"], BEAMS), (["c"], GREEDY), (["d"], GREEDY))
    futures += [batcher.submit(words, decoding) for words, decoding in jobs]
    write.gate.set()
    assert [future.result(30) for future in futures] == [["FIRST"], ["A"], ["B"], ["C"], ["D"]]
    assert write.batches == [["first"], ["a", "c"], ["b"], ["d"]]
    batcher.close(30)


def test_a_request_that_fails_does_not_fail_those_in_its_batch() -> None:
    write = Recorder()
    batcher = Batcher(write, batch=8, pending=100)
    batcher.submit(["first"], GREEDY)
    assert write.entered.wait(30)
    good, bad = batcher.submit(["good"], GREEDY), batcher.submit(["bad"], GREEDY)
    write.gate.set()
    assert good.result(30) == ["GOOD"]
    with pytest.raises(ValueError, match="bad word"):
        bad.result(30)
    assert batcher.submit(["after"], GREEDY).result(30) == ["AFTER"]
    batcher.close(30)


def test_too_many_waiting_titles_are_refused() -> None:
    write = Recorder()
    batcher = Batcher(write, batch=8, pending=3)
    batcher.submit(["first"], GREEDY)
    assert write.entered.wait(30)
    waiting = batcher.submit(["a", "b"], GREEDY)
    with pytest.raises(BusyError):
        batcher.submit(["c", "d"], GREEDY)
    write.gate.set()
    assert waiting.result(30) == ["A", "B"]
    batcher.close(30)


def test_close_finishes_what_waits_and_takes_no_more() -> None:
    write = Recorder()
    batcher = Batcher(write, batch=1, pending=100)
    futures = [batcher.submit([word], GREEDY) for word in ("a", "b", "c")]
    assert write.entered.wait(30)
    assert not batcher.close(0.01)
    with pytest.raises(ClosedError):
        batcher.submit(["late"], GREEDY)
    write.gate.set()
    assert batcher.close(30)
    assert [future.result(0) for future in futures] == [["A"], ["B"], ["C"]]


def test_what_nobody_waits_for_any_more_is_neither_counted_nor_written() -> None:
    write = Recorder()
    batcher = Batcher(write, batch=8, pending=3)
    first = batcher.submit(["first"], GREEDY)
    assert write.entered.wait(30)
    left = [batcher.submit([word], GREEDY) for word in ("a", "b", "c")]
    assert all(future.cancel() for future in left)
    assert batcher.waiting == 0
    kept = batcher.submit(["d", "e", "f"], GREEDY)
    write.gate.set()
    assert (first.result(30), kept.result(30)) == (["FIRST"], ["D", "E", "F"])
    assert write.batches == [["first"], ["d", "e", "f"]]
    assert batcher.submit(["last"], GREEDY).result(30) == ["LAST"]
    assert batcher.close(30)

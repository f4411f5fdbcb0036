# SPDX-License-Identifier: AGPL-3.0-only
"""Whether a round is worth its gas, and which of its rows to submit."""

from __future__ import annotations

from collections.abc import Sequence

from plumbline.core.median import lane_medians
from plumbline.core.models import SignedRow
from plumbline.core.units import MAX_BPS, WAD
from plumbline.ports import Answer, ChainFeed, NoAnswer
from plumbline.relayer.pace import USUAL_PERCENT, Pace


def reference(answer: Answer | NoAnswer, tried: Answer | None, last_timestamp: int) -> Answer | None:
    """What a new median of a feed is measured against: its answer, or what was last submitted and not taken.

    A feed whose medians the oracle's bounds refuse keeps its old answer, or has none. Measured against that, every
    round would be due, and paid for in vain. `tried` counts only while its round is on chain (`last_timestamp`, the
    last round's).
    """
    served = answer if isinstance(answer, Answer) else None
    if tried is None or tried.timestamp > last_timestamp or (served and served.timestamp >= tried.timestamp):
        return served
    return tried


def why_due(
    feeds: Sequence[ChainFeed],
    answers: Sequence[Answer | NoAnswer],
    references: Sequence[Answer | None],
    medians: Sequence[int],
    timestamp: int,
    pace: Pace,
) -> list[str]:
    """What calls for a round at `timestamp`, in words; empty when nothing does.

    A feed does when it has a median (in its decimals) that is `deviation_bps` or more away from its reference, or when
    that would become older than `heartbeat_s` before a later round could renew it. One without an answer does in every
    round while its breaker is tripped, for rounds end that; else only once a heartbeat: what the oracle did not take
    the last time, it hardly takes now.
    """
    reasons = []
    for feed, answer, known, median in zip(feeds, answers, references, medians, strict=True):
        if not median:
            continue
        if known is None or answer is NoAnswer.TRIPPED:
            reasons.append(f"{feed.name} {answer}")
        elif isinstance(answer, Answer) and _moved(median, known.price, feed.deviation_bps, pace):
            reasons.append(f"{feed.name} moved {abs(median - known.price) * MAX_BPS // known.price} bps")
        elif timestamp + pace.early_s > known.timestamp + feed.heartbeat_s:
            old = "is" if isinstance(answer, Answer) else f"{answer}, and what was tried is"
            reasons.append(f"{feed.name} {old} {timestamp - known.timestamp} s old")
    return reasons


def _moved(median: int, price: int, deviation_bps: int, pace: Pace) -> bool:
    threshold = deviation_bps * pace.deviation_percent
    return pace.moves and abs(median - price) * MAX_BPS * USUAL_PERCENT >= threshold * price


def choose_rows(rows: Sequence[SignedRow], quorums: Sequence[int]) -> list[SignedRow]:
    """The fewest rows that keep every feed's quorum, in ascending order of reporters.

    Each row costs gas; but whoever picks a quorum picks the median inside the spread of the rows. So rows are left
    out one by one, always the one whose absence moves the medians least from those of all rows, relatively and summed
    over the feeds; among equals the highest reporter goes.
    """
    chosen = sorted(rows, key=lambda signed: signed.reporter)
    wanted = lane_medians([signed.row for signed in chosen], quorums)
    while True:
        best: tuple[int, list[SignedRow]] | None = None
        for place in reversed(range(len(chosen))):
            rest = chosen[:place] + chosen[place + 1 :]
            moved = _moved_wad(lane_medians([signed.row for signed in rest], quorums), wanted)
            if moved is not None and (best is None or moved < best[0]):
                best = moved, rest
        if best is None:
            return chosen
        chosen = best[1]


def _moved_wad(medians: Sequence[int], wanted: Sequence[int]) -> int | None:
    """How far `medians` are from `wanted`, in 1e-18 and summed; None when a feed has lost its quorum."""
    pairs = [(median, wish) for median, wish in zip(medians, wanted, strict=True) if wish]
    if not all(median for median, _ in pairs):
        return None
    return sum(abs(median - wish) * WAD // wish for median, wish in pairs)

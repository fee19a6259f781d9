"""What follows from a round's choice: at once, after another round, or not at all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ishowtts import schedules
from ishowtts.tuner import conclude, plan, stats
from ishowtts.tuner.model import Choice, Memory, Order
from ishowtts.tuner.policy import Policy
from tests.tuner.kit import GOOD

HERE = (GOOD.mode, GOOD.key)
POLICY = Policy()
MEMORIES = st.builds(
    Memory,
    choices=st.dictionaries(st.sampled_from([HERE, ("30W", "k")]), st.sampled_from([6, 7, 8])),
    pending=st.none() | st.tuples(st.sampled_from(["MAXN", "30W"]), st.just("k"), st.sampled_from([6, 8]), st.just(1)),
    pinned=st.none() | st.just(7),
    vetoed=st.frozensets(st.sampled_from([6, 7, 8])),
)
ORDERS = st.builds(Order, st.sampled_from(["timer", "operator", "confirm"]), asked=st.booleans(), dry_run=st.booleans())


def settle(wanted: int, memory: Memory, order: Order, held_s: float, rtf: float) -> conclude.Settled:
    round_ = plan.open_round(order, (), schedules.pick(7), GOOD, 0.0)
    choice = Choice(wanted, "kept" if wanted == 7 else "changed", f"NFE {wanted} it is.")
    return conclude.settle(choice, round_, POLICY, memory, held_s, stats.summarise((rtf,), 8.0))


ROUNDS = (st.sampled_from([6, 7, 8]), MEMORIES, ORDERS, st.floats(0, 1e6), st.floats(0.05, 0.5))


@given(*ROUNDS)
def test_what_speaks_changes_only_with_a_choice_that_is_kept(
    wanted: int, memory: Memory, order: Order, held_s: float, rtf: float
) -> None:
    settled = settle(wanted, memory, order, held_s, rtf)
    assert settled.pause_s > 0
    assert settled.choice.sentence.endswith(f"NFE {wanted} it is.")
    assert (settled.memory.pinned, settled.memory.vetoed) == (memory.pinned, memory.vetoed)
    assert {where: nfe for where, nfe in memory.choices.items() if where != HERE}.items() <= (
        settled.memory.choices.items()
    )
    if settled.choice.nfe != 7:
        assert settled.memory.choices[HERE] == settled.choice.nfe == wanted
        assert settled.memory.pending is None
        assert not order.dry_run
        assert memory.pinned is None


@given(*ROUNDS)
def test_a_change_is_urgent_or_agreed_and_after_the_dwell(
    wanted: int, memory: Memory, order: Order, held_s: float, rtf: float
) -> None:
    settled = settle(wanted, memory, order, held_s, rtf)
    urgent = rtf > POLICY.panic_above * POLICY.rtf_target or 7 in memory.vetoed
    agreed = memory.pending == (*HERE, wanted, 1) and (held_s >= POLICY.dwell_s or order.asked)
    free = wanted != 7 and not order.dry_run and memory.pinned is None
    assert (settled.choice.nfe != 7) == (free and (urgent or agreed))
    if free and not urgent and not agreed:
        assert (settled.choice.outcome, settled.then.reason) == ("proposed", "confirm")
        assert settled.memory.pending is not None
        assert settled.memory.pending[:3] == (*HERE, wanted)


@given(*ROUNDS)
def test_a_dry_run_leaves_no_trace(wanted: int, memory: Memory, order: Order, held_s: float, rtf: float) -> None:
    settled = settle(wanted, memory, Order("operator", dry_run=True), held_s, rtf)
    assert (settled.memory, settled.choice.nfe) == (memory, 7)

"""Lines are handed over in chunks of a bounded size."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nightporter.sources.docker.follow import CHUNK_BYTES, CHUNK_LINES, batches
from nightporter.sources.docker.frames import Line

sizes = st.lists(
    st.integers(1, 300) | st.sampled_from([CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1]), max_size=40
) | st.integers(CHUNK_LINES - 1, 2 * CHUNK_LINES + 1).map(lambda n: [2] * n)


@given(sizes)
def test_batches_keep_all_lines_in_order_and_within_bounds(sizes: list[int]) -> None:
    lines = [Line(1, at, b"x" * size) for at, size in enumerate(sizes)]
    found = list(batches(lines))
    assert [line for batch in found for line in batch] == lines
    for batch in found:
        assert 0 < len(batch) <= CHUNK_LINES
        assert len(batch) == 1 or sum(len(line.text) for line in batch) <= CHUNK_BYTES


@given(sizes)
def test_no_two_neighbours_would_have_fitted_together(sizes: list[int]) -> None:
    found = list(batches([Line(1, at, b"x" * size) for at, size in enumerate(sizes)]))
    for one, two in pairwise(found):
        first = two[0]
        assert len(one) == CHUNK_LINES or sum(len(ln.text) for ln in one) + len(first.text) > CHUNK_BYTES

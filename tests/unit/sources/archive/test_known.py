"""Known files are found by their heads, as if each were compared; a thousand of them cost next to nothing."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from nightporter.sources.archive.known import KnownFiles
from nightporter.sources.files.marks import HEAD_BYTES, FileMark, head_of, heads_of

CONTENTS = st.binary(max_size=6).map(lambda start: start.replace(b"\xff", b"\n"))


def mark(identity: str, content: bytes) -> FileMark:
    return FileMark(identity=identity, head=head_of(content), offset=0)


@given(steps=st.lists(st.tuples(st.sampled_from("abcd"), st.none() | CONTENTS), max_size=12), first=CONTENTS)
def test_the_longest_head_that_fits_is_found(steps: list[tuple[str, bytes | None]], first: bytes) -> None:
    files, model = KnownFiles(), dict[str, FileMark]()
    for identity, content in steps:
        if content is not None:
            model[identity] = mark(identity, content)
            files.put(model[identity])
        elif identity in model:
            del model[identity]
            files.drop(identity)
    assert set(files) == set(model)
    fitting = [one.head for one in model.values() if one.head.fits(first)]
    found = files.find(first)
    if not fitting:
        assert found is None
    else:
        assert found is not None
        assert found == model[found.identity]
        assert found.head.length == max(head.length for head in fitting)
        assert found.head in fitting


@given(content=st.binary(max_size=40), lengths=st.lists(st.integers(0, 40)))
def test_many_heads_in_one_pass_are_those_of_each(content: bytes, lengths: list[int]) -> None:
    asked = sorted(length for length in set(lengths) if length <= len(content))
    assert list(heads_of(content, asked)) == [head_of(content[:length]) for length in asked]


def test_a_head_is_of_the_first_bytes_alone() -> None:
    assert head_of(b"x" * HEAD_BYTES + b"y\n") == head_of(b"x" * HEAD_BYTES) != head_of(b"x" * 100)


def test_a_thousand_files_of_as_many_lengths_are_found_in_no_time() -> None:
    """Each compared with each, at each length, they took a quarter of a minute, in every round."""
    begun = time.process_time()
    files = KnownFiles()
    contents = [b"%d\n" % number + b"x" * number for number in range(1000)]
    for number, content in enumerate(contents):
        files.put(mark(str(number), content))
    for number, content in enumerate(contents):
        found = files.find(content + b"more\n")
        assert found is not None
        assert found.identity == str(number)
    assert time.process_time() - begun < 10.0

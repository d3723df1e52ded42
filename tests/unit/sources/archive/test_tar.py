"""Any archive that Python's tarfile writes, in pieces of any size, comes apart into the same files."""

from __future__ import annotations

import tarfile
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.sources.archive.tar import BadArchive, Entry, TarFiles

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=200)
FILES = st.lists(st.tuples(NAMES, st.binary(max_size=2000)), max_size=5)


def archive(files: list[tuple[str, bytes]], form: int) -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form, errors="surrogateescape") as tar:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, content in files:
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, name[:90]
            tar.addfile(link)
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), 1_795_523_135
            tar.addfile(entry, BytesIO(content))
    return out.getvalue()


def taken_apart(data: bytes, step: int) -> list[tuple[str, bytes]]:
    reader = TarFiles()
    found: list[tuple[Entry, bytearray]] = []
    for at in range(0, len(data), step):
        for item in reader.feed(data[at : at + step]):
            if isinstance(item, Entry):
                found.append((item, bytearray()))
            else:
                found[-1][1].extend(item)
    assert all(len(content) == entry.size for entry, content in found)
    assert all(entry.modified_s == 1_795_523_135 for entry, _ in found)
    return [(entry.name, bytes(content)) for entry, content in found]


@given(FILES, st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]), st.integers(1, 3000))
def test_every_file_comes_whole_and_nothing_else(
    files: list[tuple[str, bytes]], form: int, step: int
) -> None:
    data = archive(files, form)
    with tarfile.open(fileobj=BytesIO(data)) as tar:  # what tarfile itself makes of the names
        names = [member.name for member in tar if member.isreg()]
    got = taken_apart(data, step)
    assert [name.rstrip("/") for name, _ in got] == [name.rstrip("/") for name in names]
    assert [content for _, content in got] == [content for _, content in files]


def test_what_is_no_archive_is_told() -> None:
    with pytest.raises(BadArchive):
        list(TarFiles().feed(b"<html>no such thing</html>" * 40))


def test_a_pax_record_with_a_false_length_names_nothing() -> None:
    entry = tarfile.TarInfo("short")
    header = entry.tobuf(tarfile.USTAR_FORMAT)
    extended = tarfile.TarInfo("x")
    extended.type, extended.size = tarfile.XHDTYPE, 16
    data = extended.tobuf(tarfile.USTAR_FORMAT) + b"999 path=hidden\n".ljust(512, b"\0") + header
    assert list(TarFiles().feed(data)) == [Entry("short", 0, 0)]

"""The end of a growing log, read in bounded pieces."""

from __future__ import annotations

from SemiWeakSegLib.panels.log_tail import LogTail


def test_new_lines_come_once(tmp_path):
    path = tmp_path / "log.txt"
    path.write_text("one\ntwo\n", encoding="utf-8")
    tail = LogTail(path)
    assert tail.lines() == ["one", "two"]
    assert tail.lines() == []
    with open(path, "a", encoding="utf-8") as stream:
        stream.write("three\n")
    assert tail.lines() == ["three"]


def test_half_a_line_waits_for_its_end(tmp_path):
    path = tmp_path / "log.txt"
    path.write_bytes(b"Gr")
    tail = LogTail(path)
    assert tail.lines() == []
    with open(path, "ab") as stream:
        stream.write("öße\n".encode())
    assert tail.lines() == ["Größe"]


def test_letter_cut_between_two_reads_is_whole(tmp_path):
    path = tmp_path / "log.txt"
    letter = "ö".encode()
    path.write_bytes(letter[:1])
    tail = LogTail(path)
    assert tail.lines() == []
    with open(path, "ab") as stream:
        stream.write(letter[1:] + b"\n")
    assert tail.lines() == ["ö"]


def test_first_look_reads_the_end_only(tmp_path):
    path = tmp_path / "log.txt"
    path.write_text("".join(f"line {number}\n" for number in range(10_000)), encoding="utf-8")
    tail = LogTail(path, chunk=100)
    lines = tail.lines()
    assert lines[-1] == "line 9999"
    assert len("\n".join(lines)) <= 100
    assert all(line.startswith("line ") for line in lines)
    assert tail.skipped == path.stat().st_size - 100


def test_flood_between_two_looks_is_skipped(tmp_path):
    path = tmp_path / "log.txt"
    path.write_text("first\n", encoding="utf-8")
    tail = LogTail(path, chunk=50)
    assert tail.lines() == ["first"]
    with open(path, "a", encoding="utf-8") as stream:
        stream.write("x" * 1000 + "\nlast\n")
    assert tail.lines() == ["last"]
    assert tail.skipped > 0


def test_replaced_file_is_read_anew(tmp_path):
    path = tmp_path / "log.txt"
    path.write_text("a long first version\n", encoding="utf-8")
    tail = LogTail(path)
    tail.lines()
    path.write_text("new\n", encoding="utf-8")
    assert tail.lines() == ["new"]


def test_missing_file_is_empty(tmp_path):
    assert LogTail(tmp_path / "none.txt").lines() == []

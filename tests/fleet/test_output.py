"""What a process said before it ended."""

from pathlib import Path

from hubbub.fleet.processes import size_of, tail


def test_only_what_came_since(tmp_path: Path) -> None:
    output = tmp_path / "blue-1.out"
    assert (tail(output), size_of(output)) == ("", 0)
    output.write_text("the last life\n")
    since = size_of(output)
    assert tail(output, since) == ""
    with output.open("a") as file:
        file.write("this life\nits end\n")
    assert tail(output, since) == "this life\nits end"
    assert tail(output) == "the last life\nthis life\nits end"


def test_a_long_output_is_cut_at_a_line(tmp_path: Path) -> None:
    output = tmp_path / "blue-1.out"
    output.write_text("before\n" + "".join(f"line {n}\n" for n in range(100)))
    assert tail(output, len("before\n"), size=20) == "line 98\nline 99"


def test_an_emptied_output_is_read_whole(tmp_path: Path) -> None:
    output = tmp_path / "blue-1.out"
    output.write_text("new\n")
    assert tail(output, since=500) == "new"

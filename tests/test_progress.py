"""Progress for people: one bar at a time, everything on standard output."""

from o2u_nb.progress import Bars


def test_bars_and_lines_follow_each_other(capsys):
    with Bars() as bars:
        bars("reading", 1, 2)
        bars("reading", 2, 2)
        bars.say("Found 2 images.")
        bars("training", 3, 3)
    captured = capsys.readouterr()
    assert captured.err == ""
    text = captured.out
    assert (
        text.index("reading: 100%") < text.index("Found 2 images.") < text.index("training: 100%")
    )
    assert "3/3" in text

"""The command line in odd surroundings: one line, the right status, and nothing lost."""

import os
import signal
import subprocess
import sys
import time

import pytest

from o2u_nb import stopping, streams
from o2u_nb.__main__ import main
from o2u_nb.presets import MOST_SEED, PRESETS
from o2u_nb.run import run_audit
from o2u_nb.trace import Trace
from tests.sources import SHORT, TINY, write_source


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setitem(PRESETS, "quick", TINY)
    return write_source(tmp_path / "source", n=24, wrong=1, side=8)


def refused(capsys, *argv) -> str:
    """The one line with which the command line refuses these words."""
    try:
        status = main(list(map(str, argv)))
    except SystemExit as end:
        status = end.code
    said = capsys.readouterr()
    assert status == 2 and said.out == "" and said.err.count("\n") == 1
    return said.err


@pytest.mark.parametrize(
    "words, said",
    [
        (["", "--out", "o"], "expected a path, found an empty text"),
        (["s", "--out", ""], "expected a path, found an empty text"),
        (["s", "--out", "o", "--labels", ""], "expected a path, found an empty text"),
        (["x" * 300, "--out", "o"], "File name too long"),
        (["s", "--out", "y" * 300], "File name too long"),
        (["s", "--out", "o", "--seed", str(2**64)], f"from 0 to {MOST_SEED}"),
        (["s", "--out", "o", "--seed", "9" * 5000], f"from 0 to {MOST_SEED}"),
        (["s", "--out", "o", "--seed", "1e3"], "whole number"),
        (["s", "--out", "o", "--seed", "-1"], "whole number"),
        (["s", "--out", "o", "--processes", "0"], "whole number of at least 1,"),
        (["s", "--out", "o", "--resume", "--overwrite"], "not allowed with argument"),
    ],
)
def test_words_that_cannot_be_meant_are_refused_before_anything_is_done(
    tmp_path, monkeypatch, capsys, words, said
):
    monkeypatch.chdir(tmp_path)
    assert said in refused(capsys, "audit", *words)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "words, said",
    [
        (["certify", ""], "found an empty text"),
        (["reviewers", ""], "found an empty text"),
        (["similar", "", "x.png"], "found an empty text"),
        (["compare", "", "--out", "o"], "found an empty text"),
        (["certify", "a", "--seed", str(2**64)], f"from 0 to {MOST_SEED}"),
        (["certify", "a", "--draw", "9" * 5000], "whole number of at least 0,"),
        (["certify", "a", "--per-class", "-2"], "--per-class"),
        (["similar", "a", "x.png", "--k", "0"], "whole number of at least 1,"),
        (["compare", "a", "--out", "o", "--epochs", "two"], "whole number of at least 1,"),
    ],
)
def test_every_command_refuses_them_in_one_line(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    assert said in refused(capsys, *words)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("seed", [-1, MOST_SEED + 1, 0.5])
def test_a_seed_that_torch_does_not_take_is_refused(source, tmp_path, seed):
    with pytest.raises(ValueError, match="whole number from 0"):
        run_audit(source, tmp_path / "out", preset="quick", seed=seed)


def test_the_largest_seed_is_a_seed(source, tmp_path):
    assert run_audit(source, tmp_path / "out", preset="quick", seed=MOST_SEED).trace.n_epochs == 4


def test_a_pipe_as_a_table_is_refused_and_not_waited_for(source, tmp_path, capsys):
    os.mkfifo(tmp_path / "labels.csv")
    words = ("audit", source, "--out", tmp_path / "out", "--labels", tmp_path / "labels.csv")
    assert "device or pipe" in refused(capsys, *words)


def test_a_table_that_the_shell_hands_over_is_read(source, tmp_path, capsys):
    paths = sorted(path.relative_to(source) for path in source.rglob("*.png"))
    end, begin = os.pipe()
    os.write(begin, "\n".join(["path,label", *(f"{p},{p.parent}" for p in paths)]).encode())
    os.close(begin)
    words = ["audit", str(source), "--out", str(tmp_path / "out"), "--labels", f"/dev/fd/{end}"]
    assert main([*words, "--preset", "quick"]) == 0
    assert "24 pictures in 3 classes" in capsys.readouterr().out


def shell(root, command: str, *argv, **options) -> subprocess.CompletedProcess:
    """Run the command line with the tiny preset in a shell, where `command` says O2U for it."""
    words = " ".join([sys.executable, "-c", '"$SHORT"', *map(str, argv)])
    return subprocess.run(
        ["bash", "-c", command.replace("O2U", words)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "SHORT": SHORT, "OMP_NUM_THREADS": "1"},
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        text=True,
        timeout=100,
        **options,
    )


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
@pytest.mark.parametrize(
    "command, said",
    [
        ("O2U > /dev/full", "o2u_nb: not all could be printed (No space left on device)\n"),
        ("O2U >&- 2>&-", ""),
        ("PYTHONIOENCODING=ascii O2U > /dev/null", ""),
        ("set -o pipefail; O2U | head -n 1", ""),
    ],
)
def test_a_finished_audit_is_no_failure_where_its_summary_cannot_be_printed(
    source, tmp_path, root, command, said
):
    (source / "red").rename(source / "röd")
    done = shell(root, command, "audit", source, "--out", tmp_path / "out", "--preset", "quick")
    assert (done.returncode, done.stderr) == (0, said)
    assert Trace.open(tmp_path / "out" / "trace").n_epochs == 4


def test_streams_are_put_back():
    before = sys.stdout, sys.stderr
    with streams.usable():
        assert sys.stdout is not before[0]
    assert (sys.stdout, sys.stderr) == before


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_after_the_batch_and_a_second_one_at_once(signum, usual_signals, capfd):
    done = []
    stops = pytest.raises(stopping.Stopped)
    with stops as caught, stopping.on_signals(), stopping.after_batches():
        for batch in range(3):
            if batch == 1:
                signal.raise_signal(signum)
            done.append(batch)
            stopping.check()
    assert done == [0, 1] and caught.value.status == 128 + signum
    assert "stopping after this batch" in capfd.readouterr().err
    with pytest.raises(stopping.Stopped), stopping.on_signals(), stopping.after_batches():
        signal.raise_signal(signum)
        signal.raise_signal(signum)
        pytest.fail("the second signal did not stop it")
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_an_interrupted_audit_says_what_to_type(source, tmp_path, monkeypatch, capsys):
    from o2u_nb.trace import TraceWriter

    real = TraceWriter.append

    def interrupt(self, **row):
        if self.n_epochs == 2:
            signal.raise_signal(signal.SIGTERM)  # the batch is finished, and then it stops
        real(self, **row)

    monkeypatch.setattr(TraceWriter, "append", interrupt)
    words = ["audit", str(source), "--out", str(tmp_path / "my out"), "--preset", "quick"]
    assert main([*words, "--overwrite"]) == 143
    said = capsys.readouterr().err
    assert f"--out '{tmp_path}/my out' --preset quick --resume\n" in said
    assert "--overwrite" not in said
    monkeypatch.undo()
    monkeypatch.setitem(PRESETS, "quick", TINY)
    assert main([*words, "--resume"]) == 0
    assert "Going on" in capsys.readouterr().out


def test_an_error_in_place_of_a_stop_is_this_stop(usual_signals):
    """As from NumPy, whose compiled code says that `datetime` could not be imported."""
    with pytest.raises(stopping.Stopped) as caught, stopping.on_signals():
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("datetime") from None
    assert caught.value.status == 130 and isinstance(caught.value.__cause__, ImportError)
    with pytest.raises(ImportError), stopping.on_signals():  # it does not stay known
        raise ImportError("datetime")


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.1, 0.2, 0.5, 1.0])
def test_ctrl_c_while_it_starts_is_one_line(root, delay):
    """From the time on when Python itself has started, which we cannot change."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from o2u_nb.__main__ import main; print(1, flush=True); main()",
         "compare", "--list"],
        cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    process.stdout.readline()
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert said.strip() in ("o2u_nb: interrupted", "")

"""One worker per data folder."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.data_folder import held
from pipeline.domain.errors import InfrastructureError

HOLD = """
import sys
from pathlib import Path
from pipeline.data_folder import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_that_is_held_is_refused_by_the_holder_and_the_setting(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with held(folder), pytest.raises(InfrastructureError) as refused, held(folder):
        pass
    assert str(refused.value) == (
        f"The data folder {folder} is in use by another worker (process {os.getpid()}). "
        "Give every worker a data folder of its own: CORE_ALERTS_DATA_DIR."
    )


def test_a_folder_given_back_can_be_held_again_and_one_refusal_does_not_free_it(tmp_path: Path) -> None:
    with held(tmp_path):
        for _ in range(2):
            with pytest.raises(InfrastructureError), held(tmp_path):
                pass
    with held(tmp_path):
        assert (tmp_path / "worker.lock").read_text() == f"{os.getpid()}\n"


def test_a_holder_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InfrastructureError, match=f"process {holder.pid}"), held(tmp_path):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
    with held(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_says_why_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InfrastructureError, match=r"cannot be written to \(.+\).*CORE_ALERTS_DATA_DIR"),
        held(tmp_path / "file" / "data"),
    ):
        pass

"""Run a command and write what it used: python benchmarks/_used.py OUT.json COMMAND...

A process of its own, and small: Linux counts to a command's memory what its parent had.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def used(words: list[str]) -> dict[str, float]:
    """Return seconds, those of all cores together, the most memory in MB, and the exit code."""
    start = time.perf_counter()
    running = subprocess.Popen(words)
    _, status, about = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    return {
        "s": round(time.perf_counter() - start, 1),
        "cores_s": round(about.ru_utime + about.ru_stime, 1),
        "mb": round(about.ru_maxrss / 1000, 1),
        "code": running.returncode,
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(used(sys.argv[2:])), encoding="utf-8")

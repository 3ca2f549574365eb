"""How threads share the cores; to be called before torch and numpy are loaded."""

import os

# Threads that spin while they wait make a machine with other work ten times slower; threads that
# sleep at once halve the speed of a quiet one. A thousand turns, then sleep, is near the best of
# both (CycleGAN at 64 px on two cores: 20 images/s of 21 alone; three at once: 15 in all of 18).
_SETTINGS = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"}


def wait_politely() -> None:
    """Set what the environment does not say already."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)


def share_cores() -> None:
    """Let each thread of ours multiply its small matrices alone.

    Where there is other work, OpenBLAS's own threads wait for each other ten times longer than they
    multiply.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

"""The environment of a process that computes on one core. NumPy and the frameworks read it as they load."""

ONE_THREAD = dict.fromkeys(
    (
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
        "NPROC",  # by this, XLA chooses the number of its threads
    ),
    "1",
)
"""Variable → value."""

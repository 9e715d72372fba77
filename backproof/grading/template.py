"""A rubric to start from, and the exercise that students get of one."""

from __future__ import annotations

import re
import secrets
import tomllib
from pathlib import Path

from backproof.errors import UsageError

_TEMPLATE = """\
# A rubric of backproof: what is asked for, what it is worth, how it is marked. docs/grading.md has every key.
# Keep it to yourself: it holds the seed of the marks. What students get is made of it:
#   backproof grade --exercise-of rubric.toml > exercise.toml
title = "Backpropagation"

[points]      # of each equation; one without points is not marked
F2 = 2        # Z = W A + b
F3 = 1        # A = σ(Z) in hidden layers
F4 = 1        # the last activation
F5 = 2        # the loss
B4 = 3        # δ of the last layer
B1a = 2       # W^T δ
B5 = 3        # δ of hidden layers
B1 = 2        # dW
B3 = 2        # db, summed over the samples
U1 = 1        # the updated W
U2 = 1        # the updated b

[submission]  # what is looked for, in this order; leave out what you do not ask for
file = "network.py"       # in a folder; a submission that is one file may have any name
class = "Network"         # with set_parameters(W, b), forward(X), backward(Y), update(learning_rate)
function = "network"      # of the case, gives a dict of what it computed
own_layout = false        # whether a submission may say with `backproof = {...}` how its arrays lie

[submission.functions]    # single functions: kind = "name"; any of them may be missing
forward = "forward"
loss = "loss"
output_error = "output_error"
hidden_error = "hidden_error"
gradients = "gradients"
update = "update"

[submission.arguments]    # what each is given, in order; these are the defaults
forward = ["A_previous", "W", "b", "activation"]
loss = ["A", "Y", "loss"]
output_error = ["Z", "A", "Y", "activation", "loss"]
hidden_error = ["delta_next", "W_next", "Z", "A", "activation"]
gradients = ["delta", "A_previous"]
update = ["W", "b", "dW", "db", "learning_rate"]

[networks]    # what is asked for: the keys of a declaration, docs/your-own.md
depth = [1, 3]            # layers, least and most
width = [1, 6]            # units of a layer
batch = [1, 8]            # samples
hidden = ["relu", "sigmoid", "tanh"]
output = ["identity", "sigmoid", "softmax"]
losses = ["half_squared_error", "bce", "cross_entropy"]
pairs = [["identity", "half_squared_error"], ["sigmoid", "bce"], ["softmax", "cross_entropy"]]
loss_scale = "/m"         # what the sum over samples and outputs is divided by: "sum", "/m", "/(m n_out)"
dtypes = ["float64"]
samples = "columns"       # X is (n_0, m); "rows" for (m, n_0)
weights = "outputs x inputs"
bias = "column"           # (n, 1); "row" for (1, n), "flat" for (n,)

[marking]
cases = 40                # random networks, in each dtype
seed = SEED
open_seed = 1             # of the cases that `backproof check` shows to students
floor = 0.8               # an equation must be judged in this share of the cases to earn its points
unstable = 0.25           # the share of its points that an equation loses where it overflows or cancels
time_limit = 2            # seconds of processor time for one case
memory_limit = 2048       # MiB
feedback = "diagnosis"    # what students are told: "verdict", "diagnosis", or "solution" with the answers
"""


def template() -> str:
    """The text of a rubric with a seed of its own."""
    return _TEMPLATE.replace("SEED", f"{secrets.randbits(48)}  # the sealed seed: drawn for this file")


def write_template(path: str | Path) -> None:
    """Writes it to a new file. Raises UsageError."""
    place = Path(path)
    try:
        with place.open("x", encoding="utf-8") as file:
            file.write(template())
    except FileExistsError:
        raise UsageError(f"{place} is there already; give another name, or remove it") from None
    except OSError as error:
        raise UsageError(f"{place} cannot be written: {error.strerror}; give another place") from None


def exercise_of(path: str | Path) -> str:
    """The text of a rubric without its sealed seed, for students. Raises UsageError."""
    from .rubric import parse_rubric, read_rubric

    read_rubric(path, sealed=True)
    place = Path(path)
    text = place.read_bytes().decode("utf-8")
    wanted = tomllib.loads(text)
    del wanted["marking"]["seed"]
    kept = [line for line in text.splitlines() if not re.match(r"\s*seed\s*=", line)]
    kept = [line for line in kept if not line.startswith(("# Keep it to yourself", "#   backproof grade"))]
    exercise = "\n".join(kept) + "\n"
    if tomllib.loads(exercise) != wanted:
        raise UsageError(f"{place}: write marking.seed on a line of its own below [marking], as seed = …")
    parse_rubric(exercise, place.name)
    return exercise

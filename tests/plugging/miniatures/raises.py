"""Implementations that raise: errors with hostile texts, without a text, and those that are no Exception."""

import math

import numpy as np
from right import always, breaks, three, wide

HOSTILE = "\x1b]0;owned\x07\x1b[2J\rall is well\n\u202e\ud800"


class UnheardOf(BaseException):
    pass


class WithoutText(Exception):  # noqa: N818
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


@breaks(on=three)
def raises_a_value_error(view):
    raise ValueError("no rule for 3 samples")


@breaks(on=three)
def raises_a_key_error_with_ansi_sequences(view):
    return {}[f"{HOSTILE}red"]


@breaks(on=three)
def raises_an_error_with_a_hostile_text(view):
    raise RuntimeError(HOSTILE)


@breaks(on=three)
def raises_an_error_of_a_hostile_name(view):
    raise type("\x1b[31mRed\n", (Exception,), {})


@breaks(on=three)
def raises_an_error_with_ten_million_letters(view):
    raise ValueError("long " * 2_000_000)


@breaks(on=three)
def raises_an_error_whose_text_raises(view):
    raise WithoutText


@breaks(on=three)
def fails_an_assertion_without_text(view):
    assert view.samples != 3


@breaks(on=three)
def raises_what_is_no_exception(view):
    raise UnheardOf("no Exception")


@breaks(on=three)
def raises_system_exit(view):
    raise SystemExit(0)


@breaks(on=three)
def raises_system_exit_with_a_text(view):
    raise SystemExit("goodbye")


@breaks(on=three)
def raises_keyboard_interrupt(view):
    raise KeyboardInterrupt


@breaks(on=three)
def raises_stop_iteration(view):
    return next(iter(()))


@breaks(on=three)
def raises_generator_exit(view):
    raise GeneratorExit


@breaks(on=three)
def raises_memory_error(view):
    raise MemoryError


@breaks(on=three)
def recurs_without_end(view):
    return recurs_without_end(view)


@breaks(on=wide)
def overflows_in_math_exp(view):
    return math.exp(1000 * float(np.max(np.abs(view.X))) + 700)


@breaks(on=three)
def does_not_support_three_samples(view):
    raise NotImplementedError("three samples")


@breaks(on=always)
def always_raises(view):
    raise ValueError("never right")

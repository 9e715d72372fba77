"""What is expected of each miniature, in one table: the verdict, and the reason as a user reads it.

A reason is a regular expression that some finding's `reason` matches. Where a wording of ours is matched,
it says what the user's code did, in the past tense or as a state, and names the part, the value or the limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Expected:
    """What a run on one miniature finds."""

    reason: str
    verdict: str = "fault"
    partial: bool = True
    """Whether only some cases go wrong, so that others conform."""
    harmless: bool = True
    """Whether it may be run in the process of the harness, too: it comes back, and leaves no damage."""
    words: tuple[str, ...] = ()
    """Options beside the usual ones."""


def isolated(reason: str, **changes: Any) -> Expected:
    """A fault that only a process of its own holds off."""
    return Expected(reason, harmless=False, **changes)


FLOAT32 = ("--dtype", "float32")
MANY = ("--cases", "100", "--oracles", "torch")
"""For what shows only in arrays of an unusual layout, which few cases have."""

RAISES = {
    "raises_a_value_error": Expected(r"^raised ValueError: no rule for 3 samples"),
    "raises_a_key_error_with_ansi_sequences": Expected(r"^raised KeyError: .*\\x1b.*red"),
    "raises_an_error_with_a_hostile_text": Expected(
        r"^raised RuntimeError: \\x1b\]0;owned\\x07\\x1b\[2J(\\r| )all is well(\\n| )+\\u202e\\ud800"
    ),
    "raises_an_error_of_a_hostile_name": Expected(r"^raised \\x1b\[31mRed"),
    "raises_an_error_with_ten_million_letters": Expected(r"^raised ValueError: long long .{,2000}$"),
    "raises_an_error_whose_text_raises": Expected(r"^raised WithoutText"),
    "fails_an_assertion_without_text": Expected(r"^raised AssertionError"),
    "raises_what_is_no_exception": isolated(r"^raised UnheardOf: no Exception"),
    "raises_system_exit": Expected(r"^raised SystemExit: 0"),
    "raises_system_exit_with_a_text": Expected(r"^raised SystemExit: goodbye"),
    "raises_keyboard_interrupt": isolated(r"^raised KeyboardInterrupt"),
    "raises_stop_iteration": Expected(r"^raised StopIteration"),
    "raises_generator_exit": isolated(r"^raised GeneratorExit"),
    "raises_memory_error": Expected(r"^(raised MemoryError|ran out of memory)"),
    "recurs_without_end": Expected(r"^raised RecursionError: maximum recursion depth exceeded"),
    "overflows_in_math_exp": Expected(r"^raised OverflowError: math range error"),
    "always_raises": Expected(r"^raised ValueError: never right", partial=False),
}

NO_ANSWER = r"^gave no answer within (2|12) s"
HANGING = ("--time-limit", "2", "--cases", "8")
"""For what takes the time limit each time: with the usual seed one of these cases has three samples."""
HANGS = {
    "sleeps": isolated(NO_ANSWER, words=HANGING),
    "spins": isolated(NO_ANSWER, words=HANGING),
    "ignores_every_signal_that_can_be_ignored": isolated(NO_ANSWER, words=HANGING),
    "swallows_whatever_is_raised_in_it": isolated(NO_ANSWER, words=HANGING),
    "hangs_in_c_and_lets_no_other_thread_run": isolated(NO_ANSWER, words=HANGING),
    "stops_its_own_process": isolated(NO_ANSWER, words=HANGING),
    "reads_standard_input": isolated(r"^raised EOFError: EOF when reading a line"),
    "always_sleeps": isolated(NO_ANSWER, partial=False, words=HANGING),
}

OUT_OF_MEMORY = r"^ran out of memory|^raised \w*MemoryError|memory being limited to"
DIES = {
    "segfaults": isolated(r"its process died of SIGSEGV"),
    "aborts": isolated(r"its process died of SIGABRT"),
    "kills_itself": isolated(r"its process died of SIGKILL"),
    "ends_its_process_with_status_3": isolated(r"^ended its process with status 3"),
    "ends_its_process_with_status_0": isolated(r"^ended its process with status 0"),
    "becomes_another_program": isolated(r"^ended its process with status 0"),
    "exhausts_memory_at_once": isolated(OUT_OF_MEMORY),
    "exhausts_memory_bit_by_bit": isolated(OUT_OF_MEMORY),
    "exhausts_memory_and_keeps_quiet": isolated(OUT_OF_MEMORY),
    "leaks_memory_with_each_call": isolated(OUT_OF_MEMORY),
    "always_segfaults": isolated(r"its process died of SIGSEGV", partial=False),
}

FLOOD = r"printed (more than )?\d+ MiB"
FLOODS = {
    "floods_standard_output": isolated(FLOOD),
    "floods_standard_error": isolated(FLOOD),
    "floods_without_a_newline": isolated(FLOOD),
    "floods_with_binary_noise": isolated(FLOOD),
    "floods_through_a_child": isolated(FLOOD),
    "floods_without_end": isolated(FLOOD, words=HANGING),
}

MEDDLES = {
    "closes_every_descriptor": isolated(r"^closed the connection to the harness"),
    "writes_noise_into_every_descriptor": isolated(r"^(wrote into|closed) the connection to the harness"),
}

SHAPE = r"(\[1\])? has shape \(.*\), expected \(\d+, \d+\)"


def of_dtype(name: str) -> str:
    """What is said of a dW of that dtype."""
    return rf"^dW(\[1\])? (has dtype {name}, but the case is float|is an array of dtype {name}, not )"


ANSWERS = {
    "has_nan_gradients": Expected(r"not finite", verdict="mismatch"),
    "has_an_infinite_loss": Expected(r"not finite", verdict="mismatch"),
    "has_nan_in_plain_lists": Expected(r"not finite", verdict="mismatch"),
    "has_a_column_too_many": Expected(rf"^dW{SHAPE}"),
    "flattens_gradients": Expected(rf"^dW{SHAPE}"),
    "transposes_gradients": Expected(rf"^dW{SHAPE}"),
    "transposes_square_gradients": Expected(r"outside the bound", verdict="mismatch"),
    "has_flat_bias_gradients": Expected(rf"^db{SHAPE}"),
    "sums_no_samples_for_the_bias": Expected(rf"^db{SHAPE}"),
    "has_a_loss_for_each_sample": Expected(r"^loss has shape \(\d,\), expected"),
    "has_an_enormous_gradient": Expected(r"^dW(\[1\])? has shape \(3000, 3000\), expected"),
    "lacks_a_layer": Expected(r"^dW has \d entr(y|ies), expected \d, one for each layer"),
    "has_a_layer_too_many": Expected(r"^db has \d entries, expected \d, one for each layer"),
    "answers_float32_cases_in_float64": Expected(of_dtype("float64"), words=FLOAT32),
    "answers_in_float16": Expected(of_dtype("float16")),
    "answers_in_whole_numbers": Expected(of_dtype("int64")),
    "answers_in_complex_numbers": Expected(of_dtype("complex128")),
    "answers_in_booleans": Expected(of_dtype("bool")),
    "answers_in_objects": Expected(of_dtype("object")),
    "answers_in_texts": Expected(of_dtype(r"<U\d+")),
    "has_ragged_lists": Expected(r"^dW(\[1\])? is ragged"),
    "has_texts_in_lists": Expected(r"^dW(\[1\])? (has ('.*'|a str) inside|is a str)"),
    "has_none_in_lists": Expected(r"^dW(\[1\])? (has None inside|is None)"),
    "has_whole_numbers_beyond_every_float": Expected(r"^dW(\[1\])?.*(too large|huge integer)"),
    "has_a_list_that_contains_itself": Expected(r"^dW(\[1\])?.*nested (deeper|too deep)"),
    "has_none_for_a_layer": Expected(r"^dW\[1\] is None"),
    "has_a_generator_for_a_list": Expected(r"^dW is a generator"),
    "has_a_dict_for_a_list": Expected(r"^dW is a dict"),
    "has_one_array_for_a_list": Expected(r"^dW is an array"),
    "has_a_list_without_end": isolated(rf"^dW|{NO_ANSWER}", words=HANGING),
    "has_a_text_for_a_loss": Expected(r"^loss is a str"),
    "answers_none": Expected(r"^returned None, which has none of loss, Z, "),
    "answers_a_text": Expected(r"^returned a str, which has none of"),
    "answers_a_number": Expected(r"^returned a float64, which has none of"),
    "answers_a_tuple": Expected(r"^returned a tuple, which has none of"),
    "answers_nothing": Expected(r"^returned none of loss, Z, "),
    "answers_an_object_without_attributes": Expected(r"^returned a WithoutAttributes, which has none of"),
    "answers_an_object_that_cannot_be_read": Expected(r"RuntimeError: no gradients today"),
    "has_a_key_in_small_letters": Expected(r"unknown key 'dw'.*did you mean 'dW'\?"),
    "has_an_unknown_key": Expected(r"unknown key 'grads'.*known: .*dW"),
    "has_a_hostile_key": Expected(r"unknown key '.*\\x1b\[31mdW"),
    "has_a_key_that_is_no_text": Expected(r"unknown key '?1\b"),
}
TENSORS = {
    "answers_with_tensors_that_require_gradients": Expected(r"^dW(\[1\])? is a Tensor"),
}

AGAIN = r"^gives another answer when called (again|twice)"
AFTER = r"after a case with another batch size and other parameters"
LAYOUT = r"^gives another answer for .* than for plain ones"
STATE = {
    "adds_random_noise": Expected(AGAIN, words=MANY),
    "alternates_between_right_and_wrong": Expected(AGAIN),
    "is_wrong_when_called_again": Expected(AGAIN),
    "divides_by_the_batch_size_that_a_network_had_first": Expected(
        r"differs from its own answer", verdict="mismatch"
    ),
    "divides_by_the_first_batch_size_of_all": Expected(r"outside the bound", verdict="mismatch"),
    "keeps_the_buffer_of_the_first_batch": Expected(r"^raised ValueError: could not broadcast"),
    "answers_in_the_same_memory_each_time": Expected(r"^dW is the array of a former answer"),
    "centres_X_in_place": Expected(r"^changed its argument X\b"),
    "turns_Y_into_the_error_in_place": Expected(r"^changed its argument Y\b"),
    "updates_W_in_place": Expected(r"^changed its argument W\b"),
    "updates_b_in_place": Expected(r"^changed its argument b\b"),
    "empties_the_list_of_weights": Expected(r"^changed its argument W\b"),
    "changes_the_names_of_activations": Expected(r"^changed its argument activations\b"),
    "answers_in_the_memory_of_its_arguments": Expected(r"^W_updated shares memory with its argument"),
    "needs_writable_arguments": Expected(
        r"^raised ValueError: assignment destination is read-only.*given read-only arrays", words=MANY
    ),
    "reads_X_in_the_order_of_memory": Expected(LAYOUT, words=MANY),
    "takes_X_for_contiguous": Expected(LAYOUT, words=MANY),
    "seeds_numpy": Expected(r"^changed the state of numpy\.random"),
    "draws_from_numpys_global_generator": Expected(r"^changed the state of numpy\.random"),
    "seeds_random": Expected(r"^changed the state of random\b"),
    "ignores_floating_point_errors": Expected(r"^changed numpy\.seterr"),
    "raises_on_floating_point_errors": Expected(r"^changed numpy\.seterr"),
    "ignores_warnings": Expected(r"^changed the (warning|warnings) filters|^changed the filters of warnings"),
}
"""Those that change what belongs to the process are harmless: the harness puts it back."""

PREDICTION = r"after a prediction for another batch size"
OBJECTS = {
    "KeepsTheFirstBatch": Expected(PREDICTION),
    "PredictingTurnsTrainingOff": Expected(PREDICTION),
    "AddsToFormerGradients": Expected(AGAIN),
    "RemembersTheFirstBatchSize": Expected(rf"{PREDICTION}|{AFTER}"),
    "SetsParametersOnce": Expected(AFTER),
    "RaisesWhenMade": Expected(r"^raised ValueError: too wide"),
    "RaisesInBackward": Expected(r"^raised ZeroDivisionError: three samples"),
    "UpdatesTheGivenParameters": Expected(r"^changed its argument W\b", partial=False),
}

CONFORMING = (
    "right.py:right",
    "right.py:Right",
    "right.py:right_training_step",
    "hangs.py:is_slow_but_right",
    "floods.py:prints_a_line_with_each_call",
    "floods.py:prints_what_looks_like_an_answer",
    "meddles.py:closes_the_standard_streams",
    "meddles.py:replaces_the_standard_streams",
    "meddles.py:changes_the_folder",
    "meddles.py:forks_and_lets_the_child_answer_too",
    "meddles.py:leaves_a_child_running",
    "meddles.py:leaves_a_thread_running",
    "meddles.py:hangs_when_its_process_ends",
    "answers.py:answers_with_an_object",
    "answers.py:answers_with_plain_numbers_and_lists",
    "answers.py:answers_with_arrays_of_odd_memory_layout",
    "answers.py:answers_in_big_endian_numbers",
    "answers.py:leaves_the_loss_out",
    "tensors.py:answers_with_tensors",
    "state.py:has_a_generator_of_its_own",
    "state.py:changes_the_environment",
    "state.py:changes_the_recursion_limit",
    "state.py:sets_an_attribute_of_its_view",
    "objects.py:GivesGradientsByMethods",
    "objects.py:IsMadeOfNothing",
    "trains_on_import_briefly.py:right",
    "prints_on_import.py:right",
)
"""What is odd, or rude to its own process, and right: no fault."""

_FILES = {
    "raises.py": RAISES,
    "hangs.py": HANGS,
    "dies.py": DIES,
    "floods.py": FLOODS,
    "meddles.py": MEDDLES,
    "answers.py": ANSWERS,
    "tensors.py": TENSORS,
    "state.py": STATE,
    "objects.py": OBJECTS,
}
EXPECTED = {f"{file}:{name}": each for file, table in _FILES.items() for name, each in table.items()}
"""`file.py:name` → what a run on it finds."""
QUICK = {
    *("raises.py:raises_a_value_error", "raises.py:recurs_without_end"),
    *("hangs.py:sleeps", "hangs.py:reads_standard_input"),
    *("dies.py:kills_itself", "dies.py:exhausts_memory_at_once", "dies.py:ends_its_process_with_status_0"),
    *("floods.py:floods_standard_output", "meddles.py:writes_noise_into_every_descriptor"),
    *("answers.py:answers_nothing", "answers.py:has_nan_gradients", "answers.py:flattens_gradients"),
    *("answers.py:answers_float32_cases_in_float64", "answers.py:has_a_layer_too_many"),
    *("state.py:alternates_between_right_and_wrong", "state.py:centres_X_in_place"),
    "objects.py:KeepsTheFirstBatch",
}
"""Some of each kind: a run on one takes a second or two, and there are more than a hundred."""
assert set(EXPECTED) >= QUICK

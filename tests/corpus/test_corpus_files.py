"""A corpus on disk: what is kept is read back bit for bit, whatever else lies there refused in one line."""

from __future__ import annotations

import copy
import errno
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jaxtyping
import pytest

import backproof.reporting.files
from backproof.corpus import keep, read_corpus, read_entry
from backproof.corpus.files import entry_json
from backproof.corpus.model import LONGEST_LINE
from backproof.errors import ReportError
from refimpl import case_to_dict

from .samples import case, kept, saved

NAME = kept().file_name


@pytest.fixture(autouse=True)
def _without_type_checks() -> Iterator[None]:
    """refimpl as it is when installed: wrong values reach its own checks, not those of the test run."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


def refusal(path: Path) -> str:
    """The message with which a file is refused: one line that can be printed and names the file."""
    with pytest.raises(ReportError, match=r"\w") as error:
        read_entry(path)
    message = str(error.value)
    assert message.isprintable()
    assert len(message) < 3000
    assert path.name in message
    return message


def written(folder: Path, content: str | bytes, name: str = NAME) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def edited(**changes: Any) -> str:
    """The sample entry with keys changed."""
    return json.dumps({**json.loads(entry_json(kept().entry)), **changes})


# ---------------------------------------------------------------- what is kept


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_entry_is_read_back_with_every_bit_of_its_case(tmp_path: Path, dtype: str) -> None:
    found = kept(case(dtype, x=0.1), equation="B5", cause="W where its transpose belongs")
    assert keep(found, tmp_path / "new" / "corpus")
    path = tmp_path / "new" / "corpus" / f"{found.case.content_hash[:16]}.json"
    back = read_entry(path)
    assert back == found
    assert back.case == case(dtype, x=0.1)
    assert (back.entry.equation, back.entry.cause) == ("B5", "W where its transpose belongs")


def test_what_is_there_already_stays_as_it_is(tmp_path: Path) -> None:
    assert keep(kept(), tmp_path)
    before = (tmp_path / NAME).read_bytes()
    assert not keep(kept(note="another note"), tmp_path)
    assert (tmp_path / NAME).read_bytes() == before


def test_the_same_finding_makes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        keep(kept(), tmp_path / name)
    assert (tmp_path / "one" / NAME).read_bytes() == (tmp_path / "two" / NAME).read_bytes()


def test_a_corpus_is_read_in_the_order_of_names_whatever_the_order_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = [kept(case(x=x)) for x in (0.25, 1.0, 2.0, 3.0, 4.0)]
    for each in several:
        keep(each, tmp_path)
    names = sorted(each.file_name for each in several)
    assert [each.file_name for each in read_corpus(tmp_path)] == names
    listed = sorted(tmp_path.iterdir(), reverse=True)
    monkeypatch.setattr(Path, "iterdir", lambda _: iter(listed))
    assert [each.file_name for each in read_corpus(tmp_path)] == names


def test_other_files_may_lie_beside_the_entries(tmp_path: Path) -> None:
    saved(tmp_path, kept())
    (tmp_path / "README.md").write_text("why these")
    (tmp_path / f".{NAME}.123.partial").write_text('{"format"')
    (tmp_path / ".hidden.json").write_text("{")
    (tmp_path / "older").mkdir()
    assert [each.file_name for each in read_corpus(tmp_path)] == [NAME]


def test_a_name_says_what_the_case_is() -> None:
    digits = case("float32", "softsign").content_hash[:8]
    assert kept(case("float32", "softsign")).name == f"softsign-mse-float32-{digits}"


# ---------------------------------------------------------------- written whole or not at all


def _break(monkeypatch: pytest.MonkeyPatch, method: str, error: BaseException) -> None:
    def broken(self: Path, *_: Any, **__: Any) -> None:
        if method == "write_text":
            with self.open("w") as file:
                file.write('{"format": "backpro')
        raise error

    monkeypatch.setattr(Path, method, broken)


@pytest.mark.parametrize("method", ["write_text", "replace"])
def test_who_interrupts_while_an_entry_is_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    saved(tmp_path, kept(case(x=9.0)))
    _break(monkeypatch, method, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        keep(kept(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [kept(case(x=9.0)).file_name]


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _break(monkeypatch, "write_text", OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(
        ReportError, match=r"^cannot write into the corpus .*: No space left .*another folder$"
    ):
        keep(kept(), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["file", "file/below", "x" * 300, "a\0b"])
def test_a_folder_that_cannot_be_is_told(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(ReportError, match=r"^cannot write into the corpus .*; choose another folder$"):
        keep(kept(), tmp_path / folder)
    assert (tmp_path / "file").read_text() == "kept"


def test_what_lies_under_the_name_of_an_entry_and_is_none_is_not_taken_for_one(tmp_path: Path) -> None:
    written(tmp_path, '{"format": "backproof-corpus-entry"')
    with pytest.raises(ReportError, match=f"{NAME} is not a whole entry.* is the file complete"):
        keep(kept(), tmp_path)


# ---------------------------------------------------------------- hostile files


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty; give a whole entry of a corpus"),
        ("{", "not a whole entry of a corpus: not valid JSON at line 1, column 2.* is the file complete"),
        ("[" * 200_000, "nests too deep"),
        ('{"a":' * 5_000 + "1" + "}" * 5_000, "nests too deep"),
        ("1" * 5_000, "too many digits"),
        ("NaN", "NaN is not JSON; write it as a string"),
        (
            "null",
            "its 'format' is not 'backproof-corpus-entry'; move it elsewhere, or add it with: backproof",
        ),
        ("[]", "its 'format' is not 'backproof-corpus-entry'"),
        (json.dumps(case_to_dict(case())), "no entry of a corpus.* add it with: backproof corpus add"),
        ('{"format": "backproof-report"}', "no entry of a corpus"),
        ('{"format": "backproof-corpus-entry", "format": 1}', "'format' stands twice"),
        ('{"format": "backproof-corpus-entry"}', "'version' is not like '1.0'"),
        ('{"\\u001b[31m": "\\ud800\\u202e"}', "no entry of a corpus"),
        (b"\xff\xfe\x00\x01" * 99, "is not UTF-8 text"),
        (b"\x00" * 99, "not valid JSON"),
        (edited().replace("-1.5", "NaN"), "NaN is not JSON"),
        (edited().replace("-1.5", "1e999"), "case: holds a number that is not finite"),
    ],
)
def test_a_file_that_holds_no_entry_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    assert re.search(message, refusal(written(tmp_path, content)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": "1.1"}, "corpus entry version 1.1; this backproof reads up to 1.0: install a newer one"),
        ({"version": "2.0"}, "corpus entry version 2.0; .*: install a newer one"),
        ({"version": "2.0", "new key": 1}, "corpus entry version 2.0; .*: install a newer one"),
        ({"version": "0.9"}, "corpus entry version 0.9, which is no longer read; add its case again"),
        *(
            ({"version": version}, "'version' is not like '1.0'")
            for version in (1, 1.0, None, "1", "1.0.0", "one.two", "1.999999999", "-1.0", "¹.0", [1, 0])
        ),
        ({"date": "2026"}, "not a valid entry of a corpus: date: Extra inputs are not permitted; was it"),
        ({"found": {"date": "2026"}}, "found.date: Extra inputs are not permitted"),
        ({"found": {"implementation": 1}}, "found.implementation: Input should be a valid string"),
        ({"note": None}, "note: Input should be a valid string"),
        ({"note": "x" * (LONGEST_LINE + 1)}, "note: has 501 characters; the most is 500"),
        ({"cause": ["B5"]}, "cause: Input should be a valid string"),
        ({"equation": "B9"}, "equation: 'B9' is no equation; known: F1, .*U2, or null"),
        ({"equation": 5}, "equation: Input should be a valid string"),
        ({"case": None}, "case: "),
        ({"case": []}, "case: Input should be a valid dictionary"),
        ({"case": {}}, "holds no valid case: .*'format' is not 'backproof-case'"),
        ({"case": {**case_to_dict(case()), "version": 2}}, "the case has version 2; this backproof reads"),
        ({"case": {**case_to_dict(case()), "dtype": "float16"}}, "dtype 'float16' is unknown"),
        ({"case": case_to_dict(case(x=0.75))}, "is not named after its case, .*; was it edited"),
    ],
)
def test_an_entry_with_something_else_in_it_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    assert re.search(message, refusal(written(tmp_path, edited(**changes))))


def test_an_entry_of_which_the_end_is_missing_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    text = entry_json(kept().entry)
    for length in range(0, len(text.rstrip()), 5):
        refusal(written(tmp_path, text[:length]))


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _places(item, (*place, key))


NONSENSE = (None, True, -1, 1e300, 10**400, "nan", "\x1b[2J\ud800", [], [[1], []], {}, {"W": []}, [None])


def test_an_entry_with_nonsense_in_any_one_place_is_refused_or_names_the_same_case(tmp_path: Path) -> None:
    values = json.loads(entry_json(kept(equation="B5", cause="some").entry))
    refused = 0
    for place in list(_places(values))[1:]:
        for nonsense in NONSENSE:
            changed = copy.deepcopy(values)
            inner = changed
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = nonsense
            path = written(tmp_path, json.dumps(changed))
            try:
                back = read_entry(path)
            except ReportError:
                refusal(path)
                refused += 1
            else:  # what is said about the case may be any line of text
                assert place[-1] in {"note", "cause", "implementation", "mistake", "equation", "found"} or (
                    nonsense == {} and place[-1] == "parameters"
                )
                assert back.case == case()
                assert back.remark.isprintable()
    assert refused > 200


def test_a_file_that_is_too_long_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backproof.reporting.files, "_LONGEST_FILE", 1000)
    path = written(tmp_path, edited(note="x" * 490) + " " * 1000)
    assert "is longer than 1000 bytes" in refusal(path)


def test_what_is_no_file_is_refused_and_nobody_waits_for_it(tmp_path: Path) -> None:
    path = tmp_path / NAME
    assert "No such file or directory" in refusal(path)
    path.symlink_to(path)
    assert "symbolic links" in refusal(path)
    path.unlink()
    path.symlink_to("/dev/zero")
    assert "it is no file" in refusal(path)
    path.unlink()
    path.mkdir()
    assert "it is no file" in refusal(path)
    path.rmdir()
    os.mkfifo(path)
    assert "it is no file" in refusal(path)


def test_a_link_to_a_whole_entry_is_one(tmp_path: Path) -> None:
    saved(tmp_path / "elsewhere", kept())
    (tmp_path / NAME).symlink_to(tmp_path / "elsewhere" / NAME)
    assert read_entry(tmp_path / NAME) == kept()


@pytest.mark.parametrize("name", ["softsign.json", "0123456789abcdef.json", NAME.replace(".json", ".JSON")])
def test_an_entry_under_another_name_is_refused_with_the_right_one(tmp_path: Path, name: str) -> None:
    written(tmp_path, entry_json(kept().entry), name)
    with pytest.raises(ReportError, match=f"is not named after its case, {NAME}; .* rename it"):
        read_corpus(tmp_path)


# ---------------------------------------------------------------- folders


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("missing", "cannot read the corpus .*missing: No such file or directory; give a folder that"),
        ("file", "cannot read the corpus .*file: Not a directory; give a folder that 'backproof corpus add'"),
        ("loop", "cannot read the corpus .*loop: Too many levels of symbolic links"),
        ("empty", "the corpus .*empty has no entries; add some with: backproof corpus add"),
        ("a\0b", "cannot read the corpus .*a.x00b: embedded null byte"),
    ],
)
def test_what_is_no_corpus_is_refused(tmp_path: Path, folder: str, message: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "README.md").write_text("none yet")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ReportError, match=f"^{message}"):
        read_corpus(tmp_path / folder)


def test_one_broken_entry_makes_the_corpus_unusable_and_is_named(tmp_path: Path) -> None:
    saved(tmp_path, kept(), kept(case(x=2.0)))
    written(tmp_path, edited()[:99])
    with pytest.raises(ReportError, match=f"{NAME} is not a whole entry of a corpus"):
        read_corpus(tmp_path)

"""What holds for the whole tree: sizes, docstrings, nothing left undone, example answers that stand in their notes."""

import ast
import json
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("bot", "memory", "tuning", "scripts")
FUNCTION_LINES, FILE_LINES = 80, 500
NOTES = ROOT / "examples" / "notes"
CHINESE = re.compile("[\u4e00-\u9fff]")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(*folders: str) -> list[Path]:
    """All Python files of these folders."""
    return sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))


def functions(file: Path) -> Iterator[Function]:
    """Every function and method of a file, inner ones too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_lines(function: Function) -> int:
    """Lines of a function's body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def place(file: Path, line: int = 1) -> str:
    """Where something was found, for the failure's message."""
    return f"{file.relative_to(ROOT)}:{line}"


def test_no_function_is_too_long() -> None:
    """A function body that needs more than 80 lines is several functions."""
    found = [
        f"{place(file, function.lineno)} {function.name}: {body_lines(function)} lines"
        for file in sources(*PRODUCT, "tests")
        for function in functions(file)
        if body_lines(function) > FUNCTION_LINES
    ]
    assert not found


def test_most_functions_are_short() -> None:
    """Half of the product's functions have at most 10 lines, 95 % at most 50."""
    lengths = [body_lines(function) for file in sources(*PRODUCT) for function in functions(file)]
    assert statistics.median(lengths) <= 10
    assert sum(length <= 50 for length in lengths) >= 0.95 * len(lengths)


def test_no_file_is_too_long() -> None:
    """A file of more than 500 lines is several modules."""
    lengths = {place(file): len(file.read_text(encoding="utf-8").splitlines()) for file in sources(*PRODUCT, "tests")}
    assert not {file: length for file, length in lengths.items() if length > FILE_LINES}


def test_every_module_says_what_it_is_for() -> None:
    """Each module that holds code opens with a docstring."""
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in sources(*PRODUCT, "tests")}
    assert not [place(file) for file, tree in trees.items() if tree.body and not ast.get_docstring(tree)]


def test_every_test_says_the_behaviour() -> None:
    """Each test's docstring is the sentence that it proves."""
    found = [
        f"{place(file, function.lineno)} {function.name}"
        for file in sources("tests")
        if file.name.startswith("test_")
        for function in functions(file)
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]
    assert not found


def test_nothing_is_left_undone_or_skipped() -> None:
    """No note to do something later, and no test that is skipped or expected to fail."""
    # Written with brackets, so that this file doesn't find itself.
    left = re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X]|HA[C]K)\b|pytest\.(?:mark\.)?(?:sk[i]p|xf[a]il|import[o]rskip)")
    found = [
        place(file, number)
        for file in sources(*PRODUCT, "tests")
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if left.search(line)
    ]
    assert not found


def example_questions() -> list[dict[str, str | None]]:
    """The rows of examples/questions.jsonl."""
    lines = (ROOT / "examples" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_example_questions_have_the_promised_mix() -> None:
    """40 questions with their own ids, 14 that the notes don't answer, 12 in Chinese."""
    questions = example_questions()
    assert len({row["id"] for row in questions}) == len({row["text"] for row in questions}) == 40
    assert all((row["answer"] is None) == (row["source"] is None) for row in questions)
    assert sum(row["answer"] is None for row in questions) == 14
    assert sum(CHINESE.search(str(row["text"])) is not None for row in questions) == 12


@pytest.mark.parametrize("row", [row for row in example_questions() if row["answer"]], ids=lambda row: row["id"])
def test_example_answers_stand_in_their_note(row: dict[str, str | None]) -> None:
    """The words of an answer, or its numbers where the question is in another language, stand in the note it names."""
    note = note_text(NOTES / str(row["source"]))
    words = (
        re.findall(r"[\w-]+", str(row["answer"])) if not CHINESE.search(str(row["answer"])) else [str(row["answer"])]
    )
    if CHINESE.search(str(row["text"])) and not CHINESE.search(note):
        words = re.findall(r"\d+", str(row["answer"]))
    assert not [word for word in words if word.lower() not in note.lower()]


def note_text(file: Path) -> str:
    """A note as plain text, by the format's own library."""
    if file.suffix == ".pdf":
        import pypdf

        return "\n".join(page.extract_text() for page in pypdf.PdfReader(file).pages)
    if file.suffix == ".docx":
        import docx

        return "\n".join(paragraph.text for paragraph in docx.Document(str(file)).paragraphs)
    return file.read_text(encoding="utf-8")


def test_example_notes_are_small_and_of_every_kind() -> None:
    """The notes that a first start imports come in each format, a few KB each, and their links lead somewhere."""
    files = [file for file in NOTES.iterdir() if file.is_file()]
    assert {file.suffix for file in files} == {".md", ".txt", ".html", ".pdf", ".docx"}
    assert max(file.stat().st_size for file in files) < 8_000
    names = {file.stem for file in files}
    for file in files:
        if file.suffix == ".md":
            links = set(re.findall(r"\[\[([^\]|]+)", file.read_text(encoding="utf-8")))
            assert links <= names, file.name

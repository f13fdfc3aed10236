"""A bad row is counted with its line and without its content; a bad file gets one sentence."""

import gzip
import json
import random

import pytest

from otel_clinical.backtest import HistoryError, read_history

HEAD = "encounter,time,truth,p,payer,department\n"
GOOD = "e1,1700000000,1,0.9,medicaid,surgery\n"
CANARY = "CANARY-77"


def read(world, path):
    mapping, _, model = world.documents()
    return read_history(path, mapping, model)


ROWS = [
    ("too few fields", "e2,1700000001,1\n", "has 3 fields, the header has 6"),
    ("too many fields", f"e2,1700000001,1,0.9,medicaid,surgery,{CANARY}\n", "has 7 fields, the header has 6"),
    ("no number", f"e2,1700000001,1,{CANARY},medicaid,surgery\n", "column p holds no number"),
    ("not a number", "e2,1700000001,1,nan,medicaid,surgery\n", "column p holds no finite number"),
    ("infinite", "e2,1700000001,1,-inf,medicaid,surgery\n", "column p holds no finite number"),
    ("above one", "e2,1700000001,1,1.5,medicaid,surgery\n", "column p is outside 0 to 1"),
    ("negative", "e2,1700000001,1,-0.1,medicaid,surgery\n", "column p is outside 0 to 1"),
    ("probability missing", "e2,1700000001,1,?,medicaid,surgery\n", "column p is missing"),
    ("time missing", "e2,,1,0.9,medicaid,surgery\n", "column time is missing"),
    ("time no number", f"e2,{CANARY},1,0.9,medicaid,surgery\n", "column time holds no number"),
    ("time in milliseconds", "e2,1700000001000,1,0.9,medicaid,surgery\n", "column time lies outside 1970 to 2100"),
    (
        "unknown truth",
        f"e2,1700000001,{CANARY},0.9,medicaid,surgery\n",
        "column truth holds a word that is neither positive nor negative",
    ),
    ("id repeated", "e1,1700000001,1,0.9,medicaid,surgery\n", "repeats the id of an earlier row"),
    ("id missing", "?,1700000001,1,0.9,medicaid,surgery\n", "column encounter is missing"),
    ("NUL byte", "e2,1700000001,1,0.9,medi\0caid,surgery\n", "holds a NUL byte"),
    ("endless field", f"e2,1700000001,1,0.9,{'x' * 70_000},surgery\n", "has a field of more than 65536 characters"),
]


@pytest.mark.parametrize(("line", "problem"), [case[1:] for case in ROWS], ids=[case[0] for case in ROWS])
def test_a_bad_row_is_counted_with_its_line_and_the_others_are_used(world, line, problem):
    after = "e3,1700000002,0,0.2,medicare,cardiology\n"
    history = read(world, world.text(HEAD + GOOD + line + after))
    assert dict(history.tally.rejected) == {problem: 1}
    assert history.tally.examples == [f"history.csv:3: {problem}"]
    assert [encounter.row for encounter in history.encounters] == [1, 3]
    assert CANARY not in repr(history.tally)


def test_bytes_that_are_no_utf8_lose_one_row_only(world):
    path = world.folder / "history.csv"
    path.write_bytes(
        (HEAD + GOOD).encode() + b"e2,1700000001,1,0.9,\xff\xfe,surgery\n" + GOOD.replace("e1", "e3").encode()
    )
    history = read(world, path)
    assert history.tally.examples == ["history.csv:3: is not UTF-8 text"]
    assert history.tally.used == 2


def test_a_quote_that_never_closes_ends_the_file_there(world):
    history = read(world, world.text(HEAD + GOOD + 'e2,1700000001,1,0.9,"medicaid,surgery\n' + GOOD))
    assert history.tally.used == 1
    [problem] = history.tally.rejected
    assert problem.startswith("is no valid CSV: ")


def test_a_truncated_archive_gives_what_came_before_the_break(world):
    # Random ids do not compress, so the break lies within the data.
    draw = random.Random(3)
    body = HEAD + "".join(GOOD.replace("e1", f"{draw.getrandbits(256):x}") for _ in range(5000))
    path = world.folder / "history.csv.gz"
    packed = gzip.compress(body.encode())
    path.write_bytes(packed[: len(packed) // 2])
    history = read(world, path)
    assert history.tally.used > 100
    assert history.tally.rejected["the compressed file ends or breaks here"] == 1


def test_an_archive_that_is_none_gets_one_sentence(world):
    path = world.folder / "history.csv.gz"
    path.write_bytes(b"plain text")
    with pytest.raises(
        HistoryError, match=r"history.csv.gz: the compressed file ends or breaks here; expected a header"
    ):
        read(world, path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("history.csv", "", "history.csv: is empty; expected a header and rows"),
        ("history.csv", HEAD, "history.csv: none of 0 rows can be used"),
        ("history.csv", "a,b,a\n1,2,3\n", "history.csv:1: the header names a more than once"),
        (
            "history.csv",
            "time,p\n1,2\n",
            "history.csv: no column department, encounter, payer, truth; the file has p, time",
        ),
        (
            "history.xlsx",
            "x",
            "history.xlsx: unknown kind of file; use .csv, .tsv, .jsonl, .ndjson, .json, each also with .gz",
        ),
        ("history.csv", HEAD + "e1,x,1,0.9,medicaid,surgery\n", "history.csv: none of 1 rows can be used\n"),
    ],
)
def test_a_file_that_cannot_be_used_gets_one_sentence(world, name, text, message):
    with pytest.raises(HistoryError) as caught:
        read(world, world.text(text, name))
    assert message in str(caught.value)


def test_a_missing_file_is_named(world):
    with pytest.raises(HistoryError, match=r"none\.csv: no such file or directory"):
        read(world, world.folder / "none.csv")


def test_json_lines_are_read_and_bad_ones_counted(world):
    good = {"encounter": 1, "time": 1700000000, "truth": 1, "p": 0.9, "payer": "medicaid", "department": None}
    lines = [json.dumps(good), "{", "[1]", "", json.dumps({**good, "encounter": 2, "p": None})]
    history = read(world, world.text("\n".join(lines), "history.jsonl"))
    assert history.tally.used == 1
    assert dict(history.tally.rejected) == {"is not valid JSON": 1, "is no JSON object": 1, "column p is missing": 1}
    assert history.encounters[0].segments == {"payer": "medicaid", "department": "_OTHER"}


def test_only_five_examples_of_a_kind_are_kept(world):
    bad = "".join(f"b{i},x,1,0.9,medicaid,surgery\n" for i in range(50))
    history = read(world, world.text(HEAD + GOOD + bad))
    assert history.tally.rejected["column time holds no number"] == 50
    assert len(history.tally.examples) == 5

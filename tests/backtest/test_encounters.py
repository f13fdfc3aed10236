"""A mapping turns words into times, scores, confidence, quality and declared segment values."""

import gzip
import json

import pytest

from otel_clinical.backtest import read_history

HEAD = "encounter,time,truth,p,payer,department\n"


def read(world, path):
    mapping, _, model = world.documents()
    return read_history(path, mapping, model)


def one(world, text):
    [encounter] = read(world, world.text(text)).encounters
    return encounter


@pytest.mark.parametrize(
    ("truth", "p", "score", "confidence"),
    [("1", "0.9", 1.0, 0.9), ("0", "0.9", 0.0, 0.9), ("0", "0.2", 1.0, 0.8), ("1", "0.5", 1.0, 0.5)],
)
def test_the_truth_is_held_against_the_prediction(world, truth, p, score, confidence):
    encounter = one(world, HEAD + f"e1,1700000000,{truth},{p},medicaid,surgery\n")
    assert (encounter.score, encounter.confidence) == (score, pytest.approx(confidence))


def test_a_missing_truth_is_an_inference_without_outcome(world):
    history = read(world, world.text(HEAD + "e1,1700000000,?,0.9,medicaid,surgery\n"))
    assert history.encounters[0].score is None
    assert history.tally.unlabelled == 1


def test_quality_is_the_share_of_fields_that_are_there(world):
    assert one(world, HEAD + "e1,1700000000,1,0.9,?,surgery\n").quality == 0.5


def test_missing_and_undeclared_words_become_what_the_mapping_says(world):
    world.change_mapping(
        "payer: {column: payer}", "payer: {column: payer, missing_as: medicare, values: {MCD: medicaid}}"
    )
    text = HEAD + "".join(f"e{i},170000000{i},1,0.9,{word},surgery\n" for i, word in enumerate(["?", "MCD", "zzz"]))
    history = read(world, world.text(text))
    assert [encounter.segments["payer"] for encounter in history.encounters] == ["medicare", "medicaid", "_OTHER"]
    assert history.tally.undeclared == {"payer": 1}


def test_rows_in_order_get_their_time_from_a_declared_rate(world):
    world.change_mapping("{column: time, format: unix}", "{start: 1999-01-01, per_day: 2}")
    text = HEAD + "e1,,1,0.9,medicaid,surgery\ne2,,1,0.9,medicaid,surgery\n"
    first, second = read(world, world.text(text)).encounters
    assert first.time == 915148800
    assert second.time - first.time == 43200


@pytest.mark.parametrize(
    ("clock", "word", "seconds"),
    [
        ("{column: time}", "2024-05-01T08:00:00Z", 1714550400),
        ("{column: time}", "2024-05-01T08:00:00", 1714550400),
        ('{column: time, utc_offset: "+02:00"}', "2024-05-01T08:00:00", 1714543200),
        ('{column: time, format: "%d.%m.%Y %H:%M"}', "01.05.2024 08:00", 1714550400),
        ("{column: time, format: unix}", "1714550400.25", 1714550400.25),
    ],
)
def test_times_are_read_as_declared(world, clock, word, seconds):
    world.change_mapping("{column: time, format: unix}", clock)
    assert one(world, HEAD + f"e1,{word},1,0.9,medicaid,surgery\n").time == seconds


def test_rows_out_of_order_are_put_in_order_of_time(world):
    text = HEAD + "e1,1700000009,1,0.9,medicaid,surgery\ne2,1700000001,1,0.9,medicaid,surgery\n"
    assert [encounter.row for encounter in read(world, world.text(text)).encounters] == [2, 1]


def test_the_row_number_may_come_from_the_original_file(world):
    world.change_mapping("id: encounter", "id: encounter\nrow: row")
    text = "row," + HEAD + "501,e1,1700000000,1,0.9,medicaid,surgery\nx,e2,1700000001,1,0.9,medicaid,surgery\n"
    history = read(world, world.text(text))
    assert history.encounters[0].row == 501
    assert dict(history.tally.rejected) == {"column row holds no row number from 1": 1}


def test_a_score_column_stands_for_truth_and_prediction(world):
    world.change_mapping(
        """  truth: {column: truth, positive: ["1"], negative: ["0"]}
  prediction: {probability: p, threshold: 0.5}
""",
        "  score: p\n",
    )
    assert one(world, HEAD + "e1,1700000000,,0.25,medicaid,surgery\n").score == 0.25


def test_an_undeclared_version_is_rejected(world):
    world.change_mapping('version: "7"', "version_column: v")
    text = "v," + HEAD + "7,e1,1700000000,1,0.9,medicaid,surgery\n9,e2,1700000001,1,0.9,medicaid,surgery\n"
    history = read(world, world.text(text))
    assert history.encounters[0].version == "7"
    assert dict(history.tally.rejected) == {"the version is not declared in the policy": 1}


def test_truth_before_the_inference_is_rejected(world):
    world.change_mapping("  source: coding_audit", "  source: coding_audit\n  time: known")
    text = "known," + HEAD + "1700000500,e1,1700000000,1,0.9,medicaid,surgery\n1,e2,1700000000,1,0.9,medicaid,surgery\n"
    history = read(world, world.text(text))
    assert history.encounters[0].known == 1700000500
    assert dict(history.tally.rejected) == {"column known is before the inference": 1}


def test_every_format_gives_the_same_encounters(world, rows):
    plain = read(world, world.csv(rows)).encounters
    packed = world.folder / "history.csv.gz"
    packed.write_bytes(gzip.compress((world.folder / "history.csv").read_bytes()))
    lines = world.text("\n".join(json.dumps(row) for row in rows), "history.jsonl")
    tabs = world.text((world.folder / "history.csv").read_text(encoding="utf-8").replace(",", "\t"), "history.tsv")
    for path in (packed, lines, tabs):
        assert read(world, path).encounters == plain


def test_no_identifier_survives_reading(world, rows):
    assert "MRN-" not in repr(read(world, world.csv(rows[:50])).encounters)

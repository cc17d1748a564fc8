"""Tables and sentences tell what was found, and a document gives the same report back."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
from made_validation import LIMITS, data_of, full_report, report_of, result_of

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.results import to_plain
from oxidizedvision.validate import tables
from oxidizedvision.validate.reading import report_from


def test_shares_and_precisions_are_shown_where_there_are_some() -> None:
    plain = tables.parity_table(report_of(result_of("rten"), result_of("ort")))
    assert plain.columns == [
        *("runner", "version", "output", "result", "cases", "MAE", "RMSE", "max", "cosine"),
        *("SQNR dB", "PSNR dB"),
    ]
    assert plain.rows[0] == [
        *("rten", "1.2", "output", "pass", "4", "1e-07", "2e-07", "1e-06", "1.000000"),
        *("130.0", "140.0"),
    ]
    assert plain.columns[plain.numbers_from] == "cases"
    full = tables.parity_table(full_report(), places=True)
    assert full.columns[full.numbers_from] == "cases"
    assert full.columns[2] == "precision"
    assert full.columns[-3:] == ["top-1", "top-5", "largest difference at"]
    pytorch, rten, tract = full.rows
    assert pytorch[-5:-1] == ["∞", "∞", "–", "–"]
    assert rten[-3:] == ["0.9999", "1.0000", "[0, 2, 5]: 1.5, expected 1.5"]
    assert tract[4:] == ["FAIL", "4", *["–"] * 9]


def test_a_share_is_1_only_where_it_is() -> None:
    assert [tables.share_text(share) for share in (1.0, 0.99999, 0.5, None)] == [
        "1.0000",
        "0.9999",
        "0.5000",
        "–",
    ]


def test_the_verdict_says_which_limits_applied() -> None:
    assert tables.verdict_text(report_of(result_of("rten"))) == (
        "passed: MAE at most 1e-05, cosine at least 0.999"
    )
    assert tables.verdict_text(full_report()) == (
        "FAILED, and 1 runner did not run: tch (fp32 MAE at most 1e-05, cosine at least 0.999; "
        "int8 cosine at least 0.99)"
    )
    own = report_of(result_of("rten", limits={**LIMITS, "top1": 0.9, "sqnr_db": 30}))
    assert tables.verdict_text(own).endswith(
        "; rten, output MAE at most 1e-05, cosine at least 0.999, SQNR at least 30 dB, "
        "top-1 agreement at least 0.9"
    )
    free = report_of(result_of("rten", limits={}), limits={"fp32": {}})
    assert tables.verdict_text(free) == "passed: without limits"


def test_accuracy_is_shown_with_what_was_not_counted() -> None:
    table = tables.data_table(data_of())
    assert table.columns[-4:] == ("top-1", "top-5", "as PyTorch", "drop")
    assert table.rows == [
        ["pytorch", "config.yml", "fp32", "pass", "200", "0.9250", "0.9900", "–", "–"],
        ["rten", "net.int8.onnx", "int8", "FAIL", "200", "0.9000", "0.9900", "0.9500", "+0.0250"],
    ]
    assert tables.data_sentences(data_of()) == [
        "200 pictures count; classes by postprocess.labels; accuracy may fall 0.01 below PyTorch's",
        "not counted: cat/broken.png: not a picture",
    ]
    assert tables.failures(full_report())[-2:] == [
        "net.pt: SHA-256 is other",
        "rten, net.int8.onnx: top-1 accuracy 0.9000 is 0.0250 below",
    ]


def test_a_document_gives_the_report_back() -> None:
    report = full_report()
    document = json.loads(json.dumps(to_plain(report), allow_nan=False))
    assert document["results"][0]["sqnr_db"] is None
    assert document["results"][2]["mae"] is None
    assert document["results"][1]["worst_value"]["index"] == [0, 2, 5]
    back = report_from({**document, "schema_version": 1, "later": 1})
    assert math.isnan(back.results[2].mae)
    same = [dataclasses.replace(each, results=()) for each in (report, back)]
    assert same[0] == same[1]
    assert [back.results[n] == report.results[n] for n in (0, 1)] == [True, True]
    assert back.exit_code == report.exit_code == 3


def test_an_older_document_is_read_and_another_one_refused() -> None:
    row = {
        "runner": "rten", "engine_version": "1", "output": "o", "cases": 1, "worst_case": "c",
        "mae": 0.0, "rmse": 0.0, "max_error": 0.0, "cosine_similarity": 1.0, "passed": True,
        "reason": "",
    }  # fmt: skip
    older = {
        "passed": True, "results": [row], "unavailable": [], "integrity": [],
        "tolerance_mae": 1e-5, "tolerance_cos_sim": 0.999,
    }  # fmt: skip
    assert tables.verdict_text(report_from(older)) == (
        "passed: MAE at most 1e-05, cosine at least 0.999"
    )
    for bad in ({}, {**older, "results": [{}]}, {**older, "results": 3}, {**older, "data": [1]}):
        with pytest.raises(OxidizedVisionError) as caught:
            report_from(bad)
        assert caught.value.kind is Kind.CORRUPT

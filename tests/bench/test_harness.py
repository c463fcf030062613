"""The benchmark harness: its arithmetic and its order, without a database."""

import json
import time

import pytest

from bench.harness import Case, measure, report


def test_measure_gives_every_case_each_place_in_the_order():
    turns: list[str] = []
    cases = [Case(name, lambda name=name: turns.append(name)) for name in "abc"]

    measure(cases, rounds=3, acts=1, warm_up=0)

    assert "".join(turns) == "abcbcacab"


def test_measure_compares_with_the_first_case():
    cases = [Case("plain", lambda: time.sleep(0.002)), Case("walled", lambda: time.sleep(0.006))]

    plain, walled = measure(cases, rounds=5, acts=2, warm_up=0)

    assert plain.ratio == 1
    assert walled.ratio == pytest.approx(3, rel=0.4)
    assert walled.lowest <= walled.ratio <= walled.highest


def test_report_prints_one_object_as_json(capsys):
    results = measure([Case("plain", lambda: None)], rounds=1, acts=1, warm_up=0)

    report("saving", results, as_json=True)

    assert json.loads(capsys.readouterr().out)["results"][0]["name"] == "plain"

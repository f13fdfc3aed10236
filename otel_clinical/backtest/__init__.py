"""Replay a hospital's own history before go-live: which tiers would have fired, when and why."""

from otel_clinical.backtest._delays import Job, measure, parse_faults
from otel_clinical.backtest._fires import FaultReport, Fire
from otel_clinical.backtest._history import History, freeze_baseline, read_history
from otel_clinical.backtest._inject import Injection, InjectionError, inject, parse_injection
from otel_clinical.backtest._mapping import Mapping, Rows, read_mapping
from otel_clinical.backtest._measured import Measured
from otel_clinical.backtest._rows import HistoryError
from otel_clinical.backtest._run import Backtest, BaselineUsed, as_json, choose_baseline, mapped_policy, run_backtest

__all__ = [
    "Backtest",
    "BaselineUsed",
    "FaultReport",
    "Fire",
    "History",
    "HistoryError",
    "Injection",
    "InjectionError",
    "Job",
    "Mapping",
    "Measured",
    "Rows",
    "as_json",
    "choose_baseline",
    "freeze_baseline",
    "inject",
    "mapped_policy",
    "measure",
    "parse_faults",
    "parse_injection",
    "read_history",
    "read_mapping",
    "run_backtest",
]

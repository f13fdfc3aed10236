"""Totals are exact when a process forks: every call is counted once, by the process that made it."""

from __future__ import annotations

import pytest

from otel_clinical.sdk._fork import fresh_connections
from otel_clinical.sdk._http_spans import HttpSpanExporter
from otel_clinical.semconv import metrics

CALLS = metrics.INFERENCES.name

PROGRAM = """
import os, sys, threading
from otel_clinical import current_inference, flush, inference, record_outcome

@inference(model="coding", version="7")
def predict():
    return current_inference().receipt

def call(times):
    for _ in range(times):
        predict()
"""

OURS = """
from otel_clinical.sdk import configure
handle = configure("coding-service", endpoint=sys.argv[1], metric_interval=600.0)
"""

ENVIRONMENT = """
os.environ |= {f"OTEL_{signal}_EXPORTER": "otlp_clinical" for signal in ("TRACES", "METRICS", "LOGS")}
os.environ |= {"OTEL_EXPORTER_OTLP_ENDPOINT": sys.argv[1], "OTEL_METRIC_EXPORT_INTERVAL": "600000"}
from opentelemetry.sdk._configuration import _OTelSDKConfigurator
_OTelSDKConfigurator().configure()
"""

STOCK = """
from opentelemetry import metrics
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
exporter = OTLPMetricExporter(endpoint=sys.argv[1] + "/v1/metrics")
metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(exporter, 600_000)]))
"""

SWITCHED_OFF = """
import otel_clinical.sdk._providers as providers
providers.count_from_zero = lambda provider: None
"""

FORK = """
call(5)
flush()
pid = os.fork()
if pid == 0:
    call(1)
else:
    call(10)
    os.waitpid(pid, 0)
"""


@pytest.mark.parametrize("setup", [OURS, ENVIRONMENT], ids=["configure", "environment"])
def test_a_call_is_counted_once_by_the_process_that_made_it(run, receiver, setup):
    run(PROGRAM + setup + FORK, receiver.url)
    found = receiver.per_instance(CALLS)
    assert sorted(found.values()) == [1, 15]
    assert len(found) == 2, "each process is an instance of its own"
    assert "" not in found


@pytest.mark.parametrize("setup", [STOCK, SWITCHED_OFF + OURS], ids=["stock", "switched off"])
def test_without_the_renewal_the_parents_calls_are_counted_again(run, receiver, setup):
    """The control: 16 calls were made, and the check above finds the other five."""
    run(PROGRAM + setup + FORK, receiver.url)
    assert sorted(receiver.per_instance(CALLS).values()) == [6, 15]


def test_grandchildren_and_children_of_children_count_their_own(run, receiver):
    generations = """
call(3)
depth = 0
while depth < 3 and os.fork() == 0:
    depth += 1
    call(1)
try:
    os.wait()
except ChildProcessError:
    pass
"""
    run(PROGRAM + OURS + generations, receiver.url)
    assert sorted(receiver.per_instance(CALLS).values()) == [1, 1, 1, 3]


def test_a_fork_in_a_thread_while_others_call_loses_and_repeats_nothing(run, receiver):
    """The children are made while locks of every kind are taken and released by busy threads."""
    busy = """
stop, made = threading.Event(), []

def work():
    count = 0
    while not stop.wait(0.0005):
        predict()
        count += 1
    made.append(count)

def fork():
    for _ in range(8):
        pid = os.fork()
        if pid == 0:
            call(2)
            handle.shutdown(20)
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        flush()

busy = [threading.Thread(target=work) for _ in range(3)]
forking = threading.Thread(target=fork)
for thread in (*busy, forking):
    thread.start()
forking.join()
stop.set()
for thread in busy:
    thread.join()
handle.telemetry.worker.flush(20)
print(sum(made))
"""
    waits = (
        "\nfrom otel_clinical.instrument import Telemetry, set_telemetry\nset_telemetry(Telemetry(when_full='wait'))\n"
    )
    parent = int(run(PROGRAM + waits + OURS + busy, receiver.url).stdout)
    found = sorted(receiver.per_instance(CALLS).values())
    assert found == [*[2] * 8, parent]


FAULTS = """
handle.telemetry.worker._linger = 60.0  # what is counted waits until the end
for _ in range(3):
    record_outcome("no receipt", result="correct")
pid = os.fork()
if pid == 0:
    record_outcome("no receipt", result="correct")
else:
    os.waitpid(pid, 0)
"""


@pytest.mark.parametrize(
    ("before", "expected"), [("", [1, 3]), ("telemetry.renew_in_child = lambda renew: None\n", [3, 4])]
)
def test_faults_of_the_parent_are_not_reported_again(run, receiver, before, expected):
    """The control switches the renewal off, and the child reports its parent's faults."""
    module = "from otel_clinical.instrument import _telemetry as telemetry\n"
    run(PROGRAM + module + before + OURS + FAULTS, receiver.url)
    assert sorted(receiver.per_instance(metrics.TELEMETRY_ERRORS.name).values()) == expected


def test_closed_counters_start_at_zero_in_the_child_too(run, receiver):
    outcomes = """
from otel_clinical import register_version
register_version("coding", "7")
flush()
pid = os.fork()
if pid == 0:
    record_outcome(predict(), result="correct")
else:
    os.waitpid(pid, 0)
"""
    run(PROGRAM + OURS + outcomes, receiver.url)
    series = {}
    for instance, point, _ in receiver.points(metrics.OUTCOMES.name):
        series.setdefault(instance, set()).add(tuple(pair.value.string_value for pair in point.attributes))
    parent, child = series.values()
    assert len(parent) > 30
    assert parent <= child


MULTIPROCESSING = """
import multiprocessing

def work(times, results):
    for _ in range(times):
        predict()
    results.put(os.getpid())

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[2])
    results = context.Queue()
    call(5)
    children = [context.Process(target=work, args=(times, results)) for times in (1, 2)]
    for child in children:
        child.start()
    for child in children:
        results.get(timeout=60)
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    call(10)
"""


@pytest.mark.parametrize("setup", [OURS, ENVIRONMENT], ids=["configure", "environment"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_multiprocessing_count_and_export_their_own(run, receiver, method, setup):
    """They end without `atexit`. A spawned process runs the module, and so configures for itself."""
    run(PROGRAM + setup + MULTIPROCESSING, receiver.url, method)
    assert sorted(receiver.per_instance(CALLS).values()) == [1, 2, 15]


def test_a_pool_of_processes_counts_every_task(run, receiver):
    pool = """
from concurrent.futures import ProcessPoolExecutor

if __name__ == "__main__":
    call(5)
    import multiprocessing
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        list(pool.map(call, [1] * 20))
"""
    run(PROGRAM + OURS + pool, receiver.url)
    assert receiver.total(CALLS) == 25


def test_without_the_finalizer_the_processes_of_multiprocessing_lose_everything(run, receiver):
    """The control: `atexit` alone is not enough."""
    alone = "import otel_clinical.sdk._closing as c; c.AtExit._tell_multiprocessing = lambda self: None\n"
    run(PROGRAM + alone + OURS + MULTIPROCESSING, receiver.url, "fork")
    assert list(receiver.per_instance(CALLS).values()) == [15]


OVER_GRPC = OURS.replace("metric_interval", 'protocol="grpc", metric_interval')


def test_a_fork_after_exports_over_grpc_counts_exactly_and_delivers_both_processes(run, grpc_receiver):
    """The channel of the parent was in use before the fork, and both go on with one of their own."""
    begun = "call(1)\nassert flush()\nhandle.tracer_provider.force_flush()\n"
    run(PROGRAM + OVER_GRPC + begun + FORK, grpc_receiver.url)
    assert sorted(grpc_receiver.per_instance(CALLS).values()) == [1, 16]
    assert len(grpc_receiver.spans()) == 17


@pytest.mark.parametrize("setup", [OURS, ENVIRONMENT], ids=["configure", "environment"])
def test_a_child_opens_connections_of_its_own(run, receiver, setup):
    exports = "from opentelemetry import trace\ncall(1)\nassert flush()\ntrace.get_tracer_provider().force_flush()\n"
    run(PROGRAM + setup + exports + FORK, receiver.url)
    assert receiver.shared_connections() == set()


def test_the_renewal_reaches_the_session_inside_the_exporter():
    exporter = HttpSpanExporter()
    session = exporter._client._transport._session
    before = {prefix: session.get_adapter(prefix) for prefix in ("http://", "https://")}
    fresh_connections(exporter)
    assert all(session.get_adapter(prefix) is not adapter for prefix, adapter in before.items())


def test_with_the_applications_own_sdk_a_child_repeats_the_parents_sums_unless_it_sets_up_anew(run, receiver):
    """What docs/setup.md says of forks there, and its recipe: make the meter provider in each worker."""
    run(PROGRAM + STOCK + FORK, receiver.url)
    assert sorted(receiver.per_instance(CALLS).values()) == [6, 15]
    receiver.requests.clear()
    before_the_fork = "pid = os.fork()\nif pid == 0:\n"
    in_each = "\n".join(f"    {line}" for line in (STOCK + "call(1)").strip().splitlines())
    run(PROGRAM + before_the_fork + in_each + "\nelse:\n" + in_each + "\n    os.waitpid(pid, 0)\n", receiver.url)
    assert sorted(receiver.per_instance(CALLS).values()) == [1, 1]

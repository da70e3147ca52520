"""Event packets between two processes over DDS: latency, loss, CPU.

Ours is `rig.transport`: its environment for every process. Peers are the same two programs, the same QoS,
executor and raw subscription, with Fast DDS's own defaults and with its LARGE_DATA mode. The limit is
a pipe between two processes that carries the same bytes at the same rate; its two programs do without ROS,
so ROS is imported where it is used.
"""

from __future__ import annotations

import argparse
import array
import fcntl
import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from benchmarks.measurement import Measurement

SIZES = {"50 kB": 50_000, "1 MB": 1_000_000}
RATE = 100e6
"""bytes/s."""
SECONDS = 2.5
WARM_UP = 0.5
"""s at the start that do not count: discovery, first pages of the shared memory."""
QUIET = 3.0
"""s without a message after which the subscriber takes the rest for lost."""
PATIENCE = 30.0
"""s for two processes to find each other."""
_SENT = struct.Struct("<QQ")


def run() -> list[Measurement]:
    """Measure all sizes.

    Returns:
        Per size: median and 99th percentile of latency (ms), loss (%), CPU of both processes (ms/MB).
    """
    from rig.transport import environment

    ours = environment()
    plain = {name: value for name, value in os.environ.items() if name not in ours}
    plain |= {name: ours[name] for name in ("AMENT_PREFIX_PATH", "RMW_IMPLEMENTATION", "PYTHONUNBUFFERED")}
    plain["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    surroundings = {
        "ours": plain | ours,
        "default": plain,
        "LARGE_DATA": plain | {"FASTDDS_BUILTIN_TRANSPORTS": "LARGE_DATA"},
    }
    rows: list[Measurement] = []
    domain = os.getpid()
    for label, size in SIZES.items():
        figures: dict[str, dict[str, float]] = {}
        for name, variables in surroundings.items():
            domain += 1
            figures[name] = _over_dds(size, variables | {"ROS_DOMAIN_ID": str(1 + domain % 100)})
        pipe = _over_pipe(size)
        own = figures.pop("ours")
        for what, unit in (("p50", "ms"), ("p99", "ms"), ("loss", "%"), ("CPU", "ms/MB")):
            rows.append(
                Measurement(
                    name=f"{label} at {RATE / 1e6:.0f} MB/s, {what}",
                    ours=own[what],
                    unit=unit,
                    peers={peer: figure[what] for peer, figure in figures.items()},
                    limit=pipe[what],
                )
            )
    return rows


def _over_dds(size: int, variables: dict[str, str]) -> dict[str, float]:
    def start(role: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "benchmarks.transport", role, str(size)],
            cwd=Path(__file__).parents[1],
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )

    return _figures(size, start("subscribe"), start("publish"))


def _over_pipe(size: int) -> dict[str, float]:
    read, write = os.pipe()
    # As much in flight as a pipe can hold, so that the writer seldom waits for the reader.
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 1 << 20)

    def start(role: str, end: int) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.transport", role, str(size), "--pipe", str(end)],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            pass_fds=[end],
            text=True,
        )
        os.close(end)
        return process

    return _figures(size, start("read", read), start("write", write))


def _figures(size: int, receiver: subprocess.Popen[str], sender: subprocess.Popen[str]) -> dict[str, float]:
    try:
        sent, _ = sender.communicate(timeout=PATIENCE + 10 * SECONDS)
        received, _ = receiver.communicate(timeout=PATIENCE)
    finally:
        for process in (sender, receiver):
            if process.poll() is None:
                process.kill()
                process.wait()
    if sender.returncode or receiver.returncode:
        raise RuntimeError(f"exit codes: sender {sender.returncode}, receiver {receiver.returncode}")
    out, back = json.loads(sent), json.loads(received)
    if not back["count"]:
        raise RuntimeError("no message arrived")
    return {
        "p50": back["p50"],
        "p99": back["p99"],
        "loss": 100.0 * (1.0 - back["count"] / out["count"]),
        "CPU": 1e3 * (out["cpu"] / out["count"] + back["cpu"] / back["count"]) / (size / 1e6),
    }


def _schedule(size: int) -> Iterator[tuple[int, bool]]:
    """Sequence numbers in the rhythm of the rate, with whether the message counts.

    A sender that has fallen behind is not made to wait; it sends as fast as it can.
    """
    period = size / RATE
    warm, total = int(WARM_UP / period), int((WARM_UP + SECONDS) / period)
    began = time.perf_counter()
    for seq in range(total):
        wait = began + seq * period - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        yield seq, seq >= warm


class _Sent:
    """Counts messages sent and the CPU time of this process meanwhile."""

    def __init__(self) -> None:
        self.count = 0
        self._cpu = 0.0

    def add(self) -> None:
        if not self.count:
            self._cpu = time.process_time()
        self.count += 1

    def report(self) -> None:
        print(json.dumps({"count": self.count, "cpu": time.process_time() - self._cpu}))


class _Received:
    """Latencies of the messages that count, and the CPU time of this process meanwhile."""

    def __init__(self, size: int) -> None:
        period = size / RATE
        self._warm = int(WARM_UP / period)
        self._last = int((WARM_UP + SECONDS) / period) - 1
        self._latencies: list[int] = []
        self._cpu = [0.0, 0.0]
        self.any = False
        self.heard = time.monotonic()

    def add(self, seq: int, sent_ns: int) -> bool:
        """Count a message; True when it is the last one."""
        now = time.monotonic_ns()
        self.any = True
        self.heard = now / 1e9
        if seq >= self._warm:
            self._cpu[1 if self._latencies else 0] = time.process_time()
            self._latencies.append(now - sent_ns)
        return seq == self._last

    def report(self) -> None:
        count = len(self._latencies)
        p50, p99 = np.percentile(np.array(self._latencies or [0]) / 1e6, [50, 99])
        cpu = max(0.0, self._cpu[1] - self._cpu[0])
        print(json.dumps({"count": count, "p50": float(p50), "p99": float(p99), "cpu": cpu}))


def _publish(size: int) -> None:
    import rclpy

    from event_camera_msgs.msg import EventPacket
    from rig.transport import EVENTS_QOS

    rclpy.init()
    node = rclpy.create_node("bench_publisher")
    publisher = node.create_publisher(EventPacket, "/bench/events", EVENTS_QOS)
    limit = time.monotonic() + PATIENCE
    while not publisher.get_subscription_count():
        if time.monotonic() > limit:
            raise SystemExit("no subscriber")
        time.sleep(0.01)
    message = EventPacket(encoding="evt3", width=1280, height=720)
    message.events = array.array("B", os.urandom(size))
    sent = _Sent()
    for seq, counts in _schedule(size):
        if counts:
            sent.add()
        message.seq = seq
        message.time_base = time.monotonic_ns()
        publisher.publish(message)
    sent.report()
    sys.stdout.flush()
    # A reliable writer that goes takes what is still under way with it; the subscriber leaves first.
    limit = time.monotonic() + PATIENCE
    while publisher.get_subscription_count() and time.monotonic() < limit:
        time.sleep(0.01)
    rclpy.shutdown()


def _subscribe(size: int) -> None:
    import rclpy
    from rclpy.task import Future

    from event_camera_msgs.msg import EventPacket
    from evface.events import parse_event_packet
    from rig.transport import EVENTS_QOS, make_executor

    rclpy.init()
    node = rclpy.create_node("bench_subscriber")
    received = _Received(size)
    done: Future = Future()

    def take(message: bytes) -> None:
        packet = parse_event_packet(message)
        if received.add(packet.seq, packet.time_base) and not done.done():
            done.set_result(True)

    subscription = node.create_subscription(EventPacket, "/bench/events", take, EVENTS_QOS, raw=True)
    executor = make_executor()
    executor.add_node(node)
    while not done.done():
        executor.spin_until_future_complete(done, timeout_sec=QUIET)
        if time.monotonic() - received.heard > (QUIET if received.any else PATIENCE):
            break
    received.report()
    sys.stdout.flush()
    node.destroy_subscription(subscription)
    rclpy.shutdown()


def _write(size: int, end: int) -> None:
    payload = os.urandom(size - _SENT.size)
    sent = _Sent()
    with open(end, "wb", buffering=0) as pipe:
        for seq, counts in _schedule(size):
            if counts:
                sent.add()
            pipe.write(_SENT.pack(seq, time.monotonic_ns()))
            rest = memoryview(payload)
            while rest:
                rest = rest[pipe.write(rest) :]
    sent.report()


def _read(size: int, end: int) -> None:
    received = _Received(size)
    buffer = bytearray(size)
    with cast(BinaryIO, open(end, "rb", buffering=0)) as pipe:
        while _fill(pipe, buffer):
            seq, sent_ns = _SENT.unpack_from(buffer)
            received.add(seq, sent_ns)
    received.report()


def _fill(pipe: Any, buffer: bytearray) -> bool:
    rest = memoryview(buffer)
    while rest:
        count = pipe.readinto(rest)
        if not count:
            return False
        rest = rest[count:]
    return True


def _child() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.transport")
    parser.add_argument("role", choices=["publish", "subscribe", "write", "read"])
    parser.add_argument("size", type=int, help="bytes a message")
    parser.add_argument("--pipe", type=int, default=-1, help="file descriptor")
    options = parser.parse_args()
    if options.role == "publish":
        _publish(options.size)
    elif options.role == "subscribe":
        _subscribe(options.size)
    elif options.role == "write":
        _write(options.size, options.pipe)
    else:
        _read(options.size, options.pipe)


if __name__ == "__main__":
    _child()

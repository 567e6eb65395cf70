"""What the gateway counts, as Prometheus reads it (text format 0.0.4)."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds in seconds."""


class Metrics:
    """Counters of one worker; labels are known words only, so that there are never many."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, int], int] = {}
        self._guards: dict[tuple[str, str], int] = {}
        self._tokens = {"in": 0, "out": 0}
        self._seconds: dict[str, list[int]] = {"total": [0] * (len(BUCKETS) + 1), "own": [0] * (len(BUCKETS) + 1)}
        self._sums = {"total": 0.0, "own": 0.0}
        self.running = 0

    def request(self, family: str, status: int, total_s: float, own_s: float) -> None:
        """Count a request: `own_s` is what the gateway itself took, without waiting for the upstream."""
        key = (family, status)
        self._requests[key] = self._requests.get(key, 0) + 1
        for name, value in (("total", total_s), ("own", own_s)):
            self._seconds[name][bisect_left(BUCKETS, value)] += 1
            self._sums[name] += value

    def guard(self, name: str, result: str) -> None:
        """Count what a guard said."""
        self._guards[name, result] = self._guards.get((name, result), 0) + 1

    def tokens(self, tokens_in: int, tokens_out: int) -> None:
        """Count tokens."""
        self._tokens["in"] += tokens_in
        self._tokens["out"] += tokens_out

    def text(self, *, waiting: int, written: int, failing: bool, upstreams: dict[str, str]) -> str:
        """Write everything; the log's state and the upstreams' come from those who know them."""
        lines = [
            "# HELP safecase_gateway_requests_total Requests by API and status.",
            _type("requests_total", "counter"),
        ]
        lines += [
            _line("requests_total", {"api": a, "status": str(s)}, n) for (a, s), n in sorted(self._requests.items())
        ]
        lines += [_type("guard_results_total", "counter")]
        lines += [
            _line("guard_results_total", {"guard": g, "result": r}, n) for (g, r), n in sorted(self._guards.items())
        ]
        lines += [_type("tokens_total", "counter")]
        lines += [_line("tokens_total", {"direction": name}, count) for name, count in self._tokens.items()]
        for name, counts in self._seconds.items():
            metric = f"{name}_seconds"
            lines.append(_type(metric, "histogram"))
            below = 0
            for bound, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
                below += count
                lines.append(_line(f"{metric}_bucket", {"le": bound}, below))
            lines += [_line(f"{metric}_sum", {}, self._sums[name]), _line(f"{metric}_count", {}, below)]
        for metric, value in (
            ("running", self.running),
            ("log_waiting", waiting),
            ("log_failing", int(failing)),
        ):
            lines += [_type(metric, "gauge"), _line(metric, {}, value)]
        lines += [_type("log_events_total", "counter"), _line("log_events_total", {}, written)]
        lines += [_type("upstream_open", "gauge")]
        lines += [
            _line("upstream_open", {"upstream": n}, int(state == "open")) for n, state in sorted(upstreams.items())
        ]
        return "\n".join(lines) + "\n"


def _type(name: str, kind: str) -> str:
    return f"# TYPE safecase_gateway_{name} {kind}"


def _line(name: str, labels: dict[str, str], value: float) -> str:
    told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"safecase_gateway_{name}{{{told}}} {value:g}" if told else f"safecase_gateway_{name} {value:g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

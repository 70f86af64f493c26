"""Where the limits lie: one machine, several workers, hosts of vLLM, shards, from costs that were measured here.

What this program does itself is measured in the same run (`bot.bench.scaling_costs`). What stands elsewhere is a
given figure with its source: a vLLM host is not here. Every figure of a table can be computed from the two.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.bench.queueing import Station, throughput
from memory.errors import FamiliarError


@dataclass(frozen=True)
class Costs:
    """What was measured on this machine."""

    cores: int
    turn_s: float
    """Processor seconds of a turn without the language model, in a memory of the fewest chunks below."""
    search_s: tuple[tuple[int, float], ...]
    """Chunks of one user, and the median seconds of a search among them, the question's embedding left out."""
    write_s: float
    """Seconds of a transaction that stores a turn, one process writing."""
    write_contended_s: float
    """The same by the transactions of several processes that write at once."""
    chunk_bytes: float
    """On disk, with words, vector and index."""
    prefill_s: float
    """Seconds of a token of the prompt, here."""
    decode_s: float
    """Seconds of a token of the reply, here."""
    adapter_load_s: float
    """Seconds in which an adapter is loaded that no earlier reply used."""
    adapter_switch_s: float
    """The same for one that is held."""
    adapter_bytes: int
    """Of its files."""

    def table(self, model: str) -> str:
        """The costs as a table in Markdown."""
        searches = [(f"median search in {size:,} passages", f"{s * 1000:.3g} ms") for size, s in self.search_s]
        rows = [
            ("processor time of a turn without the language model", f"{self.turn_s * 1000:.3g} ms"),
            *searches,
            ("turns stored a second, one process", f"{1 / self.write_s:,.0f}"),
            ("turns stored a second, four processes", f"{1 / self.write_contended_s:,.0f}"),
            ("a passage on disk", f"{self.chunk_bytes:,.0f} bytes"),
            (f"prompt tokens a second, {model}, {self.cores} cores", f"{1 / self.prefill_s:,.0f}"),
            ("reply tokens a second", f"{1 / self.decode_s:,.3g}"),
            ("loading an adapter", f"{self.adapter_load_s * 1000:.3g} ms"),
            ("switching to one that is held", f"{self.adapter_switch_s * 1000:.3g} ms"),
            ("an adapter on disk", f"{self.adapter_bytes / 1e6:.3g} MB"),
        ]
        return "\n".join(["| cost | here |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


@dataclass(frozen=True)
class Host:
    """A language model on a machine of its own, by figures that somebody published."""

    name: str
    parallel: int
    """Replies that it writes at a time."""
    tokens_s: float
    """Tokens of replies that it writes a second while it writes so many, reading the prompts included."""
    source: str
    adapters_share: float = 0.8
    """Share of that speed with an adapter for each user."""
    adapter_load_s: float = 0.05
    """Seconds in which it reads an adapter that is not in its memory."""
    adapters_held: int = 32
    """Adapters in its memory: `--max-cpu-loras`."""


VLLM = Host(
    "vLLM, Llama-3.1-8B in bf16 on one A100 of 40 GB",
    parallel=8,
    tokens_s=495.0,
    source="https://johnmusgrave.com/p/vllm-throughput-latency-sweep-on: vLLM 0.23.0, 1024 tokens in, 128 out, 75"
    " tokens/s for one request, 6.6 times that for eight at once, which it calls the knee. The share with adapters and"
    " the seconds of loading are assumed",
)
"""The table's host: its source measured prompts and replies of the lengths that `Workload` has."""


@dataclass(frozen=True)
class Workload:
    """What people do, and how long they may wait."""

    prompt_tokens: int = 1024
    """Read for every message: many users in turn leave no kept beginning in place."""
    reply_tokens: int = 128
    messages_day: float = 20.0
    """Messages of one user in a day."""
    busy_share: float = 0.15
    """Share of a day's messages in its busiest hour."""
    transactions: float = 8.0
    """Of one message in Telegram, as counted with the loopback server: the update, its handling, the turn, the reply
    before and after it is sent."""
    chunks: int = 10_000
    """Passages of one user."""
    patience_s: float = 30.0
    """p95 of waiting in queues, before and between the work itself."""
    search_s: float = 0.5
    """Median of a search up to which a memory counts as small enough."""
    disk_bytes: float = 500e9
    """For databases, indexes and adapters of one home."""

    @property
    def user_rate(self) -> float:
        """Messages a second of one user in the busiest hour."""
        return self.messages_day * self.busy_share / 3600


@dataclass(frozen=True)
class Deployment:
    """What stands where."""

    name: str
    cores: int
    """Of a home's machine, for all but the language model."""
    workers: int = 1
    """Processes that answer over one home."""
    hosts: int = 0
    """Machines with the language model; 0: it runs on the home's own."""
    shards: int = 1
    """Homes, each with workers, cores and hosts as said here."""


def deployments(cores: int) -> tuple[Deployment, ...]:
    """Those of the table; ``cores`` is what the machine here has."""
    return (
        Deployment("one machine", cores),
        Deployment("one machine, one vLLM host", cores, 1, 1),
        Deployment("4 workers on 16 cores, one vLLM host", 16, 4, 1),
        Deployment("4 workers on 16 cores, 4 vLLM hosts", 16, 4, 4),
        Deployment("4 workers on 16 cores, as many vLLM hosts as it can use", 16, 4, 64),
        Deployment("4 shards, each 4 workers on 16 cores, 4 vLLM hosts", 16, 4, 4, 4),
        Deployment("16 shards, each 4 workers on 16 cores, 4 vLLM hosts", 16, 4, 4, 16),
    )


@dataclass(frozen=True)
class Limit:
    """What a deployment takes, and what limits it."""

    deployment: str
    messages_s: float
    users: int
    """In their busiest hour, each with an adapter of their own."""
    bottleneck: str
    waited_half_s: float
    """p95 of waiting at half the load, in seconds."""
    reply_s: float
    """Mean seconds of a reply without waiting."""
    user_chunks: int
    """Passages of one user up to which a search is fast enough."""
    chunks: int
    """Passages of all users for which there is room."""
    adapters: int
    """Adapters for which there is room beside those passages, a tenth of the disk being theirs."""
    adapters_held: int
    """Adapters that answer without being loaded first."""

    def line(self) -> str:
        """The limit as a line of a table in Markdown."""
        cells = (
            self.deployment,
            f"{self.messages_s:.3g}",
            f"{self.users:,}",
            self.bottleneck,
            f"{self.waited_half_s:.2g} s",
            f"{self.reply_s:.2g} s",
            f"{self.chunks / 1e6:,.0f} M",
            f"{self.adapters:,}",
            f"{self.adapters_held:,}",
        )
        return f"| {' | '.join(cells)} |"


Measured = tuple[int, float]
"""Chunks, and seconds of a search."""
HEAD = (
    "| deployment | messages/s | users | limited by | p95 wait at half the load | reply without waiting | chunks |"
    " adapters on disk | adapters held |\n|---|---|---|---|---|---|---|---|---|"
)
_ADAPTERS_SHARE = 0.1
_HELD_HERE = 3
"""Adapters that the engine of this process holds (`bot.engines.adapters`)."""


def limits(costs: Costs, workload: Workload, host: Host, of: Sequence[Deployment]) -> list[Limit]:
    """One limit a deployment."""
    return [_limit(costs, workload, host, deployment) for deployment in of]


def _limit(costs: Costs, workload: Workload, host: Host, deployment: Deployment) -> Limit:
    users = 0.0
    for _ in range(_ROUNDS):  # more users miss the held adapters more often, which lowers what is taken
        stations = stations_of(costs, workload, host, deployment, users=users)
        taken = throughput(stations, patience=workload.patience_s)
        users = taken.messages_s / workload.user_rate
    shards, disk = deployment.shards, workload.disk_bytes
    return Limit(
        deployment.name,
        taken.messages_s * shards,
        int(users * shards),
        taken.bottleneck,
        taken.waited_half,
        sum(station.seconds for station in stations),
        most_chunks(costs.search_s, workload.search_s),
        int(disk * (1 - _ADAPTERS_SHARE) / costs.chunk_bytes) * shards,
        int(disk * _ADAPTERS_SHARE / costs.adapter_bytes) * shards,
        (deployment.hosts * host.adapters_held or _HELD_HERE) * shards,
    )


_ROUNDS = 3


def stations_of(costs: Costs, workload: Workload, host: Host, deployment: Deployment, *, users: float) -> list[Station]:
    """What a message passes in one shard that ``users`` people use, each with their own adapter."""
    write_s = costs.write_s if deployment.workers == 1 else costs.write_contended_s
    turn_s = costs.turn_s + search_seconds(costs.search_s, workload.chunks) - costs.search_s[0][1]
    # a worker computes a turn at a time; where the model runs here too, it takes the cores instead
    preparing = Station("turns", turn_s, min(deployment.workers, deployment.cores))
    writing = Station("writer", write_s * workload.transactions)
    return [preparing, _model(costs, workload, host, deployment, users=users), writing]


def _model(costs: Costs, workload: Workload, host: Host, deployment: Deployment, *, users: float) -> Station:
    if deployment.hosts == 0:
        reply_s = workload.prompt_tokens * costs.prefill_s + workload.reply_tokens * costs.decode_s
        adapter_s = _missed(users, _HELD_HERE) * costs.adapter_load_s + costs.adapter_switch_s
        return Station("model", reply_s + adapter_s)
    reply_s = host.parallel * workload.reply_tokens / (host.tokens_s * host.adapters_share)
    held = host.adapters_held * deployment.hosts  # the router sends a user to the same host again
    return Station("model", reply_s + _missed(users, held) * host.adapter_load_s, host.parallel * deployment.hosts)


def _missed(users: float, held: int) -> float:
    """Share of messages whose user's adapter is not held, where all users write equally often: the worst case."""
    return max(0.0, 1 - held / users) if users else 0.0


def search_seconds(measured: Sequence[Measured], chunks: int) -> float:
    """Seconds of a search among so many chunks, on the straight lines through what was measured.

    :raises FamiliarError: fewer than two sizes were measured
    """
    below, above = _around(measured, lambda item: item[0] < chunks)
    return below[1] + _slope(below, above) * (chunks - below[0])


def most_chunks(measured: Sequence[Measured], seconds: float) -> int:
    """Chunks among which a search takes so long, on the same lines; where these rise nowhere, at the last mean cost."""
    below, above = _around(measured, lambda item: item[1] < seconds)
    return max(0, int(below[0] + (seconds - below[1]) / (_slope(below, above) or above[1] / above[0])))


def _slope(below: Measured, above: Measured) -> float:
    """Seconds a chunk; none where the larger memory was searched faster, which is noise."""
    return max(0.0, (above[1] - below[1]) / (above[0] - below[0]))


def _around(measured: Sequence[Measured], is_below: Callable[[Measured], bool]) -> tuple[Measured, Measured]:
    """The two neighbouring sizes between which something lies, else the last two."""
    pairs = list(itertools.pairwise(sorted(measured)))
    if not pairs:
        raise FamiliarError(f"searches were measured at {len(measured)} sizes of a memory; it takes two")
    return next((pair for pair in pairs if not is_below(pair[1])), pairs[-1])

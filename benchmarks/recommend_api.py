"""Whole-request time of the recommendation API against bare matrix arithmetic on the same arrays.

    .venv/bin/python benchmarks/recommend_api.py [--sizes 1000,10000,100000] [--seconds 8]

Starts embedded PostgreSQL and Redis of its own and the web server exactly as ./run does, fills one brand per catalogue
size (2,000 contacts with 60 acts each, month partitions since 2020) and publishes a Transformer blended with item-kNN
(d = 64, random weights: the time does not depend on them). Answers are compared with a brute-force reference first.

Every line is JSON: name, value, unit, and for gated figures goal and ok. Exit status 1 when one is not ok.
`p50_over_raw`: p50 over HTTP, one request after the other, minus p50 of matrix-vector product and top 10 in NumPy on
the same item vectors, one thread, both taken in turns; `p5_request` shows what is left when busy neighbours pause.
`p99_over_p50`: constant request rate (open loop, the latency counts from the planned start) at half of the measured
saturation. `freshness_max`: from sending an act to the first answer that knows it. The load generator shares the cores
with all else.
"""

import argparse
import http.client
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "POLARS_MAX_THREADS"):
    os.environ[_name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np  # noqa: E402  # after the thread limits

from config import local, prepare, supervisor  # noqa: E402  # after the thread limits

NUM_CONTACTS = 2000
ACTS_EACH = 60
NUM_KEYS = 32  # the rate limit is per key
ROUNDS = 10
PER_ROUND = 60
WIDTH = 64
GOALS = {"p50_over_raw": 3.0, "p99_over_p50": 3.0, "freshness_max": 1.0}


# --- a brand to ask about ---------------------------------------------------------------------------------------------


def make_brand(num_items: int) -> Any:
    """A tenant with items, contacts, acts and a live model; returns what the client needs to know."""
    from django.db import connection

    from accounts import tenants
    from accounts.models import User
    from accounts.tenancy import tenant_scope

    owner = User.objects.create_user(f"owner{num_items}@bench.test")
    tenant = tenants.create(f"bench {num_items}", "retail", owner, slug=f"bench-{num_items}")
    with tenant_scope(tenant), connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
        for statement in _FILL:
            cursor.execute(
                statement, {"tenant": tenant.pk, "items": num_items, "contacts": NUM_CONTACTS, "acts": ACTS_EACH}
            )
        return _finish_brand(tenant, owner)


_FILL = (
    """INSERT INTO catalog_item (tenant_id, external_id, kind, title, text, url, category, author, tags, picture,
            attributes, state, published_at, created_at, updated_at)
        SELECT %(tenant)s, 'item-' || n, (array['article', 'video', 'product'])[1 + n %% 3], '标题 ' || n,
            repeat('正文', 60), '', '', 'a' || n %% 50, array['t' || n %% 40],
            'pictures/' || %(tenant)s || '/picture' || n || '.jpg', '{}',
            CASE WHEN n %% 20 = 0 THEN 'retired' ELSE 'active' END,
            now() - interval '1 year', now(), now() FROM generate_series(1, %(items)s) AS n""",
    """INSERT INTO audience_contact (tenant_id, code, external_id, name, name_sort, gender, age_band, region, city,
            tags, attributes, is_personalisation_off, created_at, updated_at)
        SELECT %(tenant)s, 'c' || n, 'contact-' || n, '', '', '', '', '', '', '{}', '{}', FALSE, now(), now()
        FROM generate_series(1, %(contacts)s) AS n""",
    "SELECT audience_ensure_partitions('2020-01-01', current_date)",
    """INSERT INTO audience_event (tenant_id, source_key, occurred_at, contact_id, item_id, kind, source)
        SELECT %(tenant)s, gen_random_uuid(), now() - interval '80 days' * random(), contact.id,
            (SELECT min(id) FROM catalog_item WHERE tenant_id = %(tenant)s) + floor(random() * %(items)s)::int,
            (array[1, 2, 2, 3, 4, 5, 10, 12])[1 + floor(random() * 8)::int], 2
        FROM audience_contact AS contact, generate_series(1, %(acts)s) WHERE contact.tenant_id = %(tenant)s""",
)


def _finish_brand(tenant: Any, owner: Any) -> dict[str, Any]:
    from accounts import keys
    from accounts.actors import Actor
    from catalog.models import Item

    item_ids = np.array(Item.objects.order_by("pk").values_list("pk", flat=True), np.int64)
    by = Actor.person(owner)
    secrets = [keys.create(tenant, f"key {n}", list(keys.SCOPES), by)[1] for n in range(NUM_KEYS)]
    model = make_model(item_ids)
    publish(model)
    return {"tenant": tenant, "keys": secrets, "model": model, "item_ids": item_ids}


def make_model(item_ids: np.ndarray) -> Any:
    """A Transformer (d = 64, two blocks) and an item-kNN with 50 neighbours each, blended; random (seed 0)."""
    from modeling.blending import BlendRecommender
    from modeling.item_knn import ItemKnnRecommender
    from modeling.sequence_configs import TransformerConfig
    from modeling.transformer_numpy import TransformerRecommender

    config, generator, num_items = TransformerConfig(width=WIDTH), np.random.default_rng(0), len(item_ids)

    def random(*shape: int) -> np.ndarray:
        return generator.normal(0, 0.1, shape).astype(np.float32)

    hidden, norms = WIDTH * config.hidden_factor, ["final_norm"]
    tables = {"items": num_items, "actions": 25, "gaps": 32, "positions": config.max_events}
    weights = {f"{name}.weight": random(size, WIDTH) for name, size in tables.items()}
    for block in range(config.num_blocks):
        name = f"blocks.{block}"
        norms += [f"{name}.attention_norm", f"{name}.feed_norm"]
        layers = {"attention.qkv": (3 * WIDTH, WIDTH), "attention.out": (WIDTH, WIDTH)}
        layers |= {"feed_in": (hidden, WIDTH), "feed_out": (WIDTH, hidden)}
        for layer, shape in layers.items():
            weights |= {f"{name}.{layer}.weight": random(*shape), f"{name}.{layer}.bias": random(shape[0])}
    for name in norms:
        weights |= {f"{name}.weight": np.ones(WIDTH, np.float32), f"{name}.bias": np.zeros(WIDTH, np.float32)}
    prior_N, codes = np.zeros(num_items, np.float32), np.arange(1, 24, dtype=np.int16)
    transformer = TransformerRecommender(item_ids, weights, prior_N, codes, config)
    neighbours = generator.integers(0, num_items, (num_items, 50)).astype(np.int32)
    shares = np.sort(generator.random(neighbours.shape).astype(np.float32))[:, ::-1]
    offsets = np.arange(num_items + 1, dtype=np.int64) * 50
    knn = ItemKnnRecommender(item_ids, offsets, neighbours.ravel(), shares.ravel(), 10, 0.8)
    return BlendRecommender(transformer, knn, weight=2.0, floor=1e-4)


def publish(model: Any) -> None:
    """Write the files and make them the live version."""
    from django.conf import settings

    from accounts.models import Job
    from accounts.tenancy import current_tenant_id
    from modeling.artifacts import write_artifact
    from modeling.models import Dataset, ModelVersion, TrainingRun

    directory = f"{current_tenant_id()}/bench"
    write_artifact(Path(settings.MODEL_DIR) / directory, model.to_artifact())
    job = Job.objects.create(task="modeling.train", queue="training")
    dataset = Dataset.objects.create(purpose="next_item", content_hash="bench", directory="")
    run = TrainingRun.objects.create(purpose="next_item", dataset=dataset, config_hash="bench", job=job)
    ModelVersion.objects.create(
        number=1, purpose="next_item", kind=model.kind, run=run, dataset=dataset, directory=directory, digest="",
        stage="live",
    )  # fmt: skip


# --- asking -----------------------------------------------------------------------------------------------------------


class Asker:
    """One kept connection; each request goes to another contact with another key."""

    def __init__(self, port: int, brand: dict[str, Any], seed: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port)
        self.brand, self.generator = brand, np.random.default_rng(seed)

    def random_contact(self) -> str:
        return f"contact-{self.generator.integers(1, NUM_CONTACTS + 1)}"

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        key = self.brand["keys"][self.generator.integers(NUM_KEYS)]
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "Accept-Language": "zh-hans"}
        self.connection.request(method, path, json.dumps(body) if body else None, headers)
        response = self.connection.getresponse()
        content = response.read()
        if response.status not in (200, 202):
            raise SystemExit(f"{method} {path} answered {response.status}: {content[:300]!r}")
        return dict(json.loads(content))

    def recommendations(self, contact: str) -> dict[str, Any]:
        return self.call("GET", f"/api/v1/contacts/{contact}/recommendations/")


def expected_items(brand: dict[str, Any], contact: str) -> tuple[list[str], list[float]]:
    """The ten best items by plain NumPy over the contact's acts, without any code of the serving path."""
    from accounts.tenancy import tenant_scope
    from audience.models import Contact, Event
    from catalog.models import Item
    from modeling.extract import INTEREST_KINDS, INTEREST_WEIGHTS
    from modeling.histories import History

    model = brand["model"]
    with tenant_scope(brand["tenant"]):
        person = Contact.objects.get(external_id=contact)
        events = Event.objects.filter(contact=person, kind__in=INTEREST_KINDS).order_by(
            "occurred_at", "item_id", "kind"
        )
        acts = list(events.values_list("item_id", "kind", "occurred_at"))
        names = dict(Item.objects.filter(state="active").values_list("pk", "external_id"))
    item_ids, kinds, times = zip(*acts, strict=True)
    seconds = [int(at.timestamp()) for at in times]
    history = History.from_events(
        model.item_keys_N, item_ids, kinds, seconds, [INTEREST_WEIGHTS[kind] for kind in kinds]
    )
    scores = model.scores(history)
    order = [place for place in np.argsort(-scores, kind="stable") if model.item_keys_N[place] not in set(item_ids)]
    best = [place for place in order if int(model.item_keys_N[place]) in names][:10]
    return [names[int(model.item_keys_N[place])] for place in best], [float(scores[place]) for place in best]


def check_answers(asker: Asker, num_contacts: int = 25) -> None:
    """Stop unless the API's items and scores are those of the reference."""
    for _request in range(num_contacts):
        contact = asker.random_contact()
        items = asker.recommendations(contact)["items"]
        names, scores = expected_items(asker.brand, contact)
        answered = [item["score"] for item in items]
        if [item["external_id"] for item in items] != names or not np.allclose(answered, scores, atol=2e-4):
            raise SystemExit(f"{contact}: wrong answer\n{items}\nexpected {names} {scores}")


def rank_raw(vectors_ND: np.ndarray, user_D: np.ndarray) -> np.ndarray:
    """The yardstick: every score, then the ten best in order."""
    scores_N = vectors_ND @ user_D
    best = np.argpartition(-scores_N, 10)[:10]
    return best[np.argsort(-scores_N[best])]


# --- measuring --------------------------------------------------------------------------------------------------------


def timed_ms(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def measure_in_turns(asker: Asker) -> tuple[list[float], list[float]]:
    """Milliseconds of requests and of the yardstick, taken in turns."""
    vectors_ND = np.ascontiguousarray(asker.brand["model"].deep.weights["items.weight"])
    users = np.random.default_rng(1).normal(size=(PER_ROUND, WIDTH)).astype(np.float32)
    requests: list[float] = []
    raws: list[float] = []
    for _round in range(ROUNDS):
        raws += [timed_ms(lambda user=user: rank_raw(vectors_ND, user)) for user in users]
        contacts = [asker.random_contact() for _request in range(PER_ROUND)]
        requests += [timed_ms(lambda contact=contact: asker.recommendations(contact)) for contact in contacts]
    return requests, raws


def saturate(port: int, brand: dict[str, Any], seconds: float, num_clients: int = 4) -> float:
    """Requests per second when every client sends its next request at once."""
    counts, end = [0] * num_clients, time.perf_counter() + seconds

    def work(place: int) -> None:
        asker = Asker(port, brand, place)
        while time.perf_counter() < end:
            asker.recommendations(asker.random_contact())
            counts[place] += 1

    _in_threads([lambda place=place: work(place) for place in range(num_clients)])
    return sum(counts) / seconds


def open_loop(port: int, brand: dict[str, Any], rate: float, seconds: float, num_clients: int = 8) -> list[float]:
    """Milliseconds from the planned start of each request to its answer, at a constant rate."""
    plan: SimpleQueue[float | None] = SimpleQueue()
    latencies: list[float] = []
    began = time.perf_counter() + 0.2
    for number in range(int(rate * seconds)):
        plan.put(began + number / rate)

    def work(place: int) -> None:
        asker = Asker(port, brand, 100 + place)
        while (planned := plan.get()) is not None:
            time.sleep(max(0.0, planned - time.perf_counter()))
            asker.recommendations(asker.random_contact())
            latencies.append((time.perf_counter() - planned) * 1000)

    for _client in range(num_clients):
        plan.put(None)
    _in_threads([lambda place=place: work(place) for place in range(num_clients)])
    return latencies


def _in_threads(works: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measure_freshness(asker: Asker, num_events: int = 40) -> list[float]:
    """Seconds from sending an act to the first answer without its item, for items that were in the answer before."""
    seconds = []
    for number in range(num_events):
        contact = asker.random_contact()
        first = asker.recommendations(contact)["items"][0]["external_id"]
        began = time.perf_counter()
        event = {"id": f"fresh-{number}-{began}", "contact": contact, "kind": "read", "item": first}
        asker.call("POST", "/api/v1/events/", {"events": [event]})
        while any(item["external_id"] == first for item in asker.recommendations(contact)["items"]):
            time.sleep(0.005)
        seconds.append(time.perf_counter() - began)
    return seconds


# --- the run ----------------------------------------------------------------------------------------------------------

results: list[bool] = []


def report(name: str, value: float, unit: str, goal: float | None = None) -> None:
    """Print one line; a figure with a goal must not exceed it."""
    line: dict[str, Any] = {"name": name, "value": round(value, 4), "unit": unit}
    if goal is not None:
        line |= {"goal": goal, "ok": value <= goal}
        results.append(value <= goal)
    print(json.dumps(line), flush=True)


def measure(port: int, brand: dict[str, Any], num_items: int, seconds: float) -> None:
    """Every figure of one catalogue size."""
    asker = Asker(port, brand, 0)
    check_answers(asker)
    requests, raws = measure_in_turns(asker)
    report(f"p50_raw@{num_items}", statistics.median(raws), "ms")
    report(f"p50_request@{num_items}", statistics.median(requests), "ms")
    report(f"p5_request@{num_items}", sorted(requests)[len(requests) // 20], "ms")
    over_raw = statistics.median(requests) - statistics.median(raws)
    report(f"p50_over_raw@{num_items}", over_raw, "ms", GOALS["p50_over_raw"])
    saturation = saturate(port, brand, seconds / 2)
    report(f"saturation@{num_items}", saturation, "requests/s")
    latencies = sorted(open_loop(port, brand, saturation / 2, seconds))
    p50, p99 = statistics.median(latencies), latencies[int(len(latencies) * 0.99)]
    report(f"p50_half_load@{num_items}", p50, "ms")
    report(f"p99_half_load@{num_items}", p99, "ms")
    report(f"p99_over_p50@{num_items}", p99 / p50, "ratio", GOALS["p99_over_p50"])
    fresh = measure_freshness(asker)
    report(f"freshness_max@{num_items}", max(fresh), "s", GOALS["freshness_max"])


@contextmanager
def web_server(state: Path, environment: dict[str, str]) -> Iterator[int]:
    """The web process of ./run on a free port."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    web = supervisor.build_children(state, supervisor.site_environment(environment), "127.0.0.1", port)[0]
    web.start()
    try:
        _await_port(port)
        yield port
    finally:
        assert web.process is not None
        web.process.terminate()
        web.process.wait(30)


def _await_port(port: int) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("GET", "/accounts/login/")
            connection.getresponse().read()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def _refuse_used_database() -> None:
    """Other rows would change the times, and brands of an earlier run have the names of ours."""
    from accounts.models import Tenant

    if Tenant.objects.exists():
        raise SystemExit("This database is in use already. Leave out DATABASE_URL and --state, or name an empty one.")


def main() -> int:
    """Start everything, measure each size, print the lines."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--state", type=Path, help="folder for the services; a temporary one when left out")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    with tempfile.TemporaryDirectory() as folder, local.running(options.state or Path(folder) / "state") as services:
        state = Path(services["FANWISE_STATE"])
        environment = supervisor.site_environment(services)
        os.environ.update(environment)
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", database="owner", interactive=False, verbosity=0)
        _refuse_used_database()
        prepare.collect_static()
        brands = {size: make_brand(size) for size in sizes}
        _settle()
        with web_server(state, environment) as port:
            for size, brand in brands.items():
                measure(port, brand, size, options.seconds)
    return 0 if all(results) else 1


def _settle() -> None:
    """Statistics and visibility as a database has after its first hour."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    connections.close_all()


if __name__ == "__main__":
    sys.exit(main())

"""A realistic Results object, for tests that render or read one."""

from __future__ import annotations

from shelftalker.evaluation.results import (
    Checks,
    Data,
    Finding,
    Model,
    PairedTest,
    Prediction,
    Results,
    Row,
    Score,
    Slice,
    System,
    Verdict,
)

SYSTEMS = ["zero-shot", "copy-title", "nearest-neighbour", "lead-sentence", "checkpoint-100", "checkpoint-200"]
METRICS = {"rouge1": 1, "rouge2": 1, "rougeL": 1, "rougeLsum": 1, "bleu": 100, "chrf": 100}
PRODUCTS = [
    ("Harbour 500 ml Steel Bottle, Blue", "home", "Keeps drinks cold for a day. The steel bottle fits in a bag."),
    ("Oak Table Lamp", "home", "A warm light for the desk. The lamp stands on solid oak."),
    ("Slim Leather Wallet", "fashion", "Six cards and notes in soft leather. It slips into a front pocket."),
    ("The Captain's Daughter: A Novel", "books", "A sea captain comes home to a daughter he has never met."),
    ("Cotton Shirt, Red, L", "fashion", "Soft cotton that keeps its shape <b>& colour</b> after fifty washes."),
    ("Kettle 1.7 litre", "home", "Boils a litre in three minutes and switches itself off."),
]


def prediction_of(system: str, title: str, reference: str, number: int) -> Prediction:
    """What ``system`` wrote about a product: better for later checkpoints, with findings here and there."""
    text = {
        "zero-shot": f"{title} {title}",
        "copy-title": title,
        "nearest-neighbour": "Keeps drinks cold for hours. The bottle fits in a travel bag.",
        "lead-sentence": f"This is the {title}.",
        "checkpoint-100": f"A soft {title.split()[-1].lower()} for every day, 90 kg strong.",
        "checkpoint-200": " ".join(reference.split()[: 6 + number % 4]) + f" for the {title.split()[0]}.",
    }[system]
    findings = []
    if "90 kg" in text:
        at = text.index("90 kg")
        findings = [Finding(check="numbers", text="90 kg", start=at, end=at + 5, why="the title does not say 90 kg")]
    quality = 0.05 + 0.06 * SYSTEMS.index(system) + 0.01 * (number % 7)
    scores = {metric: quality * unit for metric, unit in METRICS.items()}
    return Prediction(text=text, tokens=len(text.split()), hit_cap=number % 11 == 0, scores=scores, findings=findings)


def sample_results(rows: int = 60) -> Results:
    """A comparison of two checkpoints with zero-shot and the reference systems on ``rows`` products."""
    similarities = ("none", "distant", "near", "sibling")
    table = []
    for number in range(rows):
        title, department, reference = PRODUCTS[number % len(PRODUCTS)]
        title = f"{title} No. {number}"
        reference = " ".join([reference] * (1 + number % 3))
        table.append(
            Row(
                uid=f"P{number:04d}",
                title=title,
                columns={"department": department},
                reference=reference,
                similarity=similarities[number % 4],  # type: ignore[arg-type]
                nearest=PRODUCTS[(number + 1) % len(PRODUCTS)][0],
                predictions={system: prediction_of(system, title, reference, number) for system in SYSTEMS},
            )
        )
    systems = [_system(name, table) for name in SYSTEMS]
    tests = [
        PairedTest(
            a=a,
            b=b,
            metric=metric,
            difference=(SYSTEMS.index(a) - SYSTEMS.index(b)) * 0.06 * METRICS[metric],
            low=(SYSTEMS.index(a) - SYSTEMS.index(b) - 0.5) * 0.06 * METRICS[metric],
            high=(SYSTEMS.index(a) - SYSTEMS.index(b) + 0.5) * 0.06 * METRICS[metric],
            p_bootstrap=0.001,
            p_permutation=0.001,
            p_holm=0.002 if a.startswith("checkpoint") else None,
            smallest_detectable=0.02 * METRICS[metric],
        )
        for metric in ("rougeL", "bleu", "chrf")
        for a in SYSTEMS
        for b in ("zero-shot", "copy-title", "nearest-neighbour", "checkpoint-100")
        if a.startswith("checkpoint") and a != b
    ]
    return Results(
        created="2026-01-02T03:04:05+00:00",
        kind="comparison",
        data=Data(split="val", split_by="group", rows=rows, sha256="0" * 64, path="data/val.jsonl", name="sample"),
        systems=systems,
        tests=tests,
        verdict=Verdict(
            best="checkpoint-200",
            sentence="checkpoint-200 is best: chrF 37.2, significantly better than zero-shot (p = 0.002).",
            warnings=["Only 60 rows: a chrF difference under 2.0 cannot be seen."],
        ),
        rows=table,
        signatures=sorted({score.signature for system in systems for score in system.scores.values()}),
        settings={"decoding": {"beams": 1}, "resamples": 1000, "seed": 42},
    )


def _system(name: str, table: list[Row]) -> System:
    def part(rows: list[Row]) -> Slice:
        return Slice(n=len(rows), scores={metric: _mean(name, rows, metric) for metric in METRICS})

    is_checkpoint = name.startswith("checkpoint")
    scores = {
        metric: Score(
            value=_mean(name, table, metric),
            low=_mean(name, table, metric) * 0.9,
            high=_mean(name, table, metric) * 1.1,
            n=len(table),
            higher_is_better=True,
            signature=f"{metric}|n:{len(table)}|version:1",
        )
        for metric in METRICS
    }
    scores["length_ratio"] = Score(value=0.8, n=len(table), higher_is_better=None, signature="length_ratio|words")
    scores["cap_share"] = Score(value=0.05, n=len(table), higher_is_better=False, signature="cap_share|max:128")
    departments = sorted({row.columns["department"] for row in table})
    return System(
        id=name,
        label=name,
        role="checkpoint" if is_checkpoint else "baseline" if name == "zero-shot" else "reference_system",
        step=int(name.split("-")[1]) if is_checkpoint else None,
        run="t5_lora" if is_checkpoint else None,
        model=Model(given="outputs/t5_lora", path=f"outputs/t5_lora/{name}", hash="a" * 64) if is_checkpoint else None,
        engine="engine:ctranslate2-4.8.5|dtype:int8|batch:32" if is_checkpoint or name == "zero-shot" else None,
        decoding="greedy|max:128" if is_checkpoint or name == "zero-shot" else None,
        scores=scores,
        checks=Checks(publishable_rate=0.4 if is_checkpoint else 0.9, by_check={"numbers": 0.6, "loops": 0.0}),
        by_similarity={
            kind: part([row for row in table if row.similarity == kind])
            for kind in ("none", "distant", "near", "sibling")
        },
        by_length={
            label: part([row for row in table if row.reference.count(".") // 2 == number])
            for number, label in enumerate(("short", "medium", "long"))
        },
        by_column={
            "department": {
                value: part([row for row in table if row.columns["department"] == value]) for value in departments
            }
        },
    )


def _mean(name: str, rows: list[Row], metric: str) -> float:
    return sum(row.predictions[name].scores[metric] for row in rows) / max(len(rows), 1)

"""Results whose every text tries to break out of the page."""

from __future__ import annotations

from evaluation.samples import sample_results

from shelftalker.evaluation.results import Finding, Results, Verdict

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    '"><svg onload=alert(3)>',
    "' onmouseover='alert(4)",
    "<!-- --!> <![CDATA[ ]]> \u2028 \u0000 &lt;b&gt;",
    "{{ 7 * 7 }} {% raw %} ${7*7}",
]


def hostile_results() -> Results:
    results = sample_results(12)
    for row, text in zip(results.rows, HOSTILE * 2, strict=True):
        row.title = row.reference = text
        row.columns = {text: text}
        for prediction in row.predictions.values():
            prediction.text = text
            prediction.findings = [Finding(check=text, text=text[:4], start=0, end=4, why=text)]
    for system in results.systems:
        system.label = HOSTILE[0]
        system.by_column = {HOSTILE[1]: {HOSTILE[2]: next(iter(system.by_similarity.values()))}}
    results.verdict = Verdict(best="checkpoint-200", sentence=HOSTILE[0], warnings=HOSTILE)
    results.settings = {HOSTILE[3]: HOSTILE}
    results.signatures = HOSTILE
    results.data.name = HOSTILE[0]
    return results

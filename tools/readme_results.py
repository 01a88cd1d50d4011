"""Put the demo's scores into the READMEs: python tools/readme_results.py demo/outputs/sample/test/results.json."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "README.md": ("system", "fine-tuned", "without a finding", ".", ", "),
    "README.pt-BR.md": ("sistema", "ajustado", "sem achados", ",", "; "),
}
_PLACE = re.compile(r"(?<=<!-- results:begin -->\n).*?(?=<!-- results:end -->)", re.DOTALL)


def table(results: dict[str, Any], system: str, tuned: str, clean: str, point: str, between: str) -> str:
    """The systems and their scores as a Markdown table, in a language's words and way of writing numbers."""

    def number(value: float, digits: int) -> str:
        return f"{value:.{digits}f}".replace(".", point)

    lines = [f"| {system} | ROUGE-1 | ROUGE-2 | ROUGE-L | BLEU | chrF++ | {clean} |", "|---|---|---|---|---|---|---|"]
    for one in results["systems"]:
        name = f"**{tuned}**" if one["role"] in ("model", "checkpoint") else one["id"]
        cells = [number(one["scores"][metric]["value"], 4) for metric in ("rouge1", "rouge2")]
        for metric, digits in (("rougeL", 4), ("bleu", 2), ("chrf", 2)):
            score = one["scores"][metric]
            low, high = number(score["low"], digits), number(score["high"], digits)
            cells.append(f"{number(score['value'], digits)} [{low}{between}{high}]")
        cells.append(f"{one['checks']['publishable_rate']:.0%}".replace("%", " %"))
        lines.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write both tables."""
    results = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for page, words in PAGES.items():
        path = ROOT / page
        text = path.read_text(encoding="utf-8")
        path.write_text(_PLACE.sub(lambda _, words=words: table(results, *words), text), encoding="utf-8")


if __name__ == "__main__":
    main()

"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const PAGE = 20;
  const NOTES = 6; // findings listed under a prediction; the others are marked in it all the same
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  const make = (tag, className, ...children) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    node.append(...children);
    return node;
  };

  // One metric for all charts and tables of the page.
  const metric = $("metric");
  if (metric) {
    metric.addEventListener("change", () => {
      for (const block of document.querySelectorAll("[data-metric]")) block.hidden = block.dataset.metric !== metric.value;
    });
  }

  // Why a piece of text is marked: on hover, on focus, on touch.
  const tip = $("tip");
  const explain = (event) => {
    const mark = event.target.closest && event.target.closest("mark[data-why]");
    if (!mark) { tip.hidden = true; return; }
    tip.textContent = mark.dataset.why;
    tip.hidden = false;
    const at = mark.getClientRects()[0];
    const size = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(at.left, document.documentElement.clientWidth - size.width - 8))}px`;
    tip.style.top = `${at.top - size.height - 6 > 0 ? at.top - size.height - 6 : at.bottom + 6}px`;
  };
  for (const type of ["mouseover", "focusin", "click"]) document.addEventListener(type, explain);
  document.addEventListener("focusout", () => { tip.hidden = true; });
  document.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });

  if (!data.rows.length) { $("count").textContent = "There are no rows."; return; }

  // What searching, filtering and sorting need of a row, worked out once.
  const plain = (pieces) => pieces.map((piece) => (typeof piece === "string" ? piece : piece[0])).join("");
  for (const row of data.rows) {
    row.texts = row.predictions.map((prediction) => plain(prediction.text));
    row.words = row.reference.split(/\s+/).length;
    row.haystacks = row.texts.map((text) => text.toLowerCase());
    row.head = [row.title, row.reference, row.uid, ...row.columns.map((column) => column[1])].join("\n").toLowerCase();
  }

  const choices = { search: $("search"), left: $("left"), right: $("right"), sort: $("sort"), order: $("order"), check: $("check") };
  const option = (value, text) => { const node = make("option", "", text); node.value = value; return node; };
  const position = (id) => data.systems.findIndex((system) => system.id === id);
  data.systems.forEach((system, number) => {
    choices.left.append(option(number, system.label));
    choices.right.append(option(number, system.label));
  });
  choices.right.value = Math.max(0, position(data.best));
  choices.left.value = data.base === null ? choices.right.value : position(data.base);
  choices.sort.append(option("none", "catalogue order"));
  data.metrics.forEach((one, number) => {
    choices.sort.append(option(`right:${number}`, `${one.label}, right`));
    choices.sort.append(option(`gain:${number}`, `${one.label}, right minus left`));
  });
  choices.sort.append(option("findings", "findings, right"), option("length", "length, right"), option("words", "length of reference"), option("title", "title"));

  const pretty = (check) => check.replaceAll("_", " ");
  const fillChecks = () => {
    const chosen = choices.check.value || "any-row";
    const counts = new Map();
    const right = Number(choices.right.value);
    let some = 0;
    for (const row of data.rows) {
      const names = new Set(row.predictions[right].findings.map((finding) => finding[0]));
      for (const name of names) counts.set(name, (counts.get(name) || 0) + 1);
      if (names.size) some += 1;
    }
    choices.check.replaceChildren(
      option("any-row", "all rows"), option("some", `any finding (${some})`), option("clean", `none: publishable (${data.rows.length - some})`),
      ...[...counts].sort((a, b) => b[1] - a[1]).map(([name, count]) => option(`is:${name}`, `${pretty(name)} (${count})`)),
    );
    choices.check.value = chosen;
    if (choices.check.selectedIndex < 0) choices.check.value = "any-row";
  };

  const keyOf = (sort, left, right) => {
    const [kind, number] = sort.split(":");
    if (kind === "right") return (row) => row.predictions[right].scores[number];
    if (kind === "gain") return (row) => {
      const [a, b] = [row.predictions[right].scores[number], row.predictions[left].scores[number]];
      return a === null || b === null ? null : a - b;
    };
    if (kind === "findings") return (row) => row.predictions[right].findings.length;
    if (kind === "length") return (row) => row.texts[right].length;
    if (kind === "words") return (row) => row.words;
    return null;
  };

  const wanted = (left, right) => {
    const terms = choices.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const check = choices.check.value;
    return data.rows.filter((row) => {
      const findings = row.predictions[right].findings;
      if (check === "some" && !findings.length) return false;
      if (check === "clean" && findings.length) return false;
      if (check.startsWith("is:") && !findings.some((finding) => finding[0] === check.slice(3))) return false;
      return terms.every((term) => row.head.includes(term) || row.haystacks[left].includes(term) || row.haystacks[right].includes(term));
    });
  };

  const sorted = (rows, left, right) => {
    const sort = choices.sort.value;
    const sign = choices.order.value === "up" ? 1 : -1;
    if (sort === "none") return sign > 0 ? [...rows].reverse() : rows;
    if (sort === "title") return [...rows].sort((a, b) => -sign * collator.compare(a.title, b.title));
    const key = keyOf(sort, left, right);
    return [...rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === null || y === null) return (x === null) - (y === null);
      return sign * (x - y);
    });
  };

  const textNode = (pieces, findings) => {
    const node = make("p", "text");
    for (const piece of pieces) {
      if (typeof piece === "string") { node.append(piece); continue; }
      const mark = make("mark", "", piece[0]);
      mark.tabIndex = 0;
      mark.dataset.why = piece[1].map((number) => `${pretty(findings[number][0])}: ${findings[number][2]}`).join(" ");
      node.append(mark);
    }
    if (!pieces.length) node.append(make("span", "quiet", "(empty)"));
    return node;
  };

  const side = (row, number, shownMetric) => {
    const [system, prediction] = [data.systems[number], row.predictions[number]];
    const head = make("p", "whose", make("span", `swatch ${system.css}`), system.label);
    const score = data.metrics.length ? prediction.scores[shownMetric] : null;
    if (score !== null && score !== undefined) {
      head.append(make("span", "score", `${data.metrics[shownMetric].label} ${score.toFixed(data.metrics[shownMetric].decimals)}`));
    }
    const node = make("div", "", head, textNode(prediction.text, prediction.findings));
    if (prediction.findings.length) {
      const notes = make("ul", "notes");
      const few = prediction.findings.length > NOTES + 1 ? prediction.findings.slice(0, NOTES) : prediction.findings;
      for (const [check, text] of few) {
        const short = text.length > 48 ? `${text.slice(0, 46)}…` : text;
        notes.append(make("li", "", make("b", "", pretty(check)), ` ${short}`));
      }
      if (few.length < prediction.findings.length) notes.append(make("li", "", `and ${prediction.findings.length - few.length} more`));
      node.append(notes);
    }
    if (prediction.route) node.append(make("p", "meta", prediction.route));
    if (prediction.sources.length) {
      const count = prediction.sources.length;
      node.append(make("details", "sources", make("summary", "", `${count} source${count > 1 ? "s" : ""}`), ...prediction.sources.map((text) => make("p", "", text))));
    }
    return node;
  };

  const article = (row, left, right, shownMetric) => {
    const about = [...row.columns.map(([name, value]) => `${name}: ${value}`), data.similarity[row.similarity] || "", row.uid].filter(Boolean);
    const reference = make("div", "", make("p", "whose", make("span", "swatch ref"), "reference"), make("p", "text", row.reference));
    const texts = make("div", "texts", ...(left === right ? [left] : [left, right]).map((number) => side(row, number, shownMetric)), reference);
    const node = make("article", "item", make("h3", "", row.title || "(no title)"), make("p", "meta", about.join(" · ")), texts);
    node.dataset.uid = row.uid;
    return node;
  };

  let page = 0;
  let found = [];
  const draw = () => {
    const [left, right] = [Number(choices.left.value), Number(choices.right.value)];
    const [kind, number] = choices.sort.value.split(":");
    const shownMetric = kind === "right" || kind === "gain" ? Number(number) : 0;
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    page = Math.min(page, pages - 1);
    $("rows").replaceChildren(...found.slice(page * PAGE, (page + 1) * PAGE).map((row) => article(row, left, right, shownMetric)));
    const of = data.rows.length.toLocaleString("en");
    const part = data.total > data.rows.length ? ` (an even sample of ${data.total.toLocaleString("en")}; all are in results.json)` : "";
    $("count").textContent = `${found.length.toLocaleString("en")} of ${of} rows${part}`;
    $("pages").hidden = pages < 2;
    $("page").textContent = `Page ${page + 1} of ${pages}`;
    $("previous").disabled = page === 0;
    $("next").disabled = page === pages - 1;
  };
  const update = () => {
    const [left, right] = [Number(choices.left.value), Number(choices.right.value)];
    found = sorted(wanted(left, right), left, right);
    page = 0;
    draw();
  };
  const turn = (step) => { page += step; draw(); $("predictions").scrollIntoView(); };

  let waiting = 0;
  choices.search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(update, 80); });
  choices.right.addEventListener("change", fillChecks);
  for (const name of ["left", "right", "sort", "order", "check"]) choices[name].addEventListener("change", update);
  $("controls").addEventListener("submit", (event) => { event.preventDefault(); update(); });
  $("previous").addEventListener("click", () => turn(-1));
  $("next").addEventListener("click", () => turn(1));

  $("controls").hidden = false;
  fillChecks();
  update();
})();

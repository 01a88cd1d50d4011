"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const facts = JSON.parse($("data").textContent);
  const tab = sessionStorage.getItem("tab") || String(Math.random()).slice(2, 14);
  sessionStorage.setItem("tab", tab);
  const REASONS = ["invents facts", "another product", "style", "language", "too thin"];
  let row = null, since = 0, busy = false, seed = 0, ruled = null, listed = 0;

  const filter = () => ({ state: $("state").value, check: $("check").value, route: $("route").value, search: $("search").value.trim() });

  // A server that was stopped comes back under the same address: nothing typed is lost while it is gone.
  async function ask(path, body, signal) {
    for (;;) {
      let answer;
      try {
        answer = await fetch(path, body === undefined ? { signal } : {
          method: "POST", signal, body: JSON.stringify(body),
          headers: { "Content-Type": "application/json", "X-Shelftalker-Token": facts.token },
        });
      } catch (error) {
        if (error.name === "AbortError") throw error;
        say("The server does not answer. Start it again with the same command; this page goes on by itself.", "gone");
        await new Promise((resolve) => setTimeout(resolve, 400));
        continue;
      }
      if ($("said").dataset.why === "gone") hush();
      const found = await answer.json();
      if (answer.ok) return found;
      const told = [found.error.what, found.error.mend].filter(Boolean).join(": ");
      throw Object.assign(new Error(told), { status: answer.status });
    }
  }
  function say(text, why = "") { $("said").textContent = text; $("said").dataset.why = why; $("said").hidden = false; }
  function hush() { $("said").hidden = true; $("said").dataset.why = ""; }

  // One step at a time: a key that is pressed while a decision is being kept waits for nothing and does nothing.
  async function step(action) {
    if (busy) return;
    busy = true;
    document.body.dataset.busy = "1";
    try { await action(); } catch (error) {
      say(error.message);
      if (error.status === 409) await load();
    } finally { busy = false; delete document.body.dataset.busy; }
  }

  function element(name, text, more = {}) {
    const made = document.createElement(name);
    made.textContent = text;
    return Object.assign(made, more);
  }
  const query = (extra) => new URLSearchParams(Object.entries({ ...filter(), ...extra }).filter(([, value]) => value !== ""));

  async function load(extra = {}) { show(await ask(`api/next?${query({ tab, ...extra })}`)); }

  function show({ row: found, progress }) {
    row = found;
    since = performance.now();
    tell(progress);
    view("row");
    for (const id of ["accept", "edit", "refuse", "skip", "another"]) if ($(id)) $(id).disabled = !row;
    $("empty").hidden = Boolean(row);
    $("row").hidden = !row;
    if (!row) {
      $("empty").textContent = progress.waiting ? "No row fits the filter." : "Every row is decided.";
      return;
    }
    $("row").dataset.number = row.number;
    $("title").textContent = row.title || "(no title)";
    $("about").textContent = [
      row.key, row.route || "not asked for", row.similarity === null ? "" : `similarity ${row.similarity.toFixed(2)}`,
      row.score === null ? "" : `score ${row.score.toFixed(2)}`, row.verdict === "open" ? "" : row.verdict, row.reason || "",
    ].filter(Boolean).join(" · ");
    $("problem").hidden = !row.problem;
    $("problem").textContent = row.problem;
    $("old-box").hidden = !row.old;
    $("old").textContent = row.old;
    $("attributes").replaceChildren(...Object.entries(row.attributes).flatMap(([name, text]) => [element("dt", name), element("dd", text)]));
    $("sources").replaceChildren(...row.sources.map((one) => element("li", `${one.title} (${Number(one.similarity).toFixed(2)}, ${one.uid})`)));
    $("reject").hidden = true;
    edit(false);
    draft(row.html, row.findings);
    if (!row.draft) $("draft-text").textContent = "Nobody wrote a draft.";
    if (row.text && row.text !== row.draft) edit(true, row.text);
    if (!$("filters").contains(document.activeElement)) $("title").focus({ preventScroll: true });
    scrollTo(0, 0);
  }

  function draft(html, findings) {
    $("draft-text").innerHTML = html;  // escaped by the server; the page's policy runs no script but this one
    list(findings);
  }
  function list(findings) {
    $("findings").replaceChildren(...findings.map((one) => {
      const item = element("li", "");
      item.append(element("b", one.check.replaceAll("_", " ")), ` ${one.text}: ${one.why}`);
      return item;
    }));
  }
  function tell(progress) {
    const share = progress.total ? (100 * progress.done) / progress.total : 100;
    $("done").style.width = `${share}%`;
    $("done").parentElement.setAttribute("aria-valuenow", progress.done);
    $("done").parentElement.setAttribute("aria-valuemax", progress.total);
    const parts = [`${progress.done.toLocaleString()} of ${progress.total.toLocaleString()} decided`];
    if (progress.by_rule) parts.push(`${progress.by_rule.toLocaleString()} unread by rule`);
    if (progress.skipped) parts.push(`${progress.skipped.toLocaleString()} skipped`);
    if (progress.minutes >= 0.1) parts.push(`${progress.minutes} min spent`);
    if (progress.seconds_a_row) parts.push(`${progress.seconds_a_row} s a row`, `${progress.hours_left} h left`);
    $("progress").textContent = parts.join(" · ");
  }

  let timer = 0, asking = null;
  function edit(on, text) {
    $("editor").hidden = !on;
    $("draft-text").hidden = on;
    if (!on) { clearTimeout(timer); asking?.abort(); $("text").blur(); return; }
    $("text").value = text ?? row.draft;
    $("text").focus();
    judge();
  }
  function judge() {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      asking?.abort();
      asking = new AbortController();
      try {
        const found = await ask("api/check", { number: row.number, text: $("text").value }, asking.signal);
        $("preview").innerHTML = found.html;
        list(found.findings);
      } catch (error) { if (error.name !== "AbortError") say(error.message); }
    }, 120);
  }

  const editing = () => !$("editor").hidden;
  function decide(verdict, more = {}) {
    if (!row) return;
    return step(async () => {
      const seconds = Math.round((performance.now() - since) / 100) / 10;
      const answer = await ask("api/decide", { number: row.number, verdict, seconds, seen: row.decision, tab, then: filter(), ...more });
      hush();
      show(answer);
    });
  }
  const actions = {
    accept: () => decide("accepted", { text: editing() ? $("text").value : row?.draft ?? "" }),
    edit: () => { if (row) edit(true); },
    refuse: () => { if (row) { $("reject").hidden = false; $("reason").value = ""; $("reason").focus(); $("reject").scrollIntoView({ block: "center" }); } },
    skip: () => decide("skipped"),
    undo: () => step(async () => { show(await ask("api/undo", { tab })); say("Taken back."); }),
    another: () => facts.model && row && step(async () => {
      say("Writing another version ...");
      const found = await ask("api/another", { number: row.number, seed: ++seed });
      hush();
      edit(true, found.text);
    }),
    next: () => row && step(() => load({ after: row.number })),
  };

  function view(name) {
    for (const id of ["list", "rule", "sum", "help"]) $(id).hidden = id !== name;
    $("row").hidden = name !== "row" || !row;
    if (name !== "row") $("empty").hidden = true;
    document.querySelector(".actions").hidden = name !== "row";  // no button decides a row that is not seen
  }
  async function rows(more) {
    listed = more ? listed : 0;
    const found = await ask(`api/rows?${query({ skip: listed })}`);
    const items = found.rows.map((one) => {
      const item = element("li", ""), open = element("button", one.title || "(no title)", { type: "button" });
      open.onclick = () => step(async () => show(await ask(`api/row/${one.number}`)));
      const notes = [one.verdict, one.found ? `${one.found} findings` : "no finding", one.route, one.draft].filter(Boolean);
      item.append(open, element("small", notes.join(" · ")));
      return item;
    });
    if (more) $("list-rows").append(...items); else $("list-rows").replaceChildren(...items);
    listed += found.rows.length;
    $("list-count").textContent = `${found.count.toLocaleString()} rows`;
    $("list-more").hidden = listed >= found.count;
    view("list");
  }
  const number = (id) => ($(id).value === "" ? null : Number($(id).value));
  async function named() {
    ruled = {
      routes: ["edited", "written"].filter((name) => $(`rule-${name}`).checked), findings: number("rule-findings") ?? 0,
      score: number("rule-score"), similarity: number("rule-similarity"),
    };
    const found = await ask("api/rule", ruled);
    ruled.expected = found.count;
    hush();
    $("rule-count").textContent = found.count ? `${found.count.toLocaleString()} drafts (${found.words}); the most doubtful ${found.rows.length} of them:` : `No waiting draft meets it (${found.words}).`;
    $("rule-accept").hidden = !found.count;
    $("rule-accept").textContent = `Accept all ${found.count.toLocaleString()}`;
    $("rule-rows").replaceChildren(...found.rows.map((one) => {
      const item = element("li", one.title);
      item.append(element("small", one.draft));
      return item;
    }));
  }

  const minutes = (value) => (value >= 90 ? `${(value / 60).toFixed(1)} h` : `${value.toFixed(1)} min`);
  let summed = null;
  async function summary() {
    summed = await ask("api/summary");
    const counts = [["rows to decide", summed.total], ["accepted as drafted", summed.accepted], ["of these unread, by a rule", summed.by_rule],
      ["mended", summed.mended], ["rejected", summed.rejected], ["waiting", summed.waiting]];
    $("sum-rows").replaceChildren(...counts.map(([name, value]) => {
      const row = document.createElement("tr");
      row.append(element("th", name, { scope: "row" }), element("td", value.toLocaleString(), { className: "n" }));
      return row;
    }));
    calculate();
    view("sum");
  }
  function calculate() {
    const each = summed.words / Math.max(1, Number($("sum-speed").value)) + Number($("sum-look").value) / 60;
    const parts = [`Spent here: ${minutes(summed.minutes)} on ${summed.done.toLocaleString()} rows.`];
    if (summed.texts) parts.push(`The ${summed.texts.toLocaleString()} accepted texts by hand: ${minutes(each * summed.texts)} (${summed.words} words, ${(each * 60).toFixed(0)} s each).`);
    if (summed.minutes_left !== null) parts.push(`The ${summed.waiting.toLocaleString()} rows that wait: ${minutes(summed.minutes_left)} here at the pace of the last fifty, ${minutes(each * summed.waiting)} by hand.`);
    $("sum-said").textContent = parts.join(" ");
  }

  for (const id of Object.keys(actions)) if ($(id)) $(id).onclick = actions[id];
  $("list-button").onclick = () => step(() => rows(false));
  $("list-more").onclick = () => step(() => rows(true));
  $("rule-button").onclick = () => { view("rule"); $("rule-findings").focus(); };
  $("sum-button").onclick = () => step(summary);
  $("sum-form").oninput = calculate;
  $("sum-form").onsubmit = (event) => event.preventDefault();
  $("help-button").onclick = () => view($("help").hidden ? "help" : "row");
  $("rule-form").onsubmit = (event) => { event.preventDefault(); step(named); };
  $("rule-form").oninput = () => { ruled = null; $("rule-accept").hidden = true; };
  $("rule-accept").onclick = () => step(async () => {
    const found = await ask("api/accept", { ...ruled, tab });
    await load();
    say(`${found.accepted.toLocaleString()} drafts accepted by the rule; u takes them back.`);
  });
  $("reject").onsubmit = (event) => {
    event.preventDefault();
    const said = $("reason").value.trim();
    decide("rejected", { reason: REASONS[Number(said) - 1] ?? said });
  };
  $("text").oninput = judge;
  let searching = 0;
  async function again() {
    while (busy) await new Promise((resolve) => setTimeout(resolve, 20));
    await step(() => ($("list").hidden ? load() : rows(false)));
  }
  $("filters").onsubmit = (event) => { event.preventDefault(); clearTimeout(searching); $("search").blur(); again(); };
  for (const id of ["state", "check", "route"]) $(id).onchange = again;
  $("search").oninput = () => { clearTimeout(searching); searching = setTimeout(again, 300); };

  const keys = { a: "accept", e: "edit", r: "refuse", s: "skip", v: "another", u: "undo", n: "next" };
  document.addEventListener("keydown", (event) => {
    const inside = event.target.matches("input, select, textarea");
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && editing()) { event.preventDefault(); actions.accept(); return; }
    if (event.key === "Escape") {
      event.preventDefault();
      if (inside) event.target.blur();
      $("reject").hidden = true;
      if (editing()) { edit(false); list(row.findings); }
      view("row");
      $("empty").hidden = Boolean(row);
      return;
    }
    if (inside || event.ctrlKey || event.metaKey || event.altKey) return;
    const pressed = event.key;
    if (pressed === "/") { event.preventDefault(); $("search").focus(); }
    else if (pressed === "l") $("list-button").click();
    else if (pressed === "b") { event.preventDefault(); $("rule-button").click(); }
    else if (pressed === "t") $("sum-button").click();
    else if (pressed === "?") $("help-button").click();
    else if (pressed in keys && (pressed === "u" || !$("row").hidden)) { event.preventDefault(); actions[keys[pressed]](); }
  });

  const tip = $("tip");
  const explain = (mark) => {
    tip.hidden = !mark;
    if (!mark) return;
    tip.textContent = mark.dataset.why;
    const at = mark.getBoundingClientRect(), size = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(at.left, document.documentElement.clientWidth - size.width - 8))}px`;
    tip.style.top = `${at.top - size.height - 6 > 0 ? at.top - size.height - 6 : at.bottom + 6}px`;
  };
  document.addEventListener("mouseover", (event) => explain(event.target.closest("mark[data-why]")));
  document.addEventListener("focusin", (event) => explain(event.target.closest("mark[data-why]")));

  $("reasons").replaceChildren(...REASONS.map((text) => {
    const item = element("li", "");
    item.append(element("button", text, { type: "button", onclick: () => decide("rejected", { reason: text }) }));
    return item;
  }));
  $("check").append(...facts.checks_found.map((name) => element("option", name.replaceAll("_", " "), { value: name, title: facts.checks[name] ?? "" })));
  $("route").append(...facts.routes.map((name) => element("option", name, { value: name })));
  step(load);
})();

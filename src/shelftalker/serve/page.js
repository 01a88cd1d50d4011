const form = document.getElementById("ask");
const said = document.getElementById("said");
const found = document.getElementById("found");
// Behind a proxy the server does not know the address that people use.
const address = new URL(".", location.href).href.replace(/\/$/, "");
for (const place of document.querySelectorAll(".address")) place.textContent = address;
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  const headers = { "Content-Type": "application/json" };
  if (form.elements.key) headers.Authorization = `Bearer ${form.elements.key.value}`;
  const filled = [...form.querySelectorAll(".column")].filter((input) => input.value.trim());
  const columns = Object.fromEntries(filled.map((input) => [input.name, input.value]));
  button.disabled = true;
  said.textContent = "writing …";
  found.textContent = "";
  try {
    const body = JSON.stringify({ title: form.elements.title.value, columns });
    const answer = await fetch("describe", { method: "POST", headers, body });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.error.message);
    const [one] = told.descriptions;
    said.textContent = one.description || one.problem;
    found.textContent = one.publishable
      ? "The checks found nothing."
      : one.findings.map((finding) => `“${finding.text}”: ${finding.why}`).join(" · ");
  } catch (error) {
    said.textContent = "";
    found.textContent = error.message;
  } finally {
    button.disabled = false;
  }
});

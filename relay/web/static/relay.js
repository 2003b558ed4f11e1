// Copies what stands in the element that a button names, where the browser allows it.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy).textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const range = document.createRange();
    range.selectNodeContents(document.getElementById(button.dataset.copy));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    if (!document.execCommand("copy")) { button.textContent = "Press Ctrl+C"; return; }
  }
  button.textContent = "Copied";
});

// A live part ([data-live]) rests while nobody sees it, and is asked for at once when somebody does.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.target.matches("[data-live]")) event.preventDefault();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) document.querySelectorAll("[data-live]").forEach((part) => htmx.trigger(part, "shown"));
});

// What a live part says first ([data-told]) is told to screen readers when it changes, and only then.
let told = document.querySelector("[data-told]")?.textContent;
document.addEventListener("htmx:afterSwap", () => {
  const words = document.querySelector("[data-told]")?.textContent;
  const ear = document.getElementById("told");
  if (ear && words && words !== told) ear.textContent = told = words;
});

// Old figures must not look like new ones.
const stale = document.getElementById("stale");
const seen = () => new Date().toLocaleTimeString();
let answered = seen();
const silent = (event) => {
  if (!event.target.matches("[data-live]")) return;
  stale.textContent = `The relay does not answer. What you see is as of ${answered}.`;
  stale.hidden = false;
};
document.addEventListener("htmx:sendError", silent);
document.addEventListener("htmx:timeout", silent);
document.addEventListener("htmx:responseError", silent);
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.matches("[data-live]")) { answered = seen(); stale.hidden = true; }
});

// What was opened in a live part stays open.
let opened = [];
document.addEventListener("htmx:beforeSwap", (event) => {
  opened = [...event.target.querySelectorAll("details[open][id]")].map((one) => one.id);
});
document.addEventListener("htmx:afterSwap", () => {
  opened.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
});

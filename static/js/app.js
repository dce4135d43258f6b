// Small comforts; every page works without them. Live updates are in live.js.

const ago = (seconds) => {
  for (const [unit, name] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= unit) return `${Math.floor(seconds / unit)} ${name}`;
  }
  return `${Math.max(0, Math.floor(seconds))} s`;
};

// Ages and countdowns: <time data-since> counts up, <time data-until> down. The server's clock is the one that counts.
const said = Date.parse(document.documentElement.dataset.now);
const offset = Number.isNaN(said) ? 0 : said - Date.now();
const tick = () => {
  const now = Date.now() + offset;
  for (const time of document.querySelectorAll("time[data-since]")) {
    const text = ago((now - Date.parse(time.dataset.since)) / 1000);
    if (time.textContent !== text) time.textContent = text;
  }
  for (const time of document.querySelectorAll("time[data-until]")) {
    const left = (Date.parse(time.dataset.until) - now) / 1000;
    const text = left > 0 ? `in ${ago(left)}` : "now";
    if (time.textContent !== text) time.textContent = text;
  }
};
setInterval(() => document.hidden || tick(), 1000);

// One menu open at a time, closed by Escape or a click elsewhere.
const closeMenus = (except) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(except)) menu.open = false;
  }
};
document.addEventListener("click", (event) => closeMenus(event.target));

// A form that says so is sent by the first change.
document.addEventListener("change", (event) => {
  if (event.target.form?.matches("[data-autosave]")) event.target.form.requestSubmit();
});

// Keys. None of them does anything while a person types.
const goTo = (selector) => document.querySelector(selector)?.click();
let waitsForGo = 0;
const keys = {
  f: () => document.querySelector(".bar input[type=search]")?.focus(),
  j: () => step(1),
  k: () => step(-1),
};
const goKeys = {
  a: () => goTo(".top nav a"),
  c: () => goTo(".tabs [href$='/clusters']"),
  p: () => goTo(".tabs [href$='/pipelines']"),
};
const step = (by) => {
  const rows = [...document.querySelectorAll("[data-row]")];
  const at = rows.indexOf(document.activeElement);
  rows[Math.min(Math.max(at + by, 0), rows.length - 1)]?.focus();
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    closeMenus(null);
    goTo("[data-close]");
    return;
  }
  if (event.target.matches("input, textarea, select")) return;
  const isGo = Date.now() - waitsForGo < 1500;
  waitsForGo = event.key === "g" && !isGo ? Date.now() : 0;
  const action = (isGo ? goKeys : keys)[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

// What a person opened gets the focus, and gives it back to its row when they close it.
let row = "";
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.matches("[data-row]")) row = event.target.closest("[id]").id;
});
// At once after the swap: what a refresh swaps away before it has settled is told nobody.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.requestConfig?.triggeringEvent?.type === "click") {
    const opened = event.target.querySelector?.("[autofocus]");
    (opened ?? document.getElementById(row)?.querySelector("[data-row]"))?.focus();
  }
});
document.addEventListener("htmx:afterSettle", tick);
tick();

// On a narrow screen the row of tabs begins with the one that is open.
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

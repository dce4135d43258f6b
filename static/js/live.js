// Keeps what a page shows up to date: elements with data-topic are fetched anew when their topic has changed.
// One stream for the page; while it is not there, everything is fetched each second instead.

const POLL = 1000, JOIN = 100, WORDS = 30000, SILENT = 15000, AGAIN = 5000, SAY = 5000;
const shown = () => [...document.querySelectorAll("[data-topic]")];
const topics = () => [...new Set(shown().map((element) => element.dataset.topic))];
const changed = new Set();
let source = null, poll = 0, joining = 0, watchdog = 0, again = 0;

const state = (word, tone) => {
  const dot = document.getElementById("live");
  if (!dot || (dot.textContent === word && !dot.hidden)) return;
  dot.hidden = !word;
  dot.textContent = word;
  dot.className = `live ${tone}`;
};

const fetchChanged = () => {
  joining = 0;
  if (document.hidden) return; // it waits for visibilitychange
  for (const element of shown()) if (changed.has(element.dataset.topic)) htmx.trigger(element, "refresh");
  changed.clear();
};
const refresh = (which) => {
  for (const topic of which) changed.add(topic);
  joining ||= setTimeout(fetchChanged, JOIN);
};

const startPolling = () => { poll ||= setInterval(() => refresh(topics()), POLL); };
const stopPolling = () => { clearInterval(poll); poll = 0; };
const heard = () => {
  clearTimeout(watchdog);
  watchdog = setTimeout(reconnect, SILENT);
};
const stop = () => {
  source?.close();
  source = null;
  stopPolling();
  clearTimeout(watchdog);
  clearTimeout(again);
};
function connect() {
  const wanted = topics();
  if (!wanted.length) return state("", "");
  startPolling(); // until the stream answers
  source = new EventSource(`/live?topics=${encodeURIComponent(wanted.join(","))}`);
  source.addEventListener("open", () => { stopPolling(); heard(); state("Live", "good"); });
  source.addEventListener("beat", heard);
  source.addEventListener("message", (event) => { heard(); refresh(Object.keys(JSON.parse(event.data))); });
  source.addEventListener("error", () => {
    startPolling();
    state("Live, polling", "warn");
    if (source?.readyState === EventSource.CLOSED) again = setTimeout(reconnect, AGAIN);
  });
}
function reconnect() {
  stop();
  connect();
}

// What a person is doing in a part survives its being replaced: focus, caret, open details, how far a graph is scrolled.
const KEEP = "details[id][open], [id].graph, [id].drawer";
const kept = new Map(); // by the part's id: several may be on their way at once
const describe = (element) => element?.id ? `#${CSS.escape(element.id)}`
  : element?.matches("a[href]") ? `a[href="${CSS.escape(element.getAttribute("href"))}"]` : "";
const remember = (part) => {
  const focus = part.contains(document.activeElement) ? document.activeElement : null;
  kept.set(part.id, {
    say: part.dataset.say,
    focus: describe(focus),
    caret: focus?.matches("textarea, input[type=text], input[type=search]") ? [focus.selectionStart, focus.selectionEnd] : null,
    parts: [...part.querySelectorAll(KEEP)].map(({ id, scrollLeft, scrollTop }) => ({ id, scrollLeft, scrollTop })),
  });
};
const restore = (part, was) => {
  for (const { id, scrollLeft, scrollTop } of was.parts) {
    const element = document.getElementById(id);
    if (element?.matches("details")) element.open = true;
    element?.scrollTo(scrollLeft, scrollTop);
  }
  const focus = was.focus && part.querySelector(was.focus);
  if (focus && document.activeElement !== focus) {
    focus.focus({ preventScroll: true });
    if (was.caret) focus.setSelectionRange(...was.caret);
  }
  if (part.dataset.title) document.title = part.dataset.title;
  if (part.dataset.say && part.dataset.say !== was.say) say(part.dataset.say);
};

// One polite region says what became of the thing that is open, at most each 5 s, the newest word wins.
const region = document.createElement("p");
region.className = "vh";
region.setAttribute("role", "status");
let next = "", saying = 0;
const say = (text) => {
  next = text;
  if (saying) return;
  region.textContent = next;
  saying = setTimeout(() => { saying = 0; if (next !== region.textContent) say(next); }, SAY);
};

document.addEventListener("htmx:beforeSwap", (event) => {
  const part = event.detail.target;
  if (!part.matches?.("[data-topic]")) return;
  if (event.detail.xhr.responseURL.includes("/login")) {
    event.detail.shouldSwap = false;
    location.reload();
    return;
  }
  // What a person asked for takes the focus where they asked for it (app.js).
  if (event.detail.requestConfig.triggeringEvent?.type !== "click") remember(part);
});
document.addEventListener("htmx:afterSettle", (event) => {
  const was = kept.get(event.target.id);
  if (!was) return;
  kept.delete(event.target.id);
  restore(event.target, was);
  if (poll) state("Live, polling", "warn");
  if (!topics().length) { stop(); state("", ""); }
});
for (const name of ["htmx:sendError", "htmx:responseError"]) {
  document.addEventListener(name, (event) => { if (event.target.matches("[data-topic]")) state("Offline", "bad"); });
}
document.addEventListener("visibilitychange", () => { if (!document.hidden && changed.size) refresh([]); });
addEventListener("pagehide", stop);
addEventListener("pageshow", (event) => { if (event.persisted) reconnect(); });
setInterval(() => { if (source && !poll) refresh(topics()); }, WORDS); // "in 3 min" must not stay true for ever
document.body.append(region);
connect();

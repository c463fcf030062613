// What every page has: the library's components, the "Saving…" state with its guard against double posts,
// the connection pill, and the lock watcher on pages of someone who is signed in.
import { initAll } from "../vendor/nhsuk/nhsuk-frontend.min.js";
import { startKeypads } from "./keypad.js";
import { watch } from "./lock.js";
import { watchPrints } from "./print.js";

const labels = new WeakMap(); // what a button said before it said "Saving…"

function guardSubmits() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post" || form.hasAttribute("data-download")) return; // a download leaves the page standing
    if (form.dataset.sent === "yes") {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    // After this turn of the loop: a disabled button would not send its own name and value.
    setTimeout(() => busy(form, event.submitter), 0);
  });
  // Coming back by the Back button shows the page as it was left: make its forms usable again.
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach(ready));
}

function busy(form, submitter) {
  for (const button of form.querySelectorAll("button:not([type=button])")) button.disabled = true;
  const button = submitter || form.querySelector("button:not([type=button])");
  const label = form.dataset.saving || document.body.dataset.saving;
  if (!button || !label || button.hasAttribute("data-keep-label")) return;
  labels.set(button, [...button.childNodes]);
  button.textContent = label;
}

function ready(form) {
  delete form.dataset.sent;
  for (const button of form.querySelectorAll("button")) {
    button.disabled = false;
    if (labels.has(button)) button.replaceChildren(...labels.get(button));
    labels.delete(button);
  }
}

function showConnection() {
  const pill = document.querySelector("[data-connection]");
  if (!pill) return;
  const show = () => {
    for (const part of pill.children) part.hidden = (part.dataset.when === "on") !== navigator.onLine;
  };
  window.addEventListener("online", show);
  window.addEventListener("offline", show);
  show();
}

// Links in the error summary move focus to the field itself; the library does so for its own markup, and the
// title already starts with "Error:". What is left is a page that arrives by htmx.
function focusSwappedErrors() {
  document.addEventListener("htmx:afterSwap", (event) => {
    initAll({ scope: event.detail.target });
    event.detail.target.querySelector?.(".nhsuk-error-summary")?.focus();
  });
}

// The lock page may stand for hours: its clock goes on.
function runClock() {
  const clock = document.querySelector("[data-clock]");
  if (!clock) return;
  const format = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "Europe/London" });
  setInterval(() => {
    const now = format.format(new Date());
    if (clock.textContent !== now) clock.textContent = now;
  }, 5000);
}

function printButtons() {
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }
}

initAll();
guardSubmits();
showConnection();
focusSwappedErrors();
printButtons();
runClock();
startKeypads();
watch();
watchPrints();

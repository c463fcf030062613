// The PIN keypad of the lock page. Without it the page has an ordinary number field and a button, which post the same form.

export function startKeypads() {
  for (const root of document.querySelectorAll("[data-keypad]")) start(root);
}

function start(root) {
  const input = root.querySelector("input[inputmode=numeric], input[type=password]");
  const pad = root.querySelector("[data-pad]");
  const dots = root.querySelector("[data-dots]");
  if (!input || !pad || !dots) return;
  const length = Number(root.dataset.length) || dots.children.length;

  pad.hidden = false;
  dots.hidden = false;
  for (const plain of root.querySelectorAll("[data-plain]")) plain.hidden = true;
  root.classList.remove("app-pin--plain");
  // The field itself stays the one that is posted; the keypad and a real keyboard both write to it.
  input.closest(".nhsuk-form-group")?.classList.add("nhsuk-u-visually-hidden");
  input.tabIndex = -1;

  function show() {
    const count = input.value.length;
    [...dots.children].forEach((dot, place) => dot.classList.toggle("app-on", place < count));
    dots.setAttribute("aria-label", dots.dataset.label.replace("{n}", count).replace("{of}", length));
  }

  function press(key) {
    if (/^\d$/.test(key) && input.value.length < length) input.value += key;
    else if (key === "delete") input.value = input.value.slice(0, -1);
    else return;
    show();
  }

  pad.addEventListener("click", (event) => {
    const key = event.target.closest("button")?.dataset.key;
    if (key) press(key);
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^\d$/.test(event.key)) press(event.key);
    else if (event.key === "Backspace") press("delete");
    else if (event.key === "Enter" && (input.value.length === length || !event.target.closest("button, a"))) {
      event.preventDefault(); // a finished PIN goes off, wherever the focus was left
      input.form.requestSubmit();
    }
  });
  input.addEventListener("input", show);
  show();
}

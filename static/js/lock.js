// The browser's half of the automatic lock. The server's half decides: its middleware refuses everything once a session
// is locked. This half keeps a person's text on the screen alive while they type, warns them, and then empties the page.

const PING_EVERY = 20_000; // milliseconds; the server needs to hear of typing well within its own limit
const TOUCHES = ["pointerdown", "wheel", "touchstart"];
const EVENTS = [...TOUCHES, "keydown", "input"];

export function watch() {
  const config = document.body.dataset;
  const limit = Number(config.idleSeconds) * 1000;
  if (!limit || !config.lockUrl) return;

  const warnAt = limit - Number(config.warnSeconds || 20) * 1000;
  const channel = "BroadcastChannel" in window ? new BroadcastChannel("carehome-lock") : null;
  const warning = document.querySelector("[data-lock-warning]");
  let last = Date.now();
  let pinged = Date.now();
  let gone = false;

  function active(event) {
    // While the warning is open a touch is answered by its click, or the dialog would vanish from under the finger.
    if (gone || (warning?.open && TOUCHES.includes(event?.type))) return;
    const now = Date.now();
    if (now - last >= limit) return lock(); // a sleeping tablet fires no timers: the tap that wakes it is not activity
    last = now;
    channel?.postMessage({ active: now });
    if (warning?.open) warning.close();
    if (now - pinged >= PING_EVERY) ping(now);
  }

  function ping(now) {
    pinged = now;
    if (!config.activityUrl) return;
    post(config.activityUrl).then((answer) => {
      if (answer.status === 423 || answer.status === 401 || answer.status === 403) leave();
    }, () => {});
  }

  function check() {
    if (gone) return;
    const idle = Date.now() - last;
    if (idle >= limit) return lock();
    if (!warning) return;
    if (idle >= warnAt) {
      const left = Math.max(1, Math.ceil((limit - idle) / 1000));
      const count = warning.querySelector("[data-seconds]");
      if (count && count.textContent !== String(left)) count.textContent = String(left);
      if (!warning.open) warning.showModal();
    } else if (warning.open) {
      warning.close();
    }
  }

  function lock(told = false) {
    if (gone) return;
    if (!told) channel?.postMessage({ locked: true });
    empty();
    const page = lockPage();
    post(config.lockNowUrl, true).then(() => location.replace(page), () => wait(page));
  }

  // Without a connection the emptied page stays, and the session is locked as soon as the server can be told.
  function wait(page) {
    const words = document.createElement("p");
    words.className = "app-notice app-is-blue";
    words.setAttribute("role", "status");
    words.textContent = config.lockedOffline;
    document.querySelector("main")?.append(words);
    window.addEventListener("online", () => post(config.lockNowUrl).then(() => location.replace(page), () => {}));
  }

  // The same person comes back to the page they left; the server decides whether it is the same person.
  function lockPage() {
    return `${config.lockUrl}?next=${encodeURIComponent(location.pathname + location.search)}`;
  }

  // Nothing of a resident may stay on the screen, in the page's memory or in its title.
  function empty() {
    gone = true;
    delete document.body.dataset.printToken; // what is printed from now on is an empty page
    if (warning?.open) warning.close();
    for (const part of document.querySelectorAll("main, header, nav, [data-resident]")) part.replaceChildren();
    document.title = config.lockedTitle || "Locked";
  }

  function leave() {
    if (gone) return;
    empty();
    location.replace(lockPage());
  }

  // The Lock button: the page is empty before the server answers, and stays so without a connection.
  function pressed(event) {
    if (event.target.getAttribute("action") !== config.lockNowUrl) return;
    event.preventDefault();
    event.stopPropagation();
    lock();
  }

  for (const name of EVENTS) window.addEventListener(name, active, { capture: true, passive: true });
  document.addEventListener("submit", pressed, { capture: true });
  for (const name of ["visibilitychange", "focus"]) (name === "focus" ? window : document).addEventListener(name, check);
  window.addEventListener("pageshow", (event) => (event.persisted ? location.reload() : check()));
  for (const name of ["click", "cancel"]) warning?.addEventListener(name, active); // "Stay", beside it, or Escape
  channel?.addEventListener("message", (event) => {
    if (event.data.locked) lock(true); // tells the server too: asking for the lock page first could come too early
    else if (event.data.active > last) {
      last = event.data.active;
      if (warning?.open) warning.close();
    }
  });
  setInterval(check, 1000);
}

function post(url, keepalive = false) {
  const token = document.querySelector("meta[name=csrf-token]")?.content || "";
  return fetch(url, {
    method: "POST",
    headers: { "X-CSRFToken": token, Accept: "application/json" },
    credentials: "same-origin",
    redirect: "manual",
    keepalive,
  });
}

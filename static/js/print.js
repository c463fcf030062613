// Telling the server that a page was printed. No request of its own reaches the server when a browser prints, so this
// module sends the page's token, which the server made and alone can read (access/printing.py). A print is never held
// up: without a connection the telling waits on this device and is sent from the next page that has one.

const KEPT = "carehome-prints";
const LONGEST = 14 * 24 * 3600 * 1000; // milliseconds; the server takes nothing older
const MOST = 200;
let unkept = []; // where the browser keeps nothing, for as long as the page lives
let telling = false;

export function watchPrints() {
  if (!document.body.dataset.printedUrl) return;
  window.addEventListener("beforeprint", () => {
    const token = document.body.dataset.printToken;
    if (!token) return;
    save([...waiting(), { id: crypto.randomUUID?.() || madeId(), token, at: Date.now() }]);
    tell();
  });
  window.addEventListener("online", tell);
  tell();
}

async function tell() {
  if (telling) return;
  telling = true;
  try {
    for (let next = waiting()[0]; next; next = waiting()[0]) {
      const answer = await post(next);
      if (answer.status !== 204 && answer.status !== 400) break; // locked, signed out, away: tell later
      save(waiting().filter((print) => print.id !== next.id));
    }
  } catch {
    // No connection. The telling waits.
  } finally {
    telling = false;
  }
}

function post(print) {
  const body = new URLSearchParams({
    token: print.token,
    print_id: print.id,
    seconds_ago: String(Math.max(0, Math.round((Date.now() - print.at) / 1000))),
  });
  return fetch(document.body.dataset.printedUrl, {
    method: "POST",
    body,
    headers: {
      "X-CSRFToken": document.querySelector("meta[name=csrf-token]")?.content || "",
      "X-Background": "1",
      Accept: "application/json",
    },
    credentials: "same-origin",
    redirect: "manual",
    keepalive: true, // outlives the page
  });
}

function waiting() {
  let kept = unkept;
  try {
    kept = JSON.parse(localStorage.getItem(KEPT) || "[]");
  } catch {
    // Storage is switched off, or not ours: the list of this page counts.
  }
  return kept.filter((print) => print.id && print.token && Date.now() - print.at < LONGEST);
}

function save(prints) {
  unkept = prints.slice(-MOST);
  try {
    if (unkept.length) localStorage.setItem(KEPT, JSON.stringify(unkept));
    else localStorage.removeItem(KEPT);
  } catch {
    // See above.
  }
}

// Over plain HTTP a browser makes no UUIDs by itself.
function madeId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

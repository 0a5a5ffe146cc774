// The account page: the address names the open section, and passwords leave the page with the form. Recovery codes can
// be copied and printed.

import { all } from "./dom.js";

const ROWS = ".settings .setting[name]";
const idOf = (row) => row.lastElementChild.id;

// Older browsers do not open a section themselves when the address names it.
function openNamed() {
  const named = document.getElementById(location.hash.slice(1));
  const row = named?.closest(ROWS);
  if (!row || row.open) return;
  row.open = true;
  named.scrollIntoView();
}

// After a refused form, the address is not that of the account page.
function nameOpen(row) {
  if (!location.pathname.endsWith("/account/")) return;
  if (!row.open && location.hash !== `#${idOf(row)}`) return;
  history.replaceState(history.state, "", row.open ? `#${idOf(row)}` : location.pathname);
}

// The event does not bubble.
document.addEventListener("toggle", ({ target }) => {
  if (target.matches?.(ROWS)) nameOpen(target);
}, true);

// Keep the row where it is while the one above it closes.
document.addEventListener("click", (event) => {
  const summary = event.target.closest(`${ROWS} > summary`);
  if (!summary) return;
  const { top } = summary.getBoundingClientRect();
  requestAnimationFrame(() => scrollBy({ top: summary.getBoundingClientRect().top - top, behavior: "instant" }));
});

addEventListener("hashchange", openNamed);
openNamed();

// The page stays when the response is a download, so the password would stay in its field.
document.addEventListener("submit", (event) => {
  if (event.target.id === "export") setTimeout(() => event.target.reset());
});

// --- Recovery codes ---

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-print]");
  if (!button) return;
  if (button.matches("[data-print]")) return print();
  const status = button.form.querySelector("[role=status]");
  try {
    await navigator.clipboard.writeText(all(button.dataset.copy).map((each) => each.textContent).join("\n"));
    status.textContent = "Copied.";
  } catch {
    status.textContent = "Your browser didn’t allow copying. Select the codes and copy them yourself.";
  }
});

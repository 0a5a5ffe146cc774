// Small functions that the other modules share.

export const all = (selector, within = document) => [...within.querySelectorAll(selector)];

export function stop(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
}

// Return the date in the browser, in ISO 8601.
export function today() {
  const pad = (number) => String(number).padStart(2, "0");
  const now = new Date();
  return `${now.getFullYear()}-${pad(now.getMonth() + 1)}-${pad(now.getDate())}`;
}

export function focusOn(element) {
  if (!element) return;
  element.tabIndex = -1;
  element.focus({ preventScroll: true });
}

// Show an error message in place of the other messages.
export function showError(text) {
  const message = document.createElement("div");
  const paragraph = document.createElement("p");
  const close = document.createElement("a");
  message.className = "message error";
  paragraph.textContent = text;
  close.className = "close";
  close.href = location.href;
  close.textContent = "×";
  close.setAttribute("aria-label", "Close message");
  message.append(paragraph, close);
  document.getElementById("said-alert").replaceChildren(message);
  document.getElementById("said-status").replaceChildren();
}

// A form that loads another page is sent once. A second click would cancel the response to the first one, and lose the
// messages, codes and cookies in it.

const ANSWER_MILLISECONDS = 5000; // after that, or back on the page, it can be sent again
let sentAt = new WeakMap();

// In-place forms and other modules have prevented the default by now, and see to themselves.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  const now = performance.now();
  if (now - sentAt.get(form) < ANSWER_MILLISECONDS) event.preventDefault();
  else sentAt.set(form, now);
});

addEventListener("pageshow", () => { sentAt = new WeakMap(); });

// What JavaScript makes smoother. Every form works without it.

(() => {
  "use strict";

  const pad = (number) => String(number).padStart(2, "0");

  function today() {
    const now = new Date();
    return `${now.getFullYear()}-${pad(now.getMonth() + 1)}-${pad(now.getDate())}`;
  }

  // The day is the person's own when the form is sent, which may be after the midnight that the page was loaded before.
  document.addEventListener("submit", (event) => {
    const field = event.target.elements.namedItem("today");
    if (field) field.value = today();
  }, true);

  // Another page than the one that is seen, such as the login wall: as it came, since it tells its messages only once.
  function showWhole(html, address) {
    const page = new DOMParser().parseFromString(html, "text/html");
    document.title = page.title;
    document.body.replaceWith(document.adoptNode(page.body));
    history.replaceState(null, "", address);
    htmx.process(document.body);
    scrollTo({ top: 0, behavior: "instant" });
    focusOn(document.querySelector("main h1"));
  }

  function focusOn(heading) {
    if (!heading) return;
    heading.tabIndex = -1;
    heading.focus();
  }

  const ROWS = ".movies > li";
  const CONTROLS = "a, button, input, select";
  const movieOf = (row) => row.querySelector("[name=movie]")?.value;

  // Where the keyboard was when the page was swapped: at which movie, where that stood, and at which of its controls.
  let place = null;
  let height = 0;

  document.addEventListener("htmx:beforeSwap", (event) => {
    const landed = new URL(event.detail.xhr.responseURL);
    if (landed.pathname !== location.pathname) {
      event.detail.shouldSwap = false;
      // An address that answered with a refusal shows something else when it is asked for again.
      showWhole(event.detail.xhr.responseText, event.detail.xhr.status < 400 ? landed : location);
      return;
    }
    const focused = document.activeElement;
    height = scrollY;
    const row = focused.closest(ROWS);
    place = row && {
      movie: movieOf(row),
      index: [...row.parentElement.children].indexOf(row),
      control: [...row.querySelectorAll(CONTROLS)].indexOf(focused),
    };
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    const isAnotherPage = event.detail.requestConfig.verb === "get";
    scrollTo({ top: isAnotherPage ? 0 : height, behavior: "instant" });
  });

  document.addEventListener("htmx:afterSettle", () => {
    if (document.activeElement !== document.body) return;
    const rows = [...document.querySelectorAll(ROWS)];
    const same = place && rows.find((row) => movieOf(row) === place.movie);
    const row = same ?? rows[Math.min(place?.index, rows.length - 1)];
    const control = row?.querySelectorAll(CONTROLS)[place.control];
    if (control) control.focus({ preventScroll: true });
    else focusOn(document.querySelector("main h1"));
    place = null;
  });

  document.addEventListener("htmx:sendError", () => {
    const message = document.createElement("div");
    const text = document.createElement("p");
    message.className = "message error";
    text.textContent = "The site did not answer. Look whether you are online, and try again.";
    message.append(text);
    document.getElementById("said-error").replaceChildren(message);
  });
})();

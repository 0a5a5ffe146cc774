// What JavaScript makes smoother. Every form works without it.

(() => {
  "use strict";

  const ROWS = ".movies > li";
  const CONTROLS = "a, button, input, select, textarea";
  const TWO_TAPS_MILLISECONDS = 400;

  const pad = (number) => String(number).padStart(2, "0");
  const movieOf = (row) => row.querySelector("[name=movie]")?.value;
  const isBusy = () => document.querySelector(".htmx-request") !== null;

  function today() {
    const now = new Date();
    return `${now.getFullYear()}-${pad(now.getMonth() + 1)}-${pad(now.getDate())}`;
  }

  function stop(event) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  document.addEventListener("submit", (event) => {
    // One thing at a time: what comes of it takes the place of the forms that are there.
    if (isBusy() && event.target.closest("[data-hx-boost]")) return stop(event);
    // The day is the person's own when the form is sent, perhaps after the midnight that the page was loaded before.
    const field = event.target.elements.namedItem("today");
    if (field) field.value = today();
  }, true);

  // After the first click of two, another movie, or "Redo", is where the second one goes. So does a key that is held.
  let swappedAt = -Infinity;

  document.addEventListener("click", (event) => {
    const isTap = event.pointerType === "touch" && performance.now() - swappedAt < TWO_TAPS_MILLISECONDS;
    if ((event.detail > 1 || isTap) && event.target.closest("[data-hx-boost] button")) stop(event);
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.repeat && event.key === "Enter" && event.target.closest("[data-hx-boost] button")) stop(event);
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
    heading.focus({ preventScroll: true });
  }

  // Where a field or a button is, so that it is found again on the page that takes the place of this one.
  function placeOf(element) {
    const row = element.closest(ROWS);
    const home = row ?? element.closest(".message, form[id]");
    if (!home) return null;
    const index = [...home.querySelectorAll(CONTROLS)].indexOf(element);
    if (!row) return { home: home.id ? `#${home.id}` : ".message", index };
    return { movie: movieOf(row), number: [...row.parentElement.children].indexOf(row), index };
  }

  const rowOf = (movie) => [...document.querySelectorAll(ROWS)].find((row) => movieOf(row) === movie);

  function find({ home, movie, index }) {
    return (home ? document.querySelector(home) : rowOf(movie))?.querySelectorAll(CONTROLS)[index];
  }

  // The movie may be gone: then what is in its place.
  function findOrNext(place) {
    const rows = document.querySelectorAll(ROWS);
    const next = rows[Math.min(place.number, rows.length - 1)];
    return find(place) ?? next?.querySelectorAll(CONTROLS)[place.index];
  }

  const isTicked = (field) => field.type === "checkbox" || field.type === "radio";

  function isChanged(field) {
    if (isTicked(field)) return field.checked !== field.defaultChecked;
    if (!field.options) return field.value !== field.defaultValue;
    const first = [...field.options].findIndex((option) => option.defaultSelected);
    return field.selectedIndex !== Math.max(first, 0);
  }

  // What was typed, marked or chosen in other forms than the one that is sent.
  function unsent(form) {
    return [...document.querySelectorAll("main :is(input:not([type=hidden]), select, textarea)")]
      .filter((field) => field.form && field.form !== form && isChanged(field))
      .map((field) => ({ place: placeOf(field), value: field.value, checked: field.checked }))
      .filter(({ place }) => place);
  }

  function putBack({ place, value, checked }) {
    const field = find(place);
    if (!field) return;
    if (isTicked(field)) field.checked = checked;
    else field.value = value;
    field.closest("details")?.setAttribute("open", "");
  }

  let focused = null;
  let kept = [];
  let height = 0;

  document.addEventListener("htmx:beforeSwap", (event) => {
    const landed = new URL(event.detail.xhr.responseURL);
    if (landed.pathname !== location.pathname) {
      event.detail.shouldSwap = false;
      // An address that answered with a refusal shows something else when it is asked for again.
      showWhole(event.detail.xhr.responseText, event.detail.xhr.status < 400 ? landed : location);
      return;
    }
    height = scrollY;
    focused = placeOf(document.activeElement);
    kept = unsent(event.detail.requestConfig.elt);
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    const isAnotherPage = event.detail.requestConfig.verb === "get";
    scrollTo({ top: isAnotherPage ? 0 : height, behavior: "instant" });
    swappedAt = performance.now();
    kept.forEach(putBack);
    kept = [];
  });

  document.addEventListener("htmx:afterSettle", () => {
    if (document.activeElement !== document.body) return;
    const control = focused && findOrNext(focused);
    if (control) control.focus({ preventScroll: true });
    else focusOn(document.querySelector("main h1"));
    focused = null;
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

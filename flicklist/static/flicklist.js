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

  // Where the keyboard was when the page was swapped: the row, and which of its controls.
  let place = null;
  let height = 0;

  document.addEventListener("htmx:beforeSwap", (event) => {
    const landed = new URL(event.detail.xhr.responseURL);
    if (landed.pathname !== location.pathname) {
      // The answer is another page, such as the login wall: go there whole.
      event.detail.shouldSwap = false;
      location.assign(landed);
      return;
    }
    const focused = document.activeElement;
    height = scrollY;
    const row = focused.closest(".movies > li");
    place = row && {
      row: [...row.parentElement.children].indexOf(row),
      control: [...row.querySelectorAll("button, select")].indexOf(focused),
    };
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    const isAnotherPage = event.detail.requestConfig.verb === "get";
    scrollTo({ top: isAnotherPage ? 0 : height, behavior: "instant" });
  });

  document.addEventListener("htmx:afterSettle", () => {
    if (document.activeElement !== document.body) return;
    const rows = document.querySelectorAll(".movies > li");
    const row = place && rows[Math.min(place.row, rows.length - 1)];
    const control = row && row.querySelectorAll("button, select")[Math.max(place.control, 0)];
    const heading = document.querySelector("main h1");
    if (heading) heading.tabIndex = -1;
    (control || heading)?.focus({ preventScroll: Boolean(place) });
    place = null;
  });
})();

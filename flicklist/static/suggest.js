// What is offered while something is typed: an ARIA 1.2 combobox. With data-suggest the input is a title: the person's
// movies come first, then films, then "Add". With data-complete it is one or more tags, separated by commas, and the
// last one is completed. data-list, on the input or its form, is the path of the list. The listeners are on the document, so that inputs added later work too.

const FIELD = "input:is([data-suggest], [data-complete])";
const OPTION = ".suggestions [role=option]";
const PAUSE_MILLISECONDS = 120;
const COMMA = /[,،、，]/; // as in labels.py
let timer, running;
let lists = 0;

const field = (event) => (event.target.matches?.(FIELD) ? event.target : null);
const listPathOf = (input) => input.closest("[data-list]").dataset.list;
const isTitle = (input) => "suggest" in input.dataset;
const lastTagOf = (input) => input.value.split(COMMA).at(-1);
const queryOf = (input) => (isTitle(input) ? input.value : lastTagOf(input)).trim();
const listOf = (input) => document.getElementById(input.getAttribute("aria-controls"));
const isOpen = (input) => input.getAttribute("aria-expanded") === "true";
const optionsOf = (input) => [...(listOf(input)?.children ?? [])];
const activeOf = (input) => optionsOf(input).find((option) => option.getAttribute("aria-selected") === "true");

function equip(input) {
  if (listOf(input)) return;
  const list = document.createElement("ul");
  list.id = `suggestions-${++lists}`;
  list.className = "suggestions";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Suggestions");
  (input.closest("label") ?? input).after(list); // within the label, it would be part of the input's name
  const state = { role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": "false" };
  for (const [name, value] of Object.entries(state)) input.setAttribute(name, value);
}

function forget() {
  clearTimeout(timer);
  running?.abort();
}

function show(input, options) {
  const list = listOf(input);
  list.replaceChildren(...options);
  options.forEach((option, index) => { option.id = `${list.id}-${index}`; });
  list.hidden = options.length === 0;
  input.setAttribute("aria-expanded", String(options.length > 0));
  input.removeAttribute("aria-activedescendant");
  if (options.length) list.scrollIntoView({ block: "nearest" });
}

function optionFor(text, ...notes) {
  const option = document.createElement("li");
  const shown = document.createElement("span");
  option.setAttribute("role", "option");
  option.setAttribute("aria-selected", "false");
  shown.dir = "auto";
  shown.textContent = option.dataset.text = text;
  option.append(shown);
  const small = document.createElement("small");
  small.textContent = notes.filter(Boolean).join(" · ");
  if (small.textContent) option.append(" ", small);
  return option;
}

function movieOption(input, movie) {
  const option = optionFor(movie.title, movie.year, movie.is_watched ? "watched" : "on your watchlist");
  option.dataset.path = `${listPathOf(input)}${movie.id}/`;
  return option;
}

function filmOption(film) {
  const option = optionFor(film.title, film.year, film.director);
  option.dataset.text = `${film.title} (${film.year})`;
  option.dataset.film = film.id;
  return option;
}

function addOption(input) {
  const option = optionFor(`Add “${input.value.trim()}” to your watchlist`);
  option.dataset.text = input.value;
  option.dataset.film = "";
  return option;
}

function close(input) {
  forget();
  if (isOpen(input)) show(input, []);
}

function activate(input, option) {
  for (const other of optionsOf(input)) other.setAttribute("aria-selected", String(other === option));
  if (!option) return input.removeAttribute("aria-activedescendant");
  input.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

// Beyond either end, move to the field itself, then to the other end.
function move(input, step) {
  const stops = [undefined, ...optionsOf(input)];
  activate(input, stops.at((stops.indexOf(activeOf(input)) + step) % stops.length));
}

function choose(input, option) {
  close(input);
  if (option.dataset.path) location.assign(option.dataset.path);
  else if (isTitle(input)) chooseTitle(input, option.dataset);
  else completeTag(input, option.dataset.text);
}

// Add the movie at once, unless its other fields are shown.
function chooseTitle(input, { text, film }) {
  input.value = text;
  input.form.film.value = film;
  if (!input.form.querySelector("details[open]")) input.form.requestSubmit();
}

function completeTag(input, tag) {
  const others = input.value.slice(0, input.value.length - lastTagOf(input).length);
  input.value = `${others}${others && " "}${tag}`;
}

async function fetchJson(input, path, signal) {
  const address = `${path}?q=${encodeURIComponent(queryOf(input))}`;
  const response = await fetch(address, { signal, redirect: "manual", headers: { Accept: "application/json" } });
  // Logged out: do not ask again.
  if (response.type === "opaqueredirect") for (const name of ["suggest", "complete"]) delete input.dataset[name];
  const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
  return response.ok && isJson ? response.json() : [];
}

async function optionsFor(input, signal) {
  const { suggest, matches } = input.dataset;
  if (!isTitle(input)) return (await fetchJson(input, `${listPathOf(input)}tags`, signal)).map((tag) => optionFor(tag));
  const [movies, films] = await Promise.all([matches, suggest].map((path) => fetchJson(input, path, signal)));
  const isListed = (film) => movies.some(({ title, year }) => title === film.title && year === film.year);
  return [
    ...movies.map((movie) => movieOption(input, movie)),
    ...films.filter((film) => !isListed(film)).map(filmOption),
    addOption(input),
  ];
}

async function ask(input) {
  const { signal } = (running = new AbortController());
  try {
    const options = await optionsFor(input, signal);
    if (!signal.aborted && document.activeElement === input) show(input, options);
  } catch {
    if (!signal.aborted && input.isConnected) close(input); // they are optional
  }
}

const steps = { ArrowDown: 1, ArrowUp: -1 };

function press(input, event) {
  const option = activeOf(input);
  if (event.key in steps) move(input, steps[event.key]);
  else if (event.key === "Enter" && option) choose(input, option);
  else if (event.key === "Escape") close(input);
  else return;
  event.preventDefault();
}

document.addEventListener("focusin", (event) => field(event) && equip(event.target));
document.addEventListener("focusout", (event) => field(event) && close(event.target));
document.addEventListener("submit", (event) => {
  forget();
  document.querySelectorAll(`${FIELD}[aria-expanded=true]`).forEach((input) => event.target.contains(input) && close(input));
}, true);
document.addEventListener("input", (event) => {
  const input = field(event);
  if (!input) return;
  equip(input);
  forget();
  if (input.form?.film) input.form.film.value = ""; // the chosen film is not that of another title
  if (!queryOf(input)) close(input);
  else timer = setTimeout(ask, PAUSE_MILLISECONDS, input);
});
document.addEventListener("keydown", (event) => {
  const input = field(event);
  if (input && isOpen(input) && !event.isComposing) press(input, event);
});
// Keep the focus in the field when an option is pressed. Otherwise the list would close before the click.
document.addEventListener("mousedown", (event) => event.target.closest?.(OPTION) && event.preventDefault());
document.addEventListener("click", (event) => {
  const option = event.target.closest?.(OPTION);
  const input = option && document.querySelector(`${FIELD}[aria-controls="${option.parentElement.id}"]`);
  if (input) choose(input, option);
});
document.querySelectorAll(FIELD).forEach(equip);

// Renders one block of a page: a table, facts, commands, filters, or the switch of live updates.
// Every text of the evidence becomes a text node, never markup.

const PAGES = /\/(overview|attempts|runs|decision|data)?\/?$/;
const PAUSED = "plane-guard-paused";
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
const pad = number => String(number).padStart(2, "0");

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter(child => child !== null));
  return made;
}

const address = href => location.pathname.replace(PAGES, "") + "/" + href;

// Streamlit reads path and query again after a move through the history, so Back returns in one press.
function go(href) {
  history.pushState(null, "", address(href));
  dispatchEvent(new PopStateEvent("popstate"));
}

function link(href, attributes, ...children) {
  return element("a", { ...attributes, href: address(href), onclick: event => {
    event.stopPropagation();
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    go(href);
  } }, ...children);
}

function local(ns) {
  const at = new Date(ns / 1e6);
  const day = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  return `${day} ${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

function age(ns) {
  const seconds = Math.max(0, (Date.now() - ns / 1e6) / 1000);
  for (const [size, unit] of UNITS) if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
  return "now";
}

function moment(ns, text) {
  if (!ns) return "";
  const utc = new Date(ns / 1e6).toISOString();
  const hint = `${local(ns)} local time\n${utc.slice(0, 19).replace("T", " ")} UTC`;
  return element("time", { datetime: utc, title: hint }, text);
}

// A line may end behind a part of a name, so that no word is torn.
const parts = text => text.split(/(?<=[/_,[\]-])(?=[^/_,[\]-])/).flatMap((part, number) => number ? [element("wbr"), part] : [part]);

// The middle is there for copying, searching and screen readers, and takes no room.
function cut(text, head, tail) {
  if (text.length <= head + tail + 3) return parts(text);
  return [...parts(text.slice(0, head)), element("span", { class: "middle" }, text.slice(head, -tail)), ...parts(text.slice(-tail))];
}

const shortened = text => /[^\w-]/.test(text) ? text : element("span", { class: "id", title: text }, ...cut(text, 8, 4));

// The function first: the ends of two tests differ, their folders often do not.
const named = (text, name, file) => element("span", { title: text },
  element("b", {}, ...cut(name, 60, 30)), element("small", {}, ...cut(file, 20, 40)));

function test(text) {
  const [file, ...names] = text.split("::");
  return names.length ? named(text, names.join("::"), file) : text;
}

function caller(text) {
  const [file, ...names] = text.split(" ");
  return names.length ? named(text, names.join(" "), file) : text;
}

function bars(values) {
  const most = Math.max(1, ...values), width = 100 / values.length;
  const named = { class: "small", role: "img", "aria-label": `${values.join(", ")}, the latest last` };
  return drawn("svg", { viewBox: "0 0 100 24", preserveAspectRatio: "none", ...named }, ...values.map((value, number) => {
    const height = value ? Math.max(2, 24 * value / most) : 0;
    return drawn("rect", { x: number * width, y: 24 - height, width: width * 0.8, height });
  }));
}

async function copy(event, text) {
  const button = event.currentTarget, said = button.textContent;
  event.stopPropagation();
  await navigator.clipboard.writeText(text);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = said; }, 1500);
}

const copier = (text, name, said = "Copy") => element("button",
  { type: "button", class: "copy", "aria-label": name, title: text, onclick: event => copy(event, text) }, said);

function command(text, name = "Copy the command") {
  return element("span", { class: "command" }, element("code", {}, text), copier(text, name));
}

const CELLS = {
  text: value => element("span", {}, ...parts(String(value))),
  test, caller, bars, command,
  id: value => shortened(value),
  time: value => moment(value, local(value)),
  ago: value => moment(value, age(value)),
  number: value => typeof value === "number" ? value.toLocaleString("en") : value,
  bytes: value => value < 1000 ? `${value} B` : value < 1e6 ? `${(value / 1e3).toFixed(1)} kB` : `${(value / 1e6).toFixed(1)} MB`,
  "copied id": value => element("span", { class: "command" }, shortened(value), copier(value, "Copy the id")),
  link: ([text, href]) => element("a", { href, target: "_blank", rel: "noreferrer" }, text, "\u00a0↗"),
  job: value => typeof value === "string" ? value : CELLS.link(value),
  page: ([text, href]) => link(href, {}, shortened(text)),
  copy: value => copier(value, `Copy: ${value}`, "Copy fix"),
};

const known = value => value !== null && value !== "" && value !== "(none)";
const cell = (kind, value) => known(value) ? CELLS[kind](value) : "–";

// The columns that stand under another one, in smaller letters, so that a table fits.
function below(columns, number) {
  const found = [];
  for (let next = number + 1; columns[next]?.under; next++) found.push(next);
  return found;
}

function table({ label, columns, rows }) {
  const heads = columns.map((one, number) => ({ ...one, number, below: below(columns, number) })).filter(one => !one.under);
  const head = element("tr", {}, ...heads.map(one => element("th", { scope: "col", class: one.kind }, one.label,
    ...one.below.map(under => element("small", {}, columns[under].label)))));
  const test = columns.findIndex(one => one.kind === "test");
  const name = row => test > 0 ? `${row.cells[0]}, ${row.cells[test]}` : null;
  const body = rows.map(row => {
    const cells = heads.map(({ kind, label, number, below }) => {
      const shown = cell(kind, row.cells[number]);
      const lines = below.filter(one => known(row.cells[one])).map(one =>
        element("small", { class: "below", title: columns[one].label }, cell(columns[one].kind, row.cells[one])));
      const first = number === 0 && row.href ? link(row.href, { class: "open", "aria-label": name(row) }, shown) : shown;
      return element("td", { class: kind, "data-label": label }, element("div", {}, first, ...lines));
    });
    const opened = row.href && { class: `opens ${row.mark}`, onclick: event => {
      if (!event.target.closest("a, button") && !String(getSelection())) go(row.href);
    } };
    return element("tr", opened || { class: row.mark }, ...cells);
  });
  return element("table", {}, element("caption", {}, label), element("thead", {}, head), element("tbody", {}, ...body));
}

function facts({ label, items }) {
  const pairs = items.flatMap(([name, kind, value]) =>
    [element("dt", {}, name), element("dd", {}, cell(kind, value))]);
  return element("section", { "aria-label": label }, element("dl", { class: items.length > 6 && "wide" }, ...pairs));
}

function submitted(event) {
  event.preventDefault();
  const query = new URLSearchParams(location.search);
  for (const [name, value] of new FormData(event.currentTarget))
    value.trim() ? query.set(name, value.trim()) : query.delete(name);
  go(`${event.currentTarget.dataset.page}?${query}`);
}

function added(event, page, name) {
  const query = new URLSearchParams(location.search);
  if (!query.getAll(name).includes(event.target.value)) query.append(name, event.target.value);
  go(`${page}?${query}`);
}

const note = text => text ? element("p", { class: "problem", role: "alert" }, text) : null;

function field(page, { name, label, value, hint, problem, options, type }) {
  const known = { name, id: `field-${name}` };
  const input = options
    ? element("select", { ...known, onchange: event => event.target.form.requestSubmit() },
        ...options.map(([one, text]) => element("option", { value: one, selected: one === value }, text)))
    : element("input", { ...known, type: type || "text", value, placeholder: hint });
  return element("div", { class: `field ${name}` }, element("label", { for: known.id }, label), input, note(problem));
}

function menu(page, { name, label, values }) {
  const id = `add-${name}`;
  const options = values.map(value => element("option", { value }, value.length > 60 ? `…${value.slice(-60)}` : value));
  return element("div", { class: "field" }, element("label", { for: id }, label),
    element("select", { id, onchange: event => added(event, page, name) }, element("option", { value: "" }, "Any"), ...options));
}

const chip = ({ href, label, text, count, on }) => link(href, { class: on ? "chip on" : "chip", "aria-label": label },
  text, count === undefined ? null : element("span", { class: "count" }, count.toLocaleString("en")));

function filters({ page, fields, facets, menus, active, clear, more, problems }) {
  const groups = facets.map(({ label, chips, problem }) => element("div", { class: "facet", role: "group", "aria-label": label },
    element("span", { class: "name" }, label), ...chips.map(chip), note(problem)));
  const form = element("form", { role: "search", "data-page": page, onsubmit: submitted },
    ...fields.filter(one => !one.rare).map(one => field(page, one)), element("button", { type: "submit" }, "Apply"),
    element("details", { open: more }, element("summary", {}, "More filters"),
      element("div", { class: "menus" }, ...fields.filter(one => one.rare).map(one => field(page, one)),
        ...menus.map(one => menu(page, one)))));
  const used = active.length
    ? element("div", { class: "facet", role: "group", "aria-label": "Filters in use" },
        element("span", { class: "name" }, "Filtered by"), ...active.map(chip), link(clear, { class: "chip clear" }, "Clear all"))
    : null;
  return element("div", { class: "filters" }, form, ...groups, used, ...problems.map(note));
}

function live({ paused, on, off }) {
  const asked = new URLSearchParams(location.search).has("live");
  if (!asked && localStorage.getItem(PAUSED)) setTimeout(() => go(off), 0);
  return element("button", { type: "button", "aria-pressed": String(paused), onclick: () => {
    paused ? localStorage.removeItem(PAUSED) : localStorage.setItem(PAUSED, "1");
    go(paused ? on : off);
  } }, paused ? "Resume live updates" : "Pause live updates");
}

const links = ({ label, items }) => element("nav", { "aria-label": label, class: "facet" }, ...items.map(chip));

const commands = ({ label, items }) => element("div", { class: "commands", role: "group", "aria-label": label },
  ...items.map(([name, text]) => element("div", {},
    element("div", { class: "command" }, element("strong", {}, name), copier(text, `Copy: ${name}`)),
    element("pre", { tabindex: "0", "aria-label": name }, element("code", {}, text)))));

const SVG = "http://www.w3.org/2000/svg";

function drawn(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Bars in local time. A drag over them becomes From and Until in the address.
function timeline({ label, page, step, first, slots, kinds, bars }) {
  const sums = new Map(), colours = new Map(kinds);
  for (const [slot, , number] of bars) sums.set(slot, (sums.get(slot) || 0) + number);
  const most = Math.max(...sums.values()), chart = drawn("svg", { viewBox: `0 0 ${slots} 100`, preserveAspectRatio: "none", role: "img", "aria-label": label });
  const begin = slot => (first + slot) * step, high = new Map();
  for (const kind of colours.keys()) for (const [slot, name, number] of bars) {
    if (name !== kind) continue;
    const height = Math.max(1, 96 * number / most), y = 100 - (high.get(slot) || 0) - height;
    high.set(slot, 100 - y);
    const said = `${local(slot * step * 1e6)} local time\n${kind}: ${number}`;
    chart.append(drawn("rect", { x: slot - first + 0.1, y, width: 0.8, height, fill: colours.get(kind) }, drawn("title", {}, said)));
  }
  const brush = drawn("rect", { y: 0, height: 100, width: 0, class: "brush" });
  chart.append(brush);
  const at = event => {
    const box = chart.getBoundingClientRect();
    return Math.min(slots - 1, Math.max(0, Math.floor((event.clientX - box.left) / box.width * slots)));
  };
  let from = null;
  const ends = event => [Math.min(from, at(event)), Math.max(from, at(event)) + 1];
  chart.addEventListener("pointerdown", event => { from = at(event); chart.setPointerCapture(event.pointerId); });
  chart.addEventListener("pointermove", event => {
    if (from === null) return;
    const [low, high] = ends(event);
    brush.setAttribute("x", low);
    brush.setAttribute("width", high - low);
  });
  chart.addEventListener("pointerup", event => {
    const [low, high] = ends(event), query = new URLSearchParams(location.search);
    from = null;
    for (const [name, slot] of [["from", low], ["until", high]])
      query.set(name, new Date(begin(slot)).toISOString().slice(0, 19));
    go(`${page}?${query}`);
  });
  const ticks = [0, 1, 2, 3, 4, 5].map(part => begin(Math.floor(part * (slots - 1) / 5)));
  const cut = step < 60e3 ? [11, 19] : step < 86400e3 ? [5, 16] : [0, 10];
  const legend = kinds.map(([name, colour]) => element("span", {}, element("i", { style: `background:${colour}` }), name));
  return element("figure", {}, element("div", { class: "legend" }, ...legend, element("span", {}, `most: ${most.toLocaleString("en")}`)),
    chart, element("div", { class: "axis", "aria-hidden": "true" }, ...ticks.map(tick => element("span", {}, local(tick * 1e6).slice(...cut)))),
    element("figcaption", {}, `Local time. ${label}.`));
}

const BLOCKS = { table, timeline, facts, filters, live, links, commands };

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector("#block");
  const typed = [...root.querySelectorAll("input")].filter(one => one.value !== one.defaultValue);
  const open = [...root.querySelectorAll("details")].map(one => one.open);
  const focused = root.getRootNode().activeElement?.id;
  root.replaceChildren(BLOCKS[data.block](data));
  root.querySelectorAll("details").forEach((one, number) => { one.open = one.open || !!open[number]; });
  for (const { id, value } of typed) root.querySelector(`#${id}`).value = value;  // a page may be drawn anew meanwhile
  if (focused) root.querySelector(`#${focused}`)?.focus();
}

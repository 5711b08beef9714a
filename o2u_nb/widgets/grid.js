// The browser's half of the suspect grid; the other is grid.py, which says what a place and an
// order are. It draws what is on screen, asks for no more than that and one page ahead, and sends
// every command to Python, which answers each. Names and ids are other people's text: they reach
// the page as text only.

const STEPS = [64, 96, 128, 192, 256, 384, 512]; // pixels of a tile's picture
const FETCHED = [64, 128, 256, 512, 1024]; // pixels of the pictures that are asked for
const LARGE = 1024;
const GAP = 8;
const WORDS = 92; // pixels of a tile's height without its picture, see grid.css
const NARROWEST = 104; // of a tile, so that its words have room
const CACHE = 64 << 20; // bytes of pictures kept
const TALLEST = 15e6; // pixels; browsers cut elements off not far beyond that
const BUSY_AFTER = 500; // ms
const RETRY = [2000, 60000]; // ms, first and longest: a kernel that trains answers late
const REST = 80; // ms without a move until the others hear what is current
const TYPING = 250; // ms without a key until a text filter is applied
const FIELDS = "input, select"; // keys there belong to them
const LISTED = 200; // classes offered at a time
const RESTARTED =
  "The kernel was restarted: run the cell again to go on. All decisions are on disk.";

// How the commands look and which keys they have. Their words come from Python, in the `choices`.
const ACTIONS = {
  keep: { icon: "✓", key: "k" },
  accept: { icon: "→", key: "s" },
  relabel: { icon: "⇄", key: "r" },
  drop: { icon: "✕", key: "d" },
  unsure: { icon: "?", key: "u" },
};

const sheet = (buttons) => [
  ["← ↑ → ↓, Home, End, Page ↑ ↓", "move"],
  ["Shift + move, Shift + click", "select a range"],
  ["Ctrl + click, Space", "select one more, or one less"],
  ["Ctrl + A", "select all that is shown"],
  ...Object.entries(ACTIONS).map(([name, { key }]) => [key, `${buttons[name].text} ${buttons[name].hint}`]),
  ["Ctrl + Z, Ctrl + Y", "undo, redo"],
  ["n", "next undecided"],
  ["Enter, double click", "large picture"],
  ["+ −", "larger, smaller tiles"],
  ["/", "filter by text"],
  ["Escape", "close, or deselect"],
  ["?", "this sheet"],
];

// Small helpers

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

function write(node, text, title = text) {
  if (node.textContent !== text) node.textContent = text;
  if (node.title !== title) node.title = title;
}

function percent(share) {
  if (share === null) return "";
  if (share > 0.99 && share < 1) return `${Math.min(100 * share, 99.9).toFixed(1)} %`;
  return `${(100 * share).toFixed(share >= 0.0995 || share === 0 ? 0 : 1)} %`;
}

const number = (value) => value.toLocaleString("en");
const between = (value, low, high) => Math.min(Math.max(value, low), high);

// Ranges [start, stop) of places, ascending

const has = (ranges, place) => ranges.some(([start, stop]) => start <= place && place < stop);
const size = (ranges) => ranges.reduce((sum, [start, stop]) => sum + stop - start, 0);
const span = (a, b) => [[Math.min(a, b), Math.max(a, b) + 1]];

function toggled(ranges, place) {
  if (!has(ranges, place)) return merged([...ranges, [place, place + 1]]);
  const halves = ([start, stop]) =>
    start <= place && place < stop ? [[start, place], [place + 1, stop]] : [[start, stop]];
  return ranges.flatMap(halves).filter(([start, stop]) => start < stop);
}

function merged(ranges) {
  const joined = [];
  for (const [start, stop] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = joined[joined.length - 1];
    if (last && start <= last[1]) last[1] = Math.max(last[1], stop);
    else joined.push([start, stop]);
  }
  return joined;
}

// Pictures: object URLs of the latest used ones

class Pictures {
  constructor(limit) {
    Object.assign(this, { limit, held: 0, kept: new Map() });
  }

  get(id, pixels) {
    const key = `${pixels}/${id}`, found = this.kept.get(key);
    if (!found) return null;
    this.kept.delete(key); // back in as the latest used
    this.kept.set(key, found);
    return found.url;
  }

  // The picture at the size wanted, or until that is there at any other.
  nearest(id, pixels) {
    for (const tried of [pixels, ...FETCHED]) {
      const url = this.get(id, tried);
      if (url) return url;
    }
    return null;
  }

  put(id, pixels, bytes) {
    this.drop(`${pixels}/${id}`);
    const blob = new Blob([bytes], { type: "image/jpeg" });
    this.kept.set(`${pixels}/${id}`, { url: URL.createObjectURL(blob), length: blob.size });
    this.held += blob.size;
    while (this.held > this.limit && this.kept.size > 1) this.drop(this.kept.keys().next().value);
  }

  drop(key) {
    const found = this.kept.get(key);
    if (!found) return;
    URL.revokeObjectURL(found.url);
    this.held -= found.length;
    this.kept.delete(key);
  }

  clear() {
    for (const key of [...this.kept.keys()]) this.drop(key);
  }
}

// Link: messages to Python, each answered by one "done" that bears its number

class Link {
  constructor(model, { answered, slow }) {
    Object.assign(this, { model, answered, slow, pending: new Map(), last: 0, dead: false });
    this.view = Math.random().toString(36).slice(2); // several views may share the model
  }

  send(kind, fields = {}) {
    const seq = ++this.last;
    this.pending.set(seq, { kind, fields, since: performance.now() });
    this.model.send({ kind, view: this.view, seq, ...fields });
    setTimeout(() => this.slow(this.isSlow()), BUSY_AFTER + 20);
    if (kind === "page") this.repeat(seq, RETRY[0]);
  }

  // An answer can be lost, as when the network drops; pages are asked for again.
  repeat(seq, wait) {
    setTimeout(() => {
      const asked = this.pending.get(seq);
      if (!asked || this.dead) return;
      this.model.send({ kind: asked.kind, view: this.view, seq, ...asked.fields });
      this.repeat(seq, Math.min(2 * wait, RETRY[1]));
    }, wait);
  }

  receive(message) {
    if (message.view !== this.view || !this.pending.has(message.seq)) return;
    const asked = this.pending.get(message.seq);
    this.pending.delete(message.seq);
    this.answered(asked, message);
    this.slow(this.isSlow());
  }

  // What Python has yet to answer, pages and look-ups aside: until then our own places hold.
  commands() {
    const asking = ["page", "likely"];
    return [...this.pending.values()].filter(({ kind }) => !asking.includes(kind));
  }

  isAsking(...orders) {
    return [...this.pending.values()].some(({ kind, fields }) => kind === "page" && orders.includes(fields.order));
  }

  isSlow() {
    const due = performance.now() - BUSY_AFTER;
    return [...this.pending.values()].some(({ since }) => since <= due);
  }
}

// Tiles

function makeTile() {
  const part = (name, ...children) => make("div", { class: `o2u-${name}` }, ...children);
  const tile = {
    rank: make("span", { class: "o2u-rank" }),
    chance: make("span", { class: "o2u-chance" }),
    image: make("img", { alt: "", draggable: "false", hidden: true }),
    waiting: make("span", { class: "o2u-waiting" }, "…"),
    given: make("bdi"),
    suggested: make("bdi"),
    decision: part("decision"),
  };
  tile.node = make(
    "div", { class: "o2u-tile", role: "option" },
    part("head", tile.rank, tile.chance),
    part("frame", tile.image, tile.waiting),
    part("label o2u-given", make("small", {}, "given "), tile.given),
    part("label o2u-suggested", make("small", {}, "seems "), tile.suggested),
    tile.decision,
  );
  return tile;
}

function fillTile(tile, row, { saving, place, length, words }) {
  const state = saving ? "saving" : row ? row.decision ?? "undecided" : "waiting";
  tile.node.dataset.state = state;
  tile.node.dataset.id = row ? row.sample_id : "";
  tile.node.setAttribute("aria-posinset", place + 1);
  tile.node.setAttribute("aria-setsize", length);
  tile.node.setAttribute("aria-label", row ? spoken(row, state, words) : "not loaded yet");
  tile.node.title = row ? `${row.sample_id}\n${spoken(row, state, words)}` : "";
  write(tile.rank, row ? `#${number(row.rank)}` : "", "");
  write(tile.chance, row ? chance(row) : "", "");
  write(tile.given, row ? row.label : "", "");
  write(tile.suggested, row ? row.suggested ?? "nothing else" : "", "");
  write(tile.decision, row ? decided(row, state, words) : "", "");
}

function showPicture(tile, url) {
  tile.image.hidden = !url;
  tile.waiting.hidden = Boolean(url);
  if (url && tile.image.getAttribute("src") !== url) tile.image.src = url;
  if (!url) tile.image.removeAttribute("src");
}

function chance(row) {
  const kind = row.kind && row.kind !== "wrong" ? row.kind : "";
  return [percent(row.p_wrong), kind].filter(Boolean).join(" · ");
}

// `words` maps what is decided to the word for it on a tile.
function decided(row, state, words) {
  if (state === "saving") return "… saving";
  if (state === "undecided") return "undecided";
  return `${ACTIONS[state].icon} ${words[state]}${row.new_label === null ? "" : ` ${row.new_label}`}`;
}

function spoken(row, state, words) {
  const doubt = row.p_wrong === null ? "" : `, ${percent(row.p_wrong)} likely wrong`;
  const kind = row.kind && row.kind !== "wrong" ? `, ${row.kind}` : "";
  const seems = row.suggested ?? "nothing else";
  const what = decided(row, state, words).replace(/^\S /, "");
  return `rank ${number(row.rank)}, given ${row.label}, seems ${seems}${doubt}${kind}, ${what}`;
}

// Toolbar: filters above, commands below, both bound to the session through traits

class Toolbar {
  constructor(grid) {
    this.grid = grid;
    const { classes, orders, decisions } = grid.model.get("choices");
    const set = (name, value) => grid.set(name, value);
    this.label = select("Class", ["all classes", ...classes], (k) =>
      set("label_filter", k ? classes[k - 1] : null));
    this.decision = select("Show", decisions, (k) => set("decision_filter", decisions[k]));
    this.order = select("Order", orders, (k) => set("order_by", orders[k]));
    this.descending = button("", "", () => set("descending", !grid.settings.descending));
    this.suspects = checkbox("suspects only", (on) => set("only_suspects", on));
    this.advance = checkbox("move on", (on) => set("advance", on));
    this.advance.node.title = "After a decision, go to the next undecided sample";
    this.text = make("input", {
      type: "search", class: "o2u-text", placeholder: "id or label…  ( / )", oninput: () => this.typed(),
      "aria-label": "Filter by text in id or label",
    });
    this.size = make("input", {
      type: "range", class: "o2u-size", min: 0, max: STEPS.length - 1, "aria-label": "Size of tiles",
      title: "Size of tiles ( + − )", oninput: () => grid.resize(STEPS[this.size.value]),
    });
    this.pair = chip("pair_filter", grid);
    this.picked = chip("position_filter", grid);
    this.counts = make("span", { class: "o2u-counts" });
    this.busy = make("span", { class: "o2u-busy", hidden: true }, "⏳ kernel busy");
    this.undo = button("↶ Undo", "Undo ( Ctrl + Z )", () => grid.command("undo"));
    this.redo = button("↷ Redo", "Redo ( Ctrl + Y )", () => grid.command("redo"));
    this.node = make("div", { class: "o2u-toolbar" }, this.filters(), this.commands());
  }

  filters() {
    return make(
      "div", { class: "o2u-row", role: "group", "aria-label": "Filters" },
      this.label.node, this.decision.node, this.order.node, this.descending, this.suspects.node,
      this.text, this.pair, this.picked, make("label", { class: "o2u-field" }, "Size", this.size),
    );
  }

  commands() {
    const { buttons } = this.grid.model.get("choices");
    const act = ([name, { icon, key }]) => {
      const { text, hint } = buttons[name];
      const node = button(`${icon} ${text} `, `${hint} ( ${key} )`, () => this.grid.act(name));
      node.append(make("kbd", { "aria-hidden": "true" }, key));
      node.setAttribute("aria-keyshortcuts", key);
      return node;
    };
    return make(
      "div", { class: "o2u-row", role: "group", "aria-label": "Decisions" },
      ...Object.entries(ACTIONS).map(act), this.undo, this.redo, this.advance.node,
      button("⌨ Keys", "All keys ( ? )", () => this.grid.help.toggle()),
    );
  }

  typed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.grid.set("text_filter", this.text.value), TYPING);
  }

  show() {
    const { settings, model } = this.grid, { classes, orders, decisions } = model.get("choices");
    this.label.field.selectedIndex = classes.indexOf(settings.label_filter) + 1;
    this.decision.field.selectedIndex = decisions.indexOf(settings.decision_filter);
    this.order.field.selectedIndex = orders.indexOf(settings.order_by);
    write(this.descending, settings.descending ? "↓ highest" : "↑ lowest", "Turn the order round");
    this.suspects.field.checked = settings.only_suspects;
    this.advance.field.checked = settings.advance;
    if (document.activeElement !== this.text) this.text.value = settings.text_filter;
    this.size.value = STEPS.findLastIndex((step) => step <= this.grid.side);
    this.size.setAttribute("aria-valuetext", `${this.grid.side} pixels`);
    const { pair_filter: pair, position_filter: picked } = settings;
    showChip(this.pair, pair && `given ${pair[0]}, seems ${pair[1]}`);
    showChip(this.picked, picked === null ? null : `${number(picked)} picked in a plot`);
    this.count();
  }

  count() {
    const { suspects, remaining } = this.grid.model.get("counts"), { length, chosen } = this.grid;
    const selected = chosen.length ? ` · ${number(size(chosen))} selected` : "";
    const done = `${number(suspects - remaining)} of ${number(suspects)} suspects decided`;
    write(this.counts, `${done} · ${number(length)} shown${selected}`, "");
  }
}

function select(name, names, chosen) {
  const options = names.map((text) => make("option", {}, text.length > 60 ? `${text.slice(0, 59)}…` : text));
  const field = make("select", { onchange: () => chosen(field.selectedIndex) }, ...options);
  return { field, node: make("label", { class: "o2u-field" }, name, field) };
}

function checkbox(name, changed) {
  const field = make("input", { type: "checkbox", onchange: () => changed(field.checked) });
  return { field, node: make("label", { class: "o2u-field" }, field, name) };
}

function button(text, title, pressed, name = "o2u-plain") {
  return make("button", { type: "button", class: `o2u-button ${name}`, title, onclick: pressed }, text);
}

function chip(name, grid) {
  return button("", "Show all again", () => grid.set(name, null), "o2u-chip");
}

function showChip(node, text) {
  node.hidden = !text;
  if (text) write(node, `${text} ✕`, `${text}. Press to show all again.`);
}

// Relabel: a line to type in and the classes, likeliest first

class Relabel {
  constructor(grid) {
    Object.assign(this, { grid, likely: [], active: 0, found: [] });
    const { classes } = grid.model.get("choices");
    this.classes = classes;
    this.numbered = !classes.some((name) => /^\d/.test(name)); // else a digit is part of a name
    this.list = make("div", {
      class: "o2u-classes", role: "listbox", id: `${grid.id}-classes`, "aria-label": "Classes",
      onclick: (event) => this.clicked(event),
    });
    this.input = make("input", {
      type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": this.list.id,
      "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false",
      oninput: () => this.offer(0), onkeydown: (event) => this.key(event),
    });
    this.title = make("span", { class: "o2u-title" });
    this.node = make(
      "div", { class: "o2u-relabel", role: "dialog", "aria-label": "Relabel", hidden: true },
      make("label", {}, this.title, this.input), this.list,
      button("Cancel", "Change nothing ( Escape )", () => this.close()),
    );
  }

  open() {
    const { grid } = this;
    this.targets = grid.targets();
    const first = this.targets.ranges[0][0], row = grid.rows.get(first), many = size(this.targets.ranges);
    const what = many > 1 ? `${number(many)} samples` : `#${number(row.rank)}, given ${row.label}`;
    this.likely = row?.suggested ? [[row.suggested, null]] : [];
    this.input.value = "";
    write(this.title, `New label for ${what}`);
    this.input.placeholder = this.numbered ? "type, or 1 to 9" : "type, or ↑ ↓ and Enter";
    this.node.hidden = false;
    this.offer(0);
    this.input.focus();
    grid.askLikely(first);
  }

  close() {
    if (this.node.hidden) return;
    this.node.hidden = true;
    this.grid.takeFocus();
  }

  learn({ classes }) {
    this.likely = classes;
    if (!this.node.hidden) this.offer(this.active);
  }

  offer(active) {
    const typed = this.input.value.trim().toLocaleLowerCase();
    const likely = this.likely.map(([name]) => name), known = new Set(likely);
    const all = [...likely, ...this.classes.filter((name) => !known.has(name))];
    const found = all.filter((name) => name.toLocaleLowerCase().includes(typed));
    const begins = (name) => name.toLocaleLowerCase().startsWith(typed);
    if (typed) found.sort((a, b) => begins(b) - begins(a));
    this.found = found.slice(0, LISTED);
    this.active = between(active, 0, Math.max(this.found.length - 1, 0));
    this.draw(found.length - this.found.length);
  }

  draw(left) {
    const more = left > 0 ? [make("div", { class: "o2u-more" }, `… ${number(left)} more: type to narrow`)] : [];
    const none = this.found.length ? [] : [make("div", { class: "o2u-more" }, "no such class")];
    this.list.replaceChildren(...this.found.map((name, k) => this.option(name, k)), ...none, ...more);
    const active = this.list.querySelector("[aria-selected=true]");
    this.input.setAttribute("aria-activedescendant", active ? active.id : "");
    active?.scrollIntoView({ block: "nearest" });
  }

  option(name, k) {
    const rank = this.likely.findIndex(([likely]) => likely === name);
    const digit = this.numbered && !this.input.value && rank >= 0 ? `${rank + 1}` : "";
    const share = rank >= 0 ? percent(this.likely[rank][1]) : "";
    return make(
      "div", {
        role: "option", id: `${this.list.id}-${k}`, "data-k": k, title: name,
        "aria-selected": String(k === this.active),
      },
      make("kbd", {}, digit), make("bdi", {}, name), make("small", {}, share),
    );
  }

  key(event) {
    const digit = this.numbered && !this.input.value && /^[1-9]$/.test(event.key);
    if (event.isComposing) return;
    if (digit && this.likely[event.key - 1]) this.choose(this.likely[event.key - 1][0]);
    else if (event.key === "ArrowDown") this.offer(this.active + 1);
    else if (event.key === "ArrowUp") this.offer(this.active - 1);
    else if (event.key === "Enter" && this.found.length) this.choose(this.found[this.active]);
    else if (!digit) return; // Escape is the grid's
    event.preventDefault();
  }

  clicked(event) {
    const option = event.target.closest("[data-k]");
    if (option) this.choose(this.found[option.dataset.k]);
  }

  choose(name) {
    this.close();
    this.grid.decide("relabel", name, this.targets);
  }
}

// Large: one sample as large as there is room, with all that its tile says, and why

class Large {
  constructor(grid) {
    this.grid = grid;
    this.image = make("img", { alt: "" });
    this.facts = make("dl");
    this.reason = make("p");
    const go = (by, text, title) => button(text, title, () => grid.move(by));
    this.node = make(
      "div", { class: "o2u-large", role: "dialog", "aria-label": "Large picture", tabindex: -1, hidden: true },
      make("div", { class: "o2u-picture" }, this.image),
      make(
        "div", { class: "o2u-facts" },
        make(
          "div", { class: "o2u-row" }, go(-1, "‹ Previous", "Previous ( ← )"), go(1, "Next ›", "Next ( → )"),
          button("✕ Close", "Close ( Escape )", () => this.close()),
        ),
        this.facts, this.reason,
      ),
    );
  }

  get isOpen() {
    return !this.node.hidden;
  }

  open() {
    if (this.grid.place === null) return;
    this.node.hidden = false;
    this.grid.takeFocus();
    this.grid.draw();
  }

  close() {
    this.node.hidden = true;
    this.grid.takeFocus();
  }

  show(row, url, { saving, place, length, words }) {
    this.image.hidden = !url;
    if (url) this.image.src = url;
    this.image.alt = row ? row.sample_id : "";
    if (!row) return;
    const state = saving ? "saving" : row.decision ?? "undecided";
    this.node.dataset.state = state;
    const facts = {
      Sample: row.sample_id,
      Place: `${number(place + 1)} of ${number(length)}, rank ${number(row.rank)}`,
      Given: row.label,
      Seems: row.suggested ?? "nothing else",
      "Likely wrong": chance(row) || "not known",
      Decision: decided(row, state, words),
      Note: row.note,
    };
    this.facts.replaceChildren(...Object.entries(facts).filter(([, fact]) => fact).flatMap(
      ([name, fact]) => [make("dt", {}, name), make("dd", { title: fact }, make("bdi", {}, fact))]));
    if (this.explained === row.sample_id) return;
    this.explained = row.sample_id;
    write(this.reason, "");
    this.grid.askLikely(place);
  }

  learn({ sample_id: id, reason }) {
    if (id === this.explained) write(this.reason, reason);
  }
}

// Help: the key sheet

class Help {
  constructor(grid) {
    this.grid = grid;
    const rows = sheet(grid.model.get("choices").buttons).map(([keys, what]) =>
      make("tr", {}, make("td", {}, make("kbd", {}, keys)), make("td", {}, what)));
    this.node = make(
      "div", { class: "o2u-help", role: "dialog", "aria-label": "Keys", tabindex: -1, hidden: true },
      make("table", {}, make("tbody", {}, ...rows)),
      button("Close", "Close ( Escape )", () => this.toggle()),
    );
  }

  toggle() {
    this.node.hidden = !this.node.hidden;
    if (this.node.hidden) this.grid.takeFocus();
    else this.node.focus();
  }
}

// Grid: the state of what is drawn, and the keys

class Grid {
  constructor(model, root) {
    Object.assign(this, {
      model, root, rows: new Map(), tiles: new Map(), spare: [], pictures: new Pictures(CACHE),
      id: `o2u-grid-${Math.random().toString(36).slice(2)}`, order: -1, length: 0, place: null,
      anchor: 0, chosen: [], settings: {}, top: 0, columns: 1, coming: null,
      words: model.get("choices").on_tile,
    });
    this.link = new Link(model, {
      answered: (asked, message) => this.answered(asked, message),
      slow: (isSlow) => this.showBusy(isSlow),
    });
    this.build();
    this.adopt();
  }

  build() {
    Object.assign(this, {
      toolbar: new Toolbar(this), relabel: new Relabel(this), large: new Large(this), help: new Help(this),
    });
    this.spacer = make("div", { class: "o2u-spacer", role: "presentation" });
    this.list = make("div", {
      class: "o2u-list", role: "listbox", tabindex: 0, "aria-multiselectable": "true",
      "aria-label": "Suspects", onscroll: () => this.scrolled(), onclick: (event) => this.clicked(event),
      ondblclick: (event) => this.doubleClicked(event),
    }, this.spacer);
    this.empty = make("div", { class: "o2u-empty", hidden: true });
    this.stage = make(
      "div", { class: "o2u-stage" }, this.list, this.empty, this.large.node, this.relabel.node, this.help.node);
    this.status = make("div", { class: "o2u-said", role: "status", "aria-live": "polite" });
    this.root.classList.add("o2u-grid");
    // JupyterLab acts on single keys, as "d d" for deleting a cell: none may reach it.
    this.root.setAttribute("data-lm-suppress-shortcuts", "true");
    // A line of its own, as high empty as full: the tiles must not move under the mouse.
    const line = make("div", { class: "o2u-line" }, this.status, this.toolbar.busy, this.toolbar.counts);
    this.root.append(this.toolbar.node, line, this.stage);
    this.listen("keydown", (event) => this.key(event));
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(this.list);
    this.model.on("msg:custom", (message, buffers) => this.receive(message, buffers));
    this.model.on("change", () => this.adopt());
    const stretch = () => { this.stage.style.height = `${this.model.get("tall")}px`; };
    this.model.on("change:tall", stretch); // and only then, since the reviewer may drag it
    stretch();
    this.model.on("comm_live_update", () => this.died());
  }

  listen(kind, handler) {
    this.root.addEventListener(kind, handler);
  }

  destroy() {
    this.link.dead = true;
    this.observer.disconnect();
    this.pictures.clear();
    clearTimeout(this.resting);
    clearTimeout(this.toolbar.timer);
  }

  // State: Python's holds, unless commands are still on their way to it

  adopt() {
    if (this.link.commands().length || this.resting) return;
    const order = this.model.get("order"), isNew = order !== this.order;
    if (isNew && this.length && this.coming?.order !== order) return this.prepare(order);
    const before = this.place;
    if (isNew) this.rows = new Map(this.coming?.order === order ? this.coming.rows : []);
    this.take();
    if (isNew || before !== this.place) this.reveal();
    this.toolbar.show();
    this.draw();
  }

  take() {
    const { model } = this;
    for (const name of ["order", "length", "place", "chosen", "settings"]) this[name] = model.get(name);
    this.side = model.get("tile_size");
    if (!this.chosen.length && this.place !== null) this.anchor = this.place;
    this.measure();
  }

  // The old list stays on screen, and keys meet it, until the rows of the new one are here.
  prepare(order) {
    if (this.link.isAsking(order)) return;
    const place = this.model.get("place") ?? 0, around = this.perPage + this.columns;
    const start = Math.max(place - around, 0), stop = Math.min(place + around, this.model.get("length"));
    this.link.send("page", { order, start, stop, size: this.pixels, pictures: [] });
  }

  receive(message, buffers) {
    if (message.kind === "page") this.takePage(message, buffers);
    if (message.kind === "likely") {
      this.relabel.learn(message);
      this.large.learn(message);
    }
    if (message.kind === "done") this.link.receive(message);
  }

  answered(asked, { said, failed }) {
    if (failed) this.say(failed, true);
    else if (said) this.say(said);
    if (asked.kind === "decide" && !failed) this.markDecided(asked.fields);
    // Traits may be set a moment after the message that was sent behind them.
    setTimeout(() => (asked.kind === "page" ? this.paged(asked.fields, failed) : this.adopt()), 0);
  }

  paged({ order }, failed) {
    if (!failed) this.fetch();
    else if (order !== this.order) this.receiveRows(order, []); // a new list without its rows
  }

  died() {
    this.link.dead = true;
    this.showBusy(false);
    this.say(RESTARTED, true);
  }

  say(text, isError = false) {
    this.status.classList.toggle("o2u-error", isError);
    write(this.status, isError ? `⚠ ${text}` : text);
  }

  showBusy(isSlow) {
    this.toolbar.busy.hidden = !isSlow || this.link.dead;
    this.list.setAttribute("aria-busy", String(isSlow));
  }

  // Geometry: rows of tiles, of which only those on screen exist

  measure() {
    const width = this.list.clientWidth, gap = GAP;
    this.across = Math.max(this.side, NARROWEST) + 12;
    this.list.style.setProperty("--o2u-side", `${this.side}px`);
    this.list.style.setProperty("--o2u-across", `${this.across}px`);
    this.down = this.side + WORDS;
    this.columns = Math.max(1, Math.floor((width - gap) / (this.across + gap)));
    this.total = Math.ceil(this.length / this.columns) * (this.down + gap) + gap;
    this.spacer.style.height = `${Math.min(this.total, TALLEST)}px`;
    this.margin = Math.max(gap, (width - this.columns * (this.across + gap) + gap) / 2);
  }

  // Where the list is, in pixels of the whole: more than the scroll bar can say of a million tiles.
  get offset() {
    const room = this.list.clientHeight;
    if (this.total <= TALLEST) return this.top;
    return this.top * (this.total - room) / (TALLEST - room);
  }

  scrollTo(offset) {
    const room = this.list.clientHeight;
    const scale = this.total <= TALLEST ? 1 : (TALLEST - room) / (this.total - room);
    this.top = between(offset, 0, Math.max(this.total - room, 0)) * scale;
    this.list.scrollTop = this.top;
  }

  get perPage() {
    return Math.max(1, Math.floor(this.list.clientHeight / (this.down + GAP))) * this.columns;
  }

  onScreen() {
    const row = this.down + GAP, { offset, columns } = this;
    const start = Math.floor(offset / row) * columns;
    const stop = Math.ceil((offset + this.list.clientHeight) / row) * columns;
    return [between(start, 0, this.length), between(stop, 0, this.length)];
  }

  reveal() {
    if (this.place === null || !this.list.clientHeight) return;
    const at = Math.floor(this.place / this.columns) * (this.down + GAP), room = this.list.clientHeight;
    if (at < this.offset) this.scrollTo(at);
    else if (at + this.down + 2 * GAP > this.offset + room) this.scrollTo(at + this.down + 2 * GAP - room);
  }

  scrolled() {
    if (!this.list.clientHeight) return;
    this.top = this.list.scrollTop;
    this.draw();
  }

  resized() {
    if (!this.list.clientHeight) return; // JupyterLab took the cell off the page for a while
    const first = Math.floor(this.offset / (this.down + GAP)) * this.columns, columns = this.columns;
    this.measure();
    if (columns !== this.columns) this.scrollTo(Math.floor(first / this.columns) * (this.down + GAP));
    else this.list.scrollTop = this.top; // which that resets
    this.draw();
  }

  resize(side) {
    this.side = side;
    this.model.set("tile_size", side);
    this.model.save_changes();
    this.measure();
    this.reveal();
    this.toolbar.show();
    this.draw();
  }

  // Drawing

  draw() {
    const [start, stop] = this.onScreen();
    for (const [place, tile] of this.tiles) {
      if (place >= start && place < stop) continue;
      this.tiles.delete(place);
      this.spare.push(tile);
      tile.node.remove();
    }
    for (let place = start; place < stop; place++) this.drawTile(place);
    const active = this.tiles.get(this.place);
    this.list.setAttribute("aria-activedescendant", active ? active.node.id : "");
    this.drawEmpty();
    this.toolbar.count();
    if (this.large.isOpen) this.drawLarge();
    this.fetch();
  }

  drawTile(place) {
    const tile = this.tiles.get(place) ?? this.spare.pop() ?? makeTile();
    const row = this.rows.get(place), saving = this.isSaving(place);
    if (!this.tiles.has(place)) {
      tile.node.id = `${this.id}-${place}`;
      tile.node.dataset.place = place;
      this.tiles.set(place, tile);
      this.spacer.append(tile.node);
    }
    this.position(tile, place);
    tile.node.setAttribute("aria-selected", String(has(this.chosen, place)));
    tile.node.classList.toggle("o2u-current", place === this.place);
    fillTile(tile, row, { saving, place, length: this.length, words: this.words });
    showPicture(tile, row ? this.pictures.nearest(row.sample_id, this.pixels) : null);
  }

  position(tile, place) {
    const x = this.margin + (place % this.columns) * (this.across + GAP);
    const y = GAP + Math.floor(place / this.columns) * (this.down + GAP) - this.offset + this.top;
    tile.node.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  }

  drawLarge() {
    const row = this.rows.get(this.place), { place, length } = this;
    const url = row ? this.pictures.nearest(row.sample_id, LARGE) : null;
    if (place === null) this.large.close();
    else this.large.show(row, url, { saving: this.isSaving(place), place, length, words: this.words });
  }

  drawEmpty() {
    this.empty.hidden = this.length > 0;
    const { suspects, remaining } = this.model.get("counts");
    const done = suspects && !remaining ? " All suspects are decided." : "";
    write(this.empty, `Nothing to show with these filters.${done}`);
  }

  isSaving(place) {
    return this.rows.get(place)?.isDecided || this.link.commands().some(({ kind, fields }) =>
      kind === "decide" && fields.order === this.order && has(fields.ranges, place));
  }

  // Recorded; what exactly is said by the rows that Python sends next.
  markDecided({ order, ranges }) {
    if (order !== this.order) return;
    for (const [place, row] of this.rows) if (has(ranges, place)) row.isDecided = true;
  }

  get pixels() {
    const wanted = this.side * (window.devicePixelRatio || 1);
    return FETCHED.find((pixels) => pixels >= wanted) ?? LARGE;
  }

  // Fetching: what is on screen, then one page ahead; one page at a time is on its way

  fetch() {
    const isOld = this.order !== this.model.get("order"); // then Python has no rows for it
    if (isOld || this.link.isAsking(this.order) || this.link.dead || !this.list.clientHeight) return;
    const [start, stop] = this.onScreen();
    const ahead = [stop, Math.min(stop + this.perPage, this.length)];
    const one = this.large.isOpen && this.place !== null ? [this.place, this.place + 1] : [0, 0];
    this.ask(...one, LARGE) || this.ask(start, stop, this.pixels) || this.ask(...ahead, this.pixels);
  }

  ask(start, stop, pixels) {
    const revision = this.model.get("revision"), lacking = [], pictures = [];
    for (let place = start; place < stop; place++) {
      const row = this.rows.get(place), pictured = row && this.pictures.get(row.sample_id, pixels);
      if (!row || row.revision !== revision || !pictured) lacking.push(place);
      if (!pictured) pictures.push(place);
    }
    if (!lacking.length) return false;
    const [first, last] = [lacking[0], lacking[lacking.length - 1]];
    this.link.send("page", { order: this.order, start: first, stop: last + 1, size: pixels, pictures });
    return true;
  }

  takePage({ order, revision, start, rows, size: pixels, pictures }, buffers) {
    pictures.forEach((id, k) => this.pictures.put(id, pixels, buffers[k]));
    const numbered = rows.map((row, k) => [start + k, { ...row, revision }]);
    if (order === this.order) {
      for (const [place, row] of numbered) this.rows.set(place, row);
      this.draw();
    } else if (order === this.model.get("order")) {
      this.receiveRows(order, numbered);
    }
  }

  receiveRows(order, rows) {
    this.coming = { order, rows };
    this.adopt();
  }

  askLikely(place) {
    if (!this.link.dead) this.link.send("likely", { order: this.order, ranges: span(place, place) });
  }

  // Moving and selecting

  move(by) {
    if (this.place === null) return;
    this.goTo(this.place + by);
  }

  goTo(place, { extend = false } = {}) {
    if (!this.length) return;
    this.place = between(place, 0, this.length - 1);
    if (!extend) this.anchor = this.place;
    this.chosen = extend ? span(this.anchor, this.place) : [];
    this.moved();
  }

  toggle(place) {
    const base = this.chosen.length || this.place === null ? this.chosen : span(this.place, this.place);
    this.chosen = !this.chosen.length && place === this.place ? base : toggled(base, place);
    this.place = this.anchor = place;
    this.moved();
  }

  selectAll() {
    if (!this.length) return;
    this.chosen = [[0, this.length]];
    this.moved();
  }

  deselect() {
    this.chosen = [];
    this.moved();
  }

  moved() {
    this.reveal();
    this.draw();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.tellPlace(), REST);
  }

  tellPlace() {
    if (!this.resting) return;
    clearTimeout(this.resting);
    this.resting = null;
    if (!this.link.dead) this.link.send("select", { order: this.order, place: this.place, ranges: this.chosen });
  }

  // What a command is about: the selection, or else the current sample, in the list on screen.
  targets() {
    const one = this.place === null ? [] : span(this.place, this.place);
    return { order: this.order, ranges: this.chosen.length ? this.chosen : one };
  }

  // Commands

  act(name) {
    if (name === "accept") this.decide("relabel");
    else if (name !== "relabel") this.decide(name);
    else if (this.mayDecide(this.targets())) this.relabel.open();
  }

  mayDecide({ ranges }) {
    if (this.link.dead) this.say(RESTARTED, true);
    else if (!ranges.length) this.say("Nothing is selected.", true);
    else if (size(ranges) === 1 && !this.rows.has(ranges[0][0])) this.say("Wait for the picture.", true);
    else return true;
    return false;
  }

  decide(action, newLabel = null, { order, ranges } = this.targets()) {
    if (!this.mayDecide({ ranges })) return;
    this.tellPlace();
    const last = ranges[ranges.length - 1][1] - 1;
    this.link.send("decide", { action, new_label: newLabel, order, ranges });
    // Python says where to go on; until it does, go where it will say.
    this.chosen = [];
    if (this.settings.advance) this.place = this.anchor = this.undecidedAfter(last);
    this.reveal();
    this.draw();
  }

  undecidedAfter(last) {
    for (let place = last + 1; place < this.length; place++) {
      const row = this.rows.get(place);
      if (!row || (!row.decision && !this.isSaving(place))) return place;
    }
    return last;
  }

  command(kind, fields = {}) {
    if (this.link.dead) return this.say(RESTARTED, true);
    this.tellPlace();
    this.link.send(kind, fields);
  }

  set(name, value) {
    this.command("set", { name, value });
  }

  next() {
    if (this.place !== null) this.command("next", { order: this.order, place: this.place });
  }

  // Mouse

  placeAt(event) {
    const tile = event.target.closest(".o2u-tile");
    return tile ? Number(tile.dataset.place) : null;
  }

  clicked(event) {
    const place = this.placeAt(event);
    this.takeFocus();
    if (place === null) return;
    if (event.ctrlKey || event.metaKey) this.toggle(place);
    else this.goTo(place, { extend: event.shiftKey });
  }

  doubleClicked(event) {
    if (this.placeAt(event) !== null) this.large.open();
  }

  takeFocus() {
    (this.large.isOpen ? this.large.node : this.list).focus({ preventScroll: true });
  }

  // Keys

  key(event) {
    event.stopPropagation();
    const inField = event.target.matches(FIELDS);
    if (event.isComposing || event.key === "Tab") return;
    if (event.key === "Escape") this.escape(event);
    else if (!inField && this.run(event)) event.preventDefault();
    else if (isSave(event)) event.preventDefault(); // the browser would save the page
  }

  run(event) {
    const key = latin(event), control = event.ctrlKey || event.metaKey;
    if (event.altKey || (event.target.matches("button") && [" ", "Enter"].includes(key))) return false;
    const commands = control ? this.controlKeys(event.shiftKey) : { ...this.plainKeys(), ...this.moves(event.shiftKey) };
    commands[key]?.();
    return key in commands || (!control && key.length === 1);
  }

  escape(event) {
    event.preventDefault();
    if (!this.relabel.node.hidden) this.relabel.close();
    else if (!this.help.node.hidden) this.help.toggle();
    else if (event.target.matches(FIELDS)) this.takeFocus();
    else if (this.large.isOpen) this.large.close();
    else if (this.chosen.length) this.deselect();
  }

  moves(extend) {
    const line = this.large.isOpen ? 1 : this.columns, by = (step) => () => this.goTo(this.place + step, { extend });
    return {
      ArrowLeft: by(-1), ArrowRight: by(1), ArrowUp: by(-line), ArrowDown: by(line),
      PageUp: by(-this.perPage), PageDown: by(this.perPage),
      Home: by(-Infinity), End: by(Infinity),
    };
  }

  plainKeys() {
    const acts = Object.entries(ACTIONS).map(([name, { key }]) => [key, () => this.act(name)]);
    const step = (by) => () => this.resize(STEPS[between(STEPS.findLastIndex((s) => s <= this.side) + by, 0, STEPS.length - 1)]);
    return {
      ...Object.fromEntries(acts), n: () => this.next(), "+": step(1), "=": step(1), "-": step(-1),
      Enter: () => this.large.open(), " ": () => this.place !== null && this.toggle(this.place),
      "?": () => this.help.toggle(), "/": () => this.toolbar.text.focus(),
    };
  }

  controlKeys(shift) {
    return {
      a: () => this.selectAll(), z: () => this.command(shift ? "redo" : "undo"), y: () => this.command("redo"),
    };
  }
}

// The key as on a Latin keyboard, in lower case, so that Cyrillic layouts and caps lock work too.
function latin({ key, code }) {
  if (key.length > 1) return key;
  return (key > "~" && code.startsWith("Key") ? code.slice(3) : key).toLowerCase();
}

const isSave = (event) => (event.ctrlKey || event.metaKey) && latin(event) === "s";

function render({ model, el }) {
  const grid = new Grid(model, el);
  return () => grid.destroy();
}

export default { render };

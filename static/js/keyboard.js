// Keyboard: / and Ctrl/Cmd-K search, j k rows, x selects, a selects all, ? shows the list of keys. What can be done with selected rows
// has the keys that its buttons name (aria-keyshortcuts).
{
  const typing = (element) => element.matches("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
  const rows = () => [...document.querySelectorAll("main tbody tr:has(.name)")].filter((row) => row.offsetParent);
  const rowNow = () => document.activeElement.closest("tbody tr");

  const step = (by) => {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(rowNow());
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
    const goal = next.querySelector(".name a, .name button") || next;
    if (goal === next) next.tabIndex = -1;
    goal.focus();
    next.scrollIntoView({ block: "nearest" });
  };

  const focus = (selector) => {
    const field = document.querySelector(selector);
    field?.focus();
    field?.select();
    return Boolean(field);
  };

  // After x the next Tab leads to what can be done with the row, not through the rest of the list.
  let selected = null;
  const bar = () => [...document.querySelectorAll(".bulk")].find((one) => one.offsetParent);
  const controls = (place) => [...place.querySelectorAll("input, button")].filter((one) => one.offsetParent);

  const select = () => {
    selected = rowNow();
    selected?.querySelector(".check input")?.click();
  };

  const selectAll = () => {
    selected = null;
    [...document.querySelectorAll("main [data-select-page]")].find((box) => box.offsetParent)?.click();
  };

  const act = (key) => {
    const button = bar()?.querySelector(`[aria-keyshortcuts="${key}"]`);
    button?.click();
    return Boolean(button);
  };

  document.addEventListener("keydown", (event) => {
    const place = bar();
    if (event.key !== "Tab" || !place || !selected?.isConnected) return;
    const intoBar = !event.shiftKey && rowNow() === selected && selected.querySelector(".check input")?.checked;
    const back = event.shiftKey && document.activeElement === controls(place)[0];
    if (!intoBar && !back) return;
    event.preventDefault();
    (intoBar ? controls(place)[0] : selected.querySelector(".name a, .check input")).focus();
  });

  // Enter in a search loads the page anew; whoever typed there goes on typing.
  const SEARCHED = "searched";
  document.addEventListener("submit", (event) => {
    const field = document.activeElement;
    if (field.form === event.target && field.matches("[data-search]")) sessionStorage.setItem(SEARCHED, location.pathname);
  });
  document.addEventListener("DOMContentLoaded", () => {
    const field = document.querySelector("main [data-search]");
    if (field && sessionStorage.getItem(SEARCHED) === location.pathname) {
      field.focus();
      field.setSelectionRange(field.value.length, field.value.length);
    }
    sessionStorage.removeItem(SEARCHED);
  });

  // A list that was copied has its names below each other; a field of one line would join them into one.
  document.addEventListener("paste", (event) => {
    const field = event.target;
    const text = event.clipboardData?.getData("text").trim() ?? "";
    if (!field.matches("[data-search]") || !/[\r\n\t]/.test(text)) return;
    event.preventDefault();
    field.setRangeText(text.split(/[\r\n\t]+/).join(" "), field.selectionStart, field.selectionEnd, "end");
  });

  const keys = {
    "/": () => focus("main [data-search]") || focus("[data-global-search]"),
    j: () => step(1),
    k: () => step(-1),
    x: select,
    a: selectAll,
    "?": () => document.getElementById("shortcuts")?.togglePopover(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "k" && (event.metaKey || event.ctrlKey)) {
      if (focus("[data-global-search]")) event.preventDefault();
      return;
    }
    if (event.metaKey || event.ctrlKey || event.altKey || typing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (keys[event.key]) {
      event.preventDefault();
      keys[event.key]();
    } else if (/^[a-z]$/.test(event.key) && act(event.key)) event.preventDefault();
  });
}

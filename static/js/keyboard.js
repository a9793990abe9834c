// Keyboard: / and Ctrl/Cmd-K search, j k rows, x selects, ? shows the list of keys.
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

  const keys = {
    "/": () => focus("main [data-search]") || focus("[data-global-search]"),
    j: () => step(1),
    k: () => step(-1),
    x: () => rowNow()?.querySelector(".check input")?.click(),
    "?": () => document.getElementById("shortcuts")?.togglePopover(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "k" && (event.metaKey || event.ctrlKey)) {
      if (focus("[data-global-search]")) event.preventDefault();
      return;
    }
    if (event.metaKey || event.ctrlKey || event.altKey || typing(event.target)) return;
    if (document.querySelector("dialog[open]") || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
}

// Lists: tick one, tick all that the page shows, tick a range with Shift, and how many that is.
{
  const boxes = (form) => [...form.querySelectorAll("tbody .check input")];
  const inSight = (form) => boxes(form).filter((box) => box.offsetParent);  // not those of a folded group

  const show = (form) => {
    const all = boxes(form);
    const ticked = all.filter((box) => box.checked).length;
    const matching = form.querySelector("[data-all-matching]");
    const count = matching?.checked ? Number(matching.dataset.allMatching) : ticked;
    form.querySelectorAll("[data-selected-count]").forEach((place) => { place.textContent = count.toLocaleString("en"); });
    const missing = inSight(form).some((box) => !box.checked);
    form.querySelectorAll("[data-select-page]").forEach((head) => {
      head.checked = ticked > 0 && !missing;
      head.indeterminate = ticked > 0 && missing;
    });
  };

  let last = null;
  document.addEventListener("click", (event) => {
    const box = event.target.closest("tbody .check input");
    const form = box?.closest("form");
    if (!form) return;
    const all = boxes(form);
    if (event.shiftKey && last && all.includes(last)) {
      const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
      all.slice(from, to + 1).forEach((other) => { other.checked = box.checked; });
    }
    last = box;
    show(form);
  });

  document.addEventListener("change", (event) => {
    const form = event.target.closest("form");
    if (!form) return;
    if (event.target.matches("[data-select-page]")) inSight(form).forEach((box) => { box.checked = event.target.checked; });
    if (event.target.matches("[data-all-matching]") && event.target.checked) boxes(form).forEach((box) => { box.checked = true; });
    if (event.target.closest(".check") || event.target.matches("[data-select-page], [data-all-matching]")) show(form);
    if (event.target.matches("[data-submits]")) form.requestSubmit();
  });

  document.addEventListener("click", (event) => {
    const clear = event.target.closest("[data-clear-selection]");
    if (!clear) return;
    const form = clear.closest("form");
    form.querySelectorAll(".check input, [data-all-matching]").forEach((box) => { box.checked = false; });
    show(form);
  });

  const showAll = (root) => root.querySelectorAll("form:has(tbody .check input)").forEach(show);
  document.addEventListener("DOMContentLoaded", () => showAll(document));
  document.addEventListener("htmx:afterSettle", () => showAll(document));
}

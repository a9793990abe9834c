// Toasts close by hand; good news leaves by itself unless it is being read. Copy buttons say that they did.
{
  const leave = (toast) => {
    if (toast.matches(":hover, :focus-within")) return setTimeout(leave, 3000, toast);
    toast.remove();
  };
  const watch = (root) => root.querySelectorAll(".toast.success:not([data-leaving])").forEach((toast) => {
    toast.dataset.leaving = "";
    setTimeout(leave, 8000, toast);
  });

  document.addEventListener("DOMContentLoaded", () => watch(document));
  document.addEventListener("htmx:afterSettle", () => watch(document));

  document.addEventListener("click", async (event) => {
    event.target.closest("[data-toast-close]")?.closest("[data-toast]").remove();
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    event.preventDefault();
    await navigator.clipboard.writeText(button.dataset.copy);
    button.dataset.copied = "";
    button.querySelector("use")?.setAttribute("href", "#i-check");
    setTimeout(() => { delete button.dataset.copied; button.querySelector("use")?.setAttribute("href", "#i-copy"); }, 1600);
  });

  // One open menu at a time, and Escape closes the one under More.
  document.addEventListener("click", (event) => {
    document.querySelectorAll("details.more[open], details.filter-more[open]").forEach((details) => {
      if (!details.contains(event.target)) details.open = false;
    });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const details = document.activeElement.closest("details.more[open], details.filter-more[open]");
    if (details) { details.open = false; details.querySelector("summary").focus(); }
  });

  // An error summary is read first, and its links lead to the fields.
  document.addEventListener("DOMContentLoaded", () => document.querySelector(".error-summary")?.focus());
}

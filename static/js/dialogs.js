// Dialogs: data-opens="id" opens the <dialog>; whatever htmx puts into #dialog opens by itself.
{
  const open = (dialog) => { if (dialog && !dialog.open) dialog.showModal(); };

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.opens);
      if (dialog) { event.preventDefault(); open(dialog); }
    }
    if (event.target.closest("[data-closes]")) event.target.closest("dialog")?.close();
    if (event.target instanceof HTMLDialogElement) event.target.close();  // a click on the backdrop
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    const dialog = event.detail.target;
    if (dialog.id !== "dialog" || !dialog.firstElementChild) return;
    const title = dialog.querySelector("h1, h2");
    if (title) dialog.setAttribute("aria-label", title.textContent.trim());
    open(dialog);
  });
}

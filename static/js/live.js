// htmx: an error answer is shown only where the site said so (a toast, or a form that came back with its errors).
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (xhr.status >= 400 && xhr.status !== 422 && !xhr.getResponseHeader("HX-Retarget")) event.detail.shouldSwap = false;
});

// A page in the background asks nothing: polls with the trigger filter would need eval, which the site forbids.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.detail.elt.getAttribute("hx-trigger")?.includes("every")) event.preventDefault();
});

// Paper says when it was printed, in the reader's own zone, also from a page that was open for hours.
addEventListener("beforeprint", () => {
  document.querySelectorAll("[data-printed]").forEach((place) => {
    const form = { timeZone: place.dataset.printed, weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" };
    const told = Object.fromEntries(new Intl.DateTimeFormat("en-GB", form).formatToParts(new Date()).map((part) => [part.type, part.value]));
    place.textContent = `${told.weekday} ${told.day} ${told.month} ${told.year}, ${told.hour}:${told.minute} ${place.dataset.printed.split("/").pop().replaceAll("_", " ")}`;
  });
});

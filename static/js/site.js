// Everything works without this script; it only smooths what a browser cannot do alone.

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  if (form.method === "post") {
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 8000); // it may have been stopped on its way
    form.querySelectorAll("button[type=submit]").forEach((b) => b.setAttribute("aria-disabled", "true"));
  }
});

// Coming back by the browser's button finds the form ready again.
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form").forEach((form) => delete form.dataset.sent);
  document.querySelectorAll("[aria-disabled]").forEach((b) => b.removeAttribute("aria-disabled"));
});

// What went wrong is the first thing that is read.
document.querySelector(".error-summary")?.focus();

document.querySelectorAll("[data-print]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
});

// A file that is too large is refused before it is sent. Bringing one works without this script.
const upload = document.querySelector("form[data-upload]");
if (upload) {
  const file = upload.querySelector("input[type=file]");
  const error = upload.querySelector(".field-error");
  const tooLarge = () => file.files.length > 0 && file.files[0].size > Number(upload.dataset.largest);
  const judge = () => {
    const paragraph = document.createElement("p");
    paragraph.textContent = upload.dataset.tooLarge;
    error.replaceChildren(...(tooLarge() ? [paragraph] : []));
    file.toggleAttribute("aria-invalid", tooLarge());
    if (tooLarge()) file.setAttribute("aria-invalid", "true");
  };
  file.addEventListener("change", judge);
  if (file.files.length) judge(); // chosen before this script was there, or kept by going back
  // Before the site's own script sees it: a form that is not sent stays ready.
  document.addEventListener("submit", (event) => {
    if (event.target !== upload) return;
    if (tooLarge()) {
      event.preventDefault();
      event.stopImmediatePropagation();
      judge();
      file.focus();
    } else {
      upload.querySelector("[data-status]").textContent = upload.dataset.waiting;
    }
  }, true);
}

// A file's columns are chosen, its progress is watched. Both work without this script.

// What was chosen and not sent yet is not lost by a click on a link.
const columns = document.querySelector("form[data-columns]");
if (columns) {
  let changed = false;
  let sent = false;
  columns.addEventListener("change", (event) => {
    changed = true;
    // The name of a group stands below it.
    const name = event.target.closest("td")?.querySelector("[data-kept-as]");
    if (name && event.target.matches("select")) name.hidden = event.target.value !== "@group";
  });
  document.addEventListener("submit", () => { sent = true; });
  window.addEventListener("beforeunload", (event) => {
    if (changed && !sent) event.preventDefault();
  });
}

// How far it is, every second; once it has ended, the page says what came of it.
const watched = document.querySelector("[data-progress]");
if (watched) {
  const part = (name) => watched.querySelector(`[data-${name}]`);
  part("without-script").hidden = true;
  const write = (element, text) => {
    // Written only when it changed: a title that is read aloud is read once.
    if (element.textContent !== text) element.textContent = text;
  };
  const title = document.title.replace(/^[^·]*· /, "");
  let said = Math.floor(part("bar").value / 25);
  const look = async () => {
    try {
      const answer = await fetch(watched.dataset.progress, { headers: { Accept: "application/json" } });
      if (answer.redirected || answer.status === 403 || answer.status === 404) return location.reload();
      if (answer.ok) {
        const now = await answer.json();
        if (!now.at_work) return location.reload();
        for (const name of ["doing", "rows", "pace", "left", "accepted", "refused"]) write(part(name), now[name]);
        write(part("percent"), now.percent_text);
        document.title = `${now.percent_text} · ${title}`;
        part("bar").value = now.percent;
        part("nobody").hidden = !now.nobody_works;
        // Said aloud at each quarter, and not each second.
        const quarter = Math.floor(now.percent / 25);
        if (quarter !== said) {
          said = quarter;
          write(part("said"), [now.percent_text, now.left].filter(Boolean).join(", "));
        }
      }
    } catch {
      // The server is away for a moment: the next look may find it again.
    }
    setTimeout(look, 1000);
  };
  setTimeout(look, 300);
}

// The list of a file that was stopped is made by a worker; once it is there, the page leads to it.
if (document.querySelector("[data-preparing]")) {
  const look = async () => {
    try {
      const answer = await fetch(location.href);
      if (answer.ok && !(await answer.text()).includes("data-preparing")) return location.reload();
    } catch {
      // The server is away for a moment: the next look may find it again.
    }
    setTimeout(look, 1000);
  };
  setTimeout(look, 1000);
}

// A training is watched: how far it is, every two seconds. Once it has ended, the page says how.
const watched = document.querySelector("[data-progress]");
if (watched) {
  const part = (name) => watched.querySelector(`[data-${name}]`);
  const write = (element, text) => {
    // Written only when it changed: it is read aloud each time.
    if (text && element.textContent !== text) element.textContent = text;
  };
  const look = async () => {
    try {
      const answer = await fetch(watched.dataset.progress, { headers: { Accept: "application/json" } });
      if (answer.redirected || answer.status === 403) return location.reload();
      if (answer.ok) {
        const now = await answer.json();
        if (!now.at_work) return location.reload();
        write(part("doing"), now.doing);
        write(part("left"), now.left);
        write(part("percent"), now.percent_text);
        part("bar").value = now.percent;
        part("nobody").hidden = !now.nobody_works;
        for (const [code, place] of Object.entries(now.steps)) {
          watched.querySelector(`[data-step="${code}"]`)?.setAttribute("data-place", place);
        }
      }
    } catch {
      // The server is away for a moment: the next look may find it again.
    }
    setTimeout(look, 2000);
  };
  setTimeout(look, 1000);
}

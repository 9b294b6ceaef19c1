// What is moved is asked at once; without this script the form does the same when it is sent.

const form = document.querySelector("form[data-what-if]");
if (form) {
  const WAIT = 250; // milliseconds without a further move
  const place = form.getAttribute("action").split("#")[0];
  const box = document.querySelector(".outcome");
  const said = document.querySelector("[data-said]");
  const outcome = document.querySelector("[data-outcome]");
  const share = document.querySelector("[data-share]");
  const levers = [...form.querySelectorAll("[data-lever]")];
  let waiting, asking, shown;

  const controls = (lever) => [...lever.querySelectorAll(`[name="${lever.dataset.lever}"]`)];

  function value(lever) {
    const found = controls(lever);
    const one = found[0].type === "radio" ? found.find((control) => control.checked) : found[0];
    return one ? one.value.trim() : "";
  }

  function set(lever, text) {
    controls(lever).forEach((control) => {
      if (control.type === "radio") control.checked = control.value === text;
      else control.value = text;
    });
    lever.querySelector("input[type=range]")?.dispatchEvent(new Event("follow"));
  }

  function query() {
    const moved = new URLSearchParams();
    levers.forEach((lever) => {
      const text = value(lever);
      if (text && text !== lever.dataset.recorded) moved.set(lever.dataset.lever, text);
    });
    return moved.toString();
  }

  function mark(lever, problems) {
    const field = lever.querySelector(".field");
    const described = field.matches("fieldset") ? field : controls(lever)[0];
    const id = `${controls(lever)[0].id.replace(/_\d+$/, "")}_error`;
    let error = field.querySelector(".field-error");
    field.classList.toggle("wrong", problems.length > 0);
    controls(lever).forEach((control) => {
      if (problems.length) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    });
    const others = (described.getAttribute("aria-describedby") || "").split(" ").filter((each) => each && each !== id);
    if (!problems.length) {
      error?.remove();
    } else {
      if (!error) {
        error = document.createElement("div");
        error.className = "field-error";
        field.append(error);
      }
      error.id = id;
      error.replaceChildren(...problems.map((problem) => {
        const line = document.createElement("p");
        line.textContent = problem;
        return line;
      }));
      others.push(id);
    }
    if (others.length) described.setAttribute("aria-describedby", others.join(" "));
    else described.removeAttribute("aria-describedby");
  }

  async function ask() {
    asking?.abort();
    const mine = (asking = new AbortController());
    const text = query();
    const asked = text ? `?${text}` : "";
    const address = place + asked;
    // Going back, reloading and sharing find what is tried.
    history.replaceState(null, "", location.pathname + asked);
    share.href = `${address}#try`;
    box.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(address, { headers: { Accept: "application/json" }, signal: mine.signal });
      if (!answer.ok || answer.redirected) throw new Error(answer.status);
      const found = await answer.json();
      said.textContent = found.said;
      outcome.innerHTML = found.outcome;
      levers.forEach((lever) => {
        mark(lever, found.errors[lever.dataset.lever] || []);
        lever.classList.toggle("moved", found.moved.includes(lever.dataset.lever));
      });
      box.removeAttribute("aria-busy");
      shown = text;
    } catch (error) {
      if (error.name === "AbortError") return; // a later move is being asked
      // The page itself says what is wrong: signed out, or the service is down.
      location.assign(`${address}#try`);
    }
  }

  function soon() {
    clearTimeout(waiting);
    waiting = setTimeout(ask, WAIT);
  }

  // A number can be slid as well as typed.
  levers.filter((lever) => lever.dataset.step).forEach((lever) => {
    const [typed] = controls(lever);
    const slider = document.createElement("input");
    slider.type = "range";
    slider.min = lever.dataset.low;
    slider.max = lever.dataset.high;
    slider.step = "any";
    slider.setAttribute("aria-label", lever.dataset.label);
    const step = Number(lever.dataset.step);
    const decimals = (lever.dataset.step.split(".")[1] || "").length;
    const follow = () => {
      const now = Number((value(lever) || lever.dataset.recorded).replace(",", "."));
      slider.value = Number.isFinite(now) ? now : Number(lever.dataset.recorded.replace(",", "."));
    };
    const comma = document.documentElement.lang === "fr" ? "," : ".";
    const slide = (to) => {
      const near = Math.min(Math.max(Math.round(to / step) * step, slider.min), slider.max);
      typed.value = near.toFixed(decimals).replace(".", comma);
      slider.setAttribute("aria-valuetext", typed.value);
    };
    slider.addEventListener("input", () => slide(Number(slider.value)));
    slider.addEventListener("keydown", (event) => {
      const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
      if (!way) return;
      event.preventDefault();
      slide(Number(slider.value) + way * step);
      follow();
      soon();
    });
    slider.addEventListener("follow", follow);
    typed.addEventListener("input", follow);
    typed.closest(".with-unit").after(slider);
    follow();
  });

  const button = form.querySelector("button[type=submit]");
  button.hidden = true;
  form.addEventListener("input", soon);
  // A field left empty says nothing: it is as it was assessed, and shows it.
  levers.forEach((lever) => lever.addEventListener("focusout", () => {
    if (!value(lever)) set(lever, lever.dataset.recorded);
  }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    soon();
  });
  form.querySelector("[data-reset]").addEventListener("click", (event) => {
    event.preventDefault();
    levers.forEach((lever) => set(lever, lever.dataset.recorded));
    ask();
  });
  document.querySelectorAll("[data-try]").forEach((link) => link.addEventListener("click", (event) => {
    event.preventDefault();
    const wanted = new URLSearchParams(link.dataset.try);
    levers.forEach((lever) => set(lever, wanted.get(lever.dataset.lever) ?? lever.dataset.recorded));
    ask();
    const moved = levers.find((lever) => wanted.has(lever.dataset.lever));
    const control = controls(moved).find((each) => each.checked) || controls(moved)[0];
    control.focus({ preventScroll: true });
    moved.scrollIntoView({ block: "center" });
  }));
  // Coming back by its button, or reloading, a browser may have kept what was moved.
  shown = document.querySelector("[data-share]").search.slice(1);
  window.addEventListener("pageshow", () => query() !== shown && soon());
}

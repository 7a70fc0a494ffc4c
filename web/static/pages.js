// What pages need of scripts: dialogs, the menu of small windows, dark mode, copying, and the viewer's time zone.
// Everything else is HTML that the server makes.

// Asked for anew each time: going back puts another body in.
const sheet = () => document.getElementById("dialog");

document.addEventListener("htmx:after:swap", () => {
  const dialog = sheet();
  if (!dialog) return;
  if (dialog.querySelector("[data-reload]")) dialog.dataset.stale = "";
  if (dialog.childElementCount && !dialog.open) dialog.showModal();
});

document.addEventListener("click", (event) => {
  const target = event.target;
  const dialog = sheet();
  if (target.closest("[data-close]")) {
    if (dialog?.open) dialog.close();
    else history.back();
  }
  if (dialog && target === dialog) dialog.close();

  const toggle = target.closest("[data-toggles]");
  if (toggle) {
    const shown = document.getElementById(toggle.dataset.toggles).classList.toggle("show");
    toggle.setAttribute("aria-expanded", String(shown));
  }
  if (target.closest("[data-theme-toggle]")) {
    const root = document.documentElement;
    root.dataset.bsTheme = root.dataset.bsTheme === "dark" ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.bsTheme);
  }
  const copied = target.closest("[data-copy]");
  if (copied) {
    navigator.clipboard.writeText(copied.dataset.copy).then(() => copied.classList.add("copied"));
  }
});

document.addEventListener("close", ({ target }) => { // it does not bubble, so it is caught on its way down
  if (target !== sheet()) return;
  target.replaceChildren();
  if ("stale" in target.dataset) location.reload();
}, true);

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.includes(`timezone=${encodeURIComponent(zone)}`)) {
  document.cookie = `timezone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;
}

for (const end of document.querySelectorAll("[data-bottom]")) end.scrollTop = end.scrollHeight;

document.addEventListener("click", (event) => {
  const filler = event.target.closest("[data-fills]");
  if (!filler) return;
  const field = document.getElementById(filler.dataset.fills);
  field.value = filler.dataset.value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
});

document.addEventListener("change", (event) => {
  const all = event.target.closest("[data-ticks]");
  if (!all) return;
  for (const box of all.form.querySelectorAll(`input[name="${all.dataset.ticks}"]`)) box.checked = all.checked;
});

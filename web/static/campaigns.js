// Writing a campaign: a field of contacts goes into the text where the cursor stands; a start date needs its launch.

document.addEventListener("click", (event) => {
  const inserter = event.target.closest("[data-inserts]");
  if (!inserter) return;
  const text = document.getElementById(inserter.dataset.inserts);
  const instead = document.getElementById("instead").value.replaceAll('"', "'");
  const name = document.getElementById("macro").value;
  const macro = instead ? `{{ ${name} | default: "${instead}" }}` : `{{ ${name} }}`;
  text.setRangeText(macro, text.selectionStart, text.selectionEnd, "end");
  text.dispatchEvent(new Event("input", { bubbles: true }));
  text.focus();
});

// Who was found and chosen stays when the next search comes.
document.addEventListener("change", (event) => {
  const found = event.target.closest("#found label");
  if (found && event.target.checked) document.getElementById("chosen").append(found);
});

const launch = document.getElementById("f-launch");
const start = document.getElementById("f-start_at");
function lock() {
  start.disabled = launch.value !== "deferred";
  start.required = !start.disabled;
}
launch.addEventListener("change", lock);
lock();

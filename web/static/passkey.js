// Passkeys: a form with `data-passkey="create"` or `"get"` asks the device with its `data-options`, and sends what it
// answers in the field `answer`. Where the browser knows none, the form is not shown.

const forms = document.querySelectorAll("form[data-passkey]");
const known = window.PublicKeyCredential && PublicKeyCredential.parseCreationOptionsFromJSON;

for (const form of forms) {
  form.hidden = !known;
  form.addEventListener("submit", async (event) => {
    if (form.elements.answer.value) return;
    event.preventDefault();
    const options = JSON.parse(form.dataset.options);
    const wrong = form.querySelector("[role=alert]");
    wrong.hidden = true;
    try {
      const credential =
        form.dataset.passkey === "create"
          ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
          : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
      form.elements.answer.value = JSON.stringify(credential.toJSON());
      form.requestSubmit();
    } catch {
      wrong.hidden = false; // the person has said no, or the device knows nothing of us
    }
  });
}

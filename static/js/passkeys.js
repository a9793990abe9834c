// Passkeys: a form says what the portal asks for; what the browser answers goes into its hidden field.
{
  const ask = {
    create: (options) => navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) }),
    get: (options) => navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) }),
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("form[data-passkey]")) return;
    event.preventDefault();
    const failed = form.querySelector("[data-passkey-failed]");
    failed.hidden = true;
    try {
      const answer = await ask[form.dataset.passkey](JSON.parse(form.dataset.passkeyOptions));
      form.elements.credential.value = JSON.stringify(answer.toJSON());
    } catch { // it was cancelled, took too long, or the browser knows no passkeys
      failed.hidden = false;
      return;
    }
    form.submit();
  });
}

/* The upload form: a drop field that names the chosen file, refuses one that is too large, and a bar while it is sent.
   Without this script the form is an ordinary file form. */
"use strict";

function part(form, name) {
  return form.querySelector(`[data-drop-${name}]`);
}

function sizeText(bytes) {
  const units = ["B", "KB", "MB", "GB"];
  let step = 0;
  while (bytes >= 1024 && step < units.length - 1) { bytes /= 1024; step += 1; }
  return `${bytes >= 10 || step === 0 ? Math.round(bytes) : bytes.toFixed(1)} ${units[step]}`;
}

function showFile(form) {
  const [file] = form.elements.file.files;
  if (!file) return;
  const progress = part(form, "progress");
  const isTooLarge = file.size > Number(progress.dataset.limit);
  form.elements.file.setCustomValidity(isTooLarge ? progress.dataset.textTooLarge : "");
  part(form, "name").textContent = `${file.name} · ${sizeText(file.size)}`;
  form.querySelector("[data-drop]").classList.add("drop-filled");
  form.elements.file.reportValidity();
}

function showProgress(form, share) {
  const progress = part(form, "progress"), percent = Math.floor(share * 100);
  progress.hidden = false;
  part(form, "bar").style.width = `${percent}%`;
  part(form, "percent").textContent = `${percent}%`;
  if (share >= 1) part(form, "state").textContent = progress.dataset.textChecking;
}

document.addEventListener("change", (event) => {
  if (event.target.matches(".drop-input")) showFile(event.target.form);
});

for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    const field = event.target.closest?.("[data-drop]");
    if (!field) return;
    event.preventDefault();
    field.classList.toggle("drop-over", name === "dragenter" || name === "dragover");
    if (name === "drop" && event.dataTransfer.files.length) {
      const input = field.querySelector("input");
      input.files = event.dataTransfer.files;
      showFile(input.form);
    }
  });
}

document.addEventListener("htmx:xhr:progress", (event) => {
  const form = event.target.closest?.("#upload");
  if (form && event.detail.lengthComputable) showProgress(form, event.detail.loaded / event.detail.total);
});

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.id !== "upload") return;
  showProgress(event.target, 0);
  event.target.querySelector("button").disabled = true;
});

for (const name of ["htmx:sendError", "htmx:responseError"]) {
  document.addEventListener(name, (event) => {
    if (event.target.id !== "upload") return;
    part(event.target, "progress").hidden = true;
    event.target.querySelector("button").disabled = false;
  });
}

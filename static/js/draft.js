/* The editor of articles: a small toolbar over each text; without it the text's HTML stands in a plain field. */
"use strict";

const draftForm = document.getElementById("draft-form");

function changed(area, body, counter) {
  area.value = body.innerText.trim() || body.querySelector("img") ? body.innerHTML : "";
  const used = [...area.value].length, most = Number(area.dataset.most);
  counter.textContent = `${used} / ${most}`;
  counter.classList.toggle("fw-over", used > most);
  draftForm.dispatchEvent(new CustomEvent("draft-changed"));
}

async function sendPicture(file) {
  const data = new FormData();
  data.append("file", file);
  const token = draftForm.querySelector("[name=csrfmiddlewaretoken]").value;
  const answer = await fetch(draftForm.dataset.pictureUrl, { method: "POST", body: data, headers: { "X-CSRFToken": token } });
  return answer.headers.get("Content-Type")?.includes("json") ? answer.json() : { error: `HTTP ${answer.status}` };
}

function choosePicture(body, done) {
  const chooser = document.createElement("input");
  chooser.type = "file";
  chooser.accept = "image/png,image/jpeg";
  chooser.addEventListener("change", async () => {
    const answer = await sendPicture(chooser.files[0]);
    const note = body.parentElement.querySelector("[data-note]");
    note.textContent = answer.error ?? "";
    if (!answer.url) return;
    const picture = document.createElement("img");
    picture.src = answer.url;
    body.append(picture);
    done();
  });
  chooser.click();
}

function work(button, body, done) {
  body.focus();
  const todo = button.dataset.do;
  if (todo === "picture") { choosePicture(body, done); return; }
  if (todo === "link") {
    const address = window.prompt(draftForm.dataset.askLink, "https://");
    if (address && /^https?:\/\//.test(address)) document.execCommand("createLink", false, address);
  } else {
    document.execCommand(todo, false, button.dataset.value ?? null);
  }
  done();
}

function makeEditor(area) {
  const tools = document.getElementById("article-tools").content.firstElementChild.cloneNode(true);
  const body = document.createElement("div"), note = document.createElement("div");
  const parsed = new DOMParser().parseFromString(area.value, "text/html"); // inert: nothing in it runs or loads
  parsed.querySelectorAll("script,style,iframe,object,embed,link,meta,base,form").forEach((one) => one.remove());
  parsed.querySelectorAll("*").forEach((one) => [...one.attributes].forEach((said) => {
    if (/^on/i.test(said.name) || /^\s*javascript:/i.test(said.value)) one.removeAttribute(said.name);
  }));
  body.append(...parsed.body.childNodes);
  body.className = "form-control fw-body";
  body.contentEditable = "true";
  body.setAttribute("role", "textbox");
  body.setAttribute("aria-multiline", "true");
  body.setAttribute("aria-label", document.querySelector(`label[for="${area.id}"]`)?.textContent ?? "");
  note.className = "text-danger small";
  note.dataset.note = "";
  area.hidden = true;
  area.before(tools, body, note);
  const counter = tools.querySelector("[data-count]"), done = () => changed(area, body, counter);
  body.addEventListener("input", done);
  body.addEventListener("paste", (event) => { // words only: what other pages bring along WeChat drops anyway
    event.preventDefault();
    document.execCommand("insertText", false, event.clipboardData.getData("text/plain"));
  });
  tools.addEventListener("mousedown", (event) => event.preventDefault());
  tools.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) work(button, body, done);
  });
  counter.textContent = `${[...area.value].length} / ${area.dataset.most}`;
}

draftForm?.querySelectorAll("[data-article-body]").forEach(makeEditor);
draftForm?.addEventListener("input", () => draftForm.dispatchEvent(new CustomEvent("draft-changed")));

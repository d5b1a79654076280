/* The form of a menu: bytes used beside each name, and only the fields that the chosen kind needs. */
"use strict";

const MENU_NAME = /-name$/, MENU_TYPE = /-type$/;

function showMenuButton(button) {
  const name = [...button.querySelectorAll("input")].find((input) => MENU_NAME.test(input.name));
  const type = [...button.querySelectorAll("select")].find((select) => MENU_TYPE.test(select.name));
  const used = new TextEncoder().encode(name.value).length, most = Number(name.dataset.bytes);
  const counter = button.querySelector("[data-bytes-used]");
  counter.textContent = used ? `${used} / ` : "";
  counter.classList.toggle("fw-over", used > most);
  button.querySelectorAll("[data-menu-part]").forEach((part) => {
    const isWrong = part.querySelector(".invalid-feedback") !== null;
    part.hidden = !isWrong && (part.dataset.menuPart === "mini" ? type.value !== "miniprogram" : type.value === "");
  });
}

document.querySelectorAll("[data-menu-button]").forEach(showMenuButton);
document.querySelector("[data-menu-form]")?.addEventListener("input", (event) => {
  showMenuButton(event.target.closest("[data-menu-button]"));
});

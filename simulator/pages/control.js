// The control page: reads the world every two seconds, and lets its people act. No dependencies.
"use strict";

const LOGS = ["delivered", "refused", "push", "call", "said", "order"];
const state = { language: localStorage.language || (navigator.language.startsWith("zh") ? "zh" : "en"), app: "", user: "", log: "delivered", world: null };
const $ = (selector) => document.querySelector(selector);
const word = (name) => WORDS[state.language][name] ?? name;

async function ask(name, body = {}) {
  const answer = await fetch(`/_control/${name}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error);
  return value;
}

async function act(name, body = {}) {
  try {
    await ask(name, body);
    toast(word("done"));
    await refresh();
  } catch (error) { toast(error.message, true); }
}

function toast(text, isBad = false) {
  const box = $("#toast");
  box.textContent = text;
  box.className = `shown${isBad ? " bad" : ""}`;
  clearTimeout(box.timer);
  box.timer = setTimeout(() => { box.className = ""; }, isBad ? 5000 : 1500);
}

function make(tag, fields = {}, ...children) {
  const { dataset, ...rest } = fields;
  const node = Object.assign(document.createElement(tag), rest);
  Object.assign(node.dataset, dataset || {});
  node.append(...children.filter((one) => one !== null && one !== undefined));
  return node;
}

const beijing = (seconds, options) => new Date(seconds * 1000).toLocaleString(state.language === "zh" ? "zh-CN" : "en-GB", { timeZone: "Asia/Shanghai", hourCycle: "h23", ...options });
const account = () => state.world?.accounts.find((one) => one.app_id === state.app);

function show(target, ...nodes) { $(target).replaceChildren(...nodes); }
const empty = (text) => make("p", { className: "empty" }, text);

// --- what is there --------------------------------------------------------------------------------------------------

function showWords() {
  document.documentElement.lang = state.language;
  document.querySelectorAll("[data-word]").forEach((node) => { node.textContent = word(node.dataset.word); });
  document.querySelectorAll("[data-hint]").forEach((node) => { node.placeholder = word(node.dataset.hint); node.ariaLabel = word(node.dataset.hint); });
  $("#language").textContent = state.language === "zh" ? "EN" : "中文";
  show("#log-tabs", ...LOGS.map((name) => make("button", { textContent: word(name), role: "tab", ariaSelected: String(name === state.log), onclick: () => { state.log = name; showWords(); refreshLog(); } })));
}

function showAccounts() {
  const rows = state.world.accounts.map((one) => make("button", { className: "item", ariaPressed: String(one.app_id === state.app), onclick: () => { state.app = one.app_id; state.user = ""; refresh(); } },
    make("b", {}, one.name), make("span", {}, `${word(one.kind)} · ${word(one.is_verified ? "verified" : "unverified")} · ${one.num_following.toLocaleString()} ${word("followers")}`), make("br"),
    make("span", {}, one.callback_url ? `${word("callback")}: ${one.callback_mode} → ${one.callback_url}` : word("noCallback"))));
  show("#accounts", ...(rows.length ? rows : [empty(word("noAccount"))]));
}

function showUsers({ num_stored, users }) {
  $("#num-users").textContent = num_stored ? num_stored.toLocaleString() : "";
  state.users = users;
  const rows = users.map((one) => make("button", { className: "item", ariaPressed: String(one.openid === state.user), onclick: () => { state.user = one.openid; showUsers({ num_stored, users }); showActs(); } },
    make("b", {}, one.person), make("span", {}, `${one.openid.slice(0, 10)}… · `), make("span", { className: one.is_following ? "good" : "warn" }, word(one.is_following ? "following" : "notFollowing"))));
  show("#users", ...(rows.length ? rows : [empty(word("noUser"))]));
}

function showActs() {
  const user = (state.users || []).find((one) => one.openid === state.user);
  const acts = $("#acts");
  if (!user) return show("#acts", empty(word("pick")));
  if (acts.contains(document.activeElement) && acts.dataset.openid === user.openid && /^(INPUT|SELECT)$/.test(document.activeElement.tagName)) return;
  acts.dataset.openid = user.openid;
  const who = { app_id: state.app, openid: user.openid };
  const button = (name, className, onclick) => make("button", { className, onclick, textContent: word(name) });
  const chosen = account();
  const windows = Object.entries(user.windows).map(([name, left]) => `${word("openWindows")[name] || name}: ${left}`).join(", ") || word("none");
  const titles = Object.fromEntries(chosen.templates.map((one) => [one.id, one.title]));
  const consents = Object.entries(user.consents).map(([id, left]) => `${titles[id] || id.slice(0, 8)}: ${left < 0 ? "∞" : left}`).join(", ") || word("none");
  show("#acts", make("h2", {}, user.person),
    make("dl", { className: "facts" }, make("dt", {}, "openid"), make("dd", {}, user.openid), make("dt", {}, word("windows")), make("dd", {}, windows), make("dt", {}, word("consents")), make("dd", {}, consents)),
    make("div", { className: "group" },
      user.is_following ? button("unfollow", "danger", () => act("unfollow", who)) : button("follow", "", () => act("follow", who)),
      button(user.refuses_messages ? "unblock" : "block", "quiet", () => act("refuse_messages", { ...who, on: !user.refuses_messages }))),
    ...actRows(chosen, who));
}

function actRows(chosen, who) {
  const text = make("input", { value: word("sayText"), ariaLabel: word("say") });
  const leaves = chosen.menu.flatMap((one) => one.sub_button?.length ? one.sub_button : [one]).filter((one) => ["click", "view"].includes(one.type));
  const notices = chosen.templates.filter((one) => one.kind !== "template");
  const price = make("input", { type: "number", value: 9900, min: 1, ariaLabel: word("fen"), title: word("fen") });
  const item = make("input", { placeholder: word("itemId"), ariaLabel: word("itemId") });
  const rows = [
    actRow(text, ["say", () => act("send", { ...who, Content: text.value })]),
    choice(chosen.codes.map((one) => [one.ticket, one.scene]), "noCode", ["scan", (ticket) => act("scan", { ...who, ticket })]),
    choice(leaves.map((one, at) => [at, one.name]), "noMenu", ["click", (at) => act("tap_menu", { ...who, event: leaves[at].type === "click" ? "CLICK" : "VIEW", key: leaves[at].key || leaves[at].url })]),
    choice(chosen.articles.map((one) => [one.msgid, one.title]).reverse(), "noArticle", ["read", (msgid) => act("read", { ...who, msgid })], ["like", (msgid) => act("react", { ...who, msgid, kind: "like" })], ["share", (msgid) => act("react", { ...who, msgid, kind: "share", scene: "moments" })]),
    choice(notices.map((one) => [one.id, one.title]), "noTemplate", ["accept", (id) => act("answer_popup", { ...who, answers: { [id]: true } })], ["reject", (id) => act("answer_popup", { ...who, answers: { [id]: false } })]),
    actRow(make("span", { className: "pair" }, item, price), ["buy", () => act("buy", { ...who, item: item.value, amount_fen: Number(price.value) })]),
  ];
  for (const msg_id of chosen.waiting_mass) rows.push(actRow(make("span", {}, `${word("confirmMass")} ${msg_id}`), ["accepts", () => act("answer_mass_send", { app_id: who.app_id, msg_id, accepts: true })], ["refuses", () => act("answer_mass_send", { app_id: who.app_id, msg_id, accepts: false })]));
  return rows.filter(Boolean);
}

function actRow(field, ...buttons) {
  return make("div", { className: "act" }, field, ...buttons.map(([name, onclick], at) => make("button", { textContent: word(name), className: at ? "quiet" : "", onclick })));
}

function choice(options, emptyWord, ...buttons) {
  if (!options.length) return make("p", { className: "hint" }, word(emptyWord));
  const select = make("select", { ariaLabel: word(buttons[0][0]) }, ...options.map(([value, label]) => make("option", { value }, label)));
  return actRow(select, ...buttons.map(([name, run]) => [name, () => run(select.value)]));
}

function showCrowd(crowd) {
  const behind = crowd.minutes_behind > 1 ? ` · ${word("behind").replace("{n}", crowd.minutes_behind)}` : "";
  const label = $("#crowd-state");
  label.className = crowd.is_on ? "good" : "";
  label.textContent = `${word(crowd.is_on ? "living" : "asleep")}${crowd.is_on ? ` ×${crowd.speed}` : ""}${behind}`;
  const chips = Object.entries(crowd.counts).map(([name, num]) => make("span", { className: "chip" }, `${word("acts")[name] || name} `, make("b", {}, num.toLocaleString())));
  if (crowd.site) chips.push(...Object.entries(crowd.site).filter(([, value]) => value).map(([name, value]) => make("span", { className: `chip ${name === "last_error" ? "bad" : ""}` }, `site ${name} `, make("b", {}, String(value)))));
  show("#crowd-counts", ...chips);
}

function showFaults() {
  const kinds = $("#faults-form").kind;
  if (!kinds.options.length) kinds.append(...state.world.fault_kinds.map((one) => make("option", { value: one }, one)));
  const chips = state.world.faults.map((one) => make("span", { className: "chip warn" }, `${one.kind}${one.kind === "errcode" ? ` ${one.errcode}` : ""} ${one.path || "*"}${one.remaining ? ` ×${one.remaining}` : ""}`));
  show("#faults", ...(chips.length ? chips : [make("span", { className: "good" }, word("noFault"))]));
}

// --- logs -----------------------------------------------------------------------------------------------------------

const LINES = {
  delivered: (one) => [word("via")[one.via] || one.via, `${one.kind}${one.num ? ` × ${one.num.toLocaleString()}` : ""}`, one.payload],
  refused: (one) => [word("via")[one.via] || one.via, one.errcode, one.errmsg],
  push: (one) => [one.message.Event || one.message.MsgType, `${one.outcome} · ${one.status} · ${one.seconds}s`, { answer: one.answer, message: one.message, attempt: one.attempt }],
  call: (one) => [one.method, one.path, { request: one.request, response: one.response }],
  said: (one) => [one.kind, "", one.message],
  order: (one) => [one.item || "—", one.amount_fen ? `¥${(one.amount_fen / 100).toFixed(2)}` : "", ""],
};

function showLog(lines) {
  const log = $("#log");
  if (log.querySelector("details[open]")) return;
  const rows = lines.map((one) => {
    const [first, second, body] = LINES[state.log](one);
    const who = one.subject === "*crowd*" ? word("someone") : one.subject.slice(0, 12);
    const isBad = state.log === "refused" || (state.log === "push" && !["accepted", "replied"].includes(one.outcome));
    const text = typeof body === "string" ? body : body.Content || body.content || body.titles?.join(" / ") || body.text || body.title || JSON.stringify(body).slice(0, 140);
    const detail = typeof body === "string" ? make("span", {}, body) : make("details", {}, make("summary", {}, String(text).slice(0, 140)), make("pre", {}, JSON.stringify(body, null, 1)));
    return make("div", { className: "line" }, make("span", { className: "when" }, beijing(one.at, { month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" })), make("span", { className: isBad ? "bad" : "" }, String(first)), make("span", { className: "who" }, `${second} ${who}`), detail);
  });
  show("#log", ...(rows.length ? rows : [empty(word("noLine"))]));
}

async function refreshLog() {
  showLog(await ask("latest", { kind: state.log, app_id: state.app, num: 40 }));
}

async function refresh() {
  state.world = await ask("overview");
  if (!account()) state.app = state.world.accounts[0]?.app_id || "";
  $("#now").textContent = beijing(state.world.now, { dateStyle: "medium", timeStyle: "medium" });
  $("#now").title = word("pending").replace("{n}", state.world.num_pending_pushes);
  showAccounts();
  showFaults();
  if (state.app) {
    const [users, crowd] = await Promise.all([ask("users", { app_id: state.app, search: $("#find-user").search.value, num: 30 }), ask("crowd", { app_id: state.app })]);
    showUsers(users);
    showCrowd(crowd);
  } else { showUsers({ num_stored: 0, users: [] }); }
  showActs();
  await refreshLog();
}

// --- what can be done -----------------------------------------------------------------------------------------------

$("#language").onclick = () => { state.language = localStorage.language = state.language === "zh" ? "en" : "zh"; showWords(); refresh(); };
$("#clock-buttons").onclick = ({ target }) => { if (target.dataset.advance) act("clock", { advance: Number(target.dataset.advance) }); };
$("#real-time").onclick = () => act("clock", { to: Date.now() / 1000 });
$("#add-account").onsubmit = (event) => { event.preventDefault(); const form = event.target; act("add_account", { kind: form.kind.value, name: form.elements.name.value }); };
$("#add-user").onclick = () => act("add_user", { app_id: state.app, person: `${word("newUser")} ${Math.floor(Math.random() * 9000 + 1000)}`, following: false });
$("#find-user").onsubmit = (event) => { event.preventDefault(); refresh(); };
$("#crowd").onsubmit = (event) => {
  event.preventDefault();
  const form = event.target;
  if (event.submitter.value) act("crowd_on", { app_id: state.app, num: Number(form.num.value), speed: Number(form.speed.value) });
  else act("crowd_off", { app_id: state.app });
};
$("#faults-form").onsubmit = (event) => {
  event.preventDefault();
  const form = event.target;
  act("add_fault", { kind: form.kind.value, errcode: Number(form.errcode.value), path: form.path.value, remaining: form.remaining.value ? Number(form.remaining.value) : null });
};
$("#clear-faults").onclick = () => act("clear_faults");

showWords();
refresh().catch((error) => toast(error.message, true));
setInterval(() => { if (!document.hidden) refresh().catch((error) => toast(error.message, true)); }, 2000);

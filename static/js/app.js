/* Behaviours of every page: charts, confirmation, copying, notices, Alpine components. No inline code (CSP). */
"use strict";

/* --- Charts ------------------------------------------------------------------------------------------------------
   Server: {{ options|json_script:"chart-loss" }}<div class="chart" data-echart="chart-loss" style="height:16rem"></div>
   After an htmx swap that brings the same name again, the drawn chart is moved into the new place and only its options
   change, so curves grow instead of blinking. */
const FONT = getComputedStyle(document.documentElement).getPropertyValue("--fw-font").trim();
const PALETTE = ["#0fa968", "#2f6fed", "#f2a03d", "#8b5cf6", "#e4577b", "#14b8c4", "#7c8b83", "#b0c800"];
const charts = new Map();
let echartsLoading = null;

function axisTheme(splitShown) {
  return {
    axisLine: { lineStyle: { color: "#cfd8d2" } }, axisTick: { show: false }, axisLabel: { color: "#66756d" },
    splitLine: { show: splitShown, lineStyle: { color: "#edf1ee" } }, nameTextStyle: { color: "#66756d" },
  };
}

const THEME = {
  color: PALETTE, textStyle: { fontFamily: FONT, color: "#33433b" },
  line: { symbol: "none", lineStyle: { width: 2.25 } },
  categoryAxis: axisTheme(false), valueAxis: axisTheme(true), logAxis: axisTheme(true), timeAxis: axisTheme(false),
  legend: { textStyle: { color: "#4c5b53" }, itemWidth: 14, itemHeight: 8, icon: "roundRect" },
  tooltip: { backgroundColor: "#fff", borderColor: "#dfe6e1", textStyle: { color: "#1c2b23" }, extraCssText: "box-shadow:0 6px 24px rgba(16,41,31,.12)" },
};

function loadEcharts() {
  echartsLoading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = document.body.dataset.echarts;
    script.onload = () => { window.echarts.registerTheme("fanwise", THEME); resolve(window.echarts); };
    script.onerror = () => { echartsLoading = null; reject(new Error("charts could not be loaded")); };
    document.head.append(script);
  });
  return echartsLoading;
}

function drawChart(echarts, place) {
  const name = place.dataset.echart, source = document.getElementById(name);
  if (!source) return;
  const options = { animationDuration: 400, ...JSON.parse(source.textContent) };
  const known = charts.get(name);
  if (known && known.element === place) return;
  if (known && !known.element.isConnected) {
    place.replaceWith(known.element);
    known.chart.setOption(options, { replaceMerge: ["series"] });
    known.chart.resize();
    return;
  }
  const chart = echarts.init(place, "fanwise", { renderer: "canvas" });
  chart.setOption(options);
  charts.set(name, { chart, element: place });
}

function drawCharts() {
  const places = [...document.querySelectorAll("[data-echart]")];
  if (!places.length) return;
  loadEcharts().then((echarts) => places.filter((p) => p.isConnected).forEach((p) => drawChart(echarts, p)));
}

/* --- On a phone the open tab of a scrolled row is brought into view ------------------------------------------------ */
document.querySelectorAll(".fw-tabs .active").forEach((tab) => {
  const row = tab.closest(".fw-tabs");
  row.scrollLeft = tab.offsetLeft - row.offsetLeft - (row.clientWidth - tab.offsetWidth) / 2;
});

/* --- A question before something that cannot be undone: <form data-confirm="…"> and hx-confirm --------------------- */
function ask(text) {
  const dialog = document.getElementById("fw-confirm");
  document.getElementById("fw-confirm-text").textContent = text;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

document.addEventListener("submit", (event) => {
  const form = event.target, text = event.submitter?.dataset.confirm || form.dataset.confirm;
  if (!text || form.dataset.confirmed) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const submitter = event.submitter;
  ask(text).then((yes) => {
    if (!yes) return;
    form.dataset.confirmed = "1";
    form.requestSubmit(submitter);
    delete form.dataset.confirmed;
  });
}, true);

document.addEventListener("htmx:confirm", (event) => {
  if (!event.detail.question) return;
  event.preventDefault();
  ask(event.detail.question).then((yes) => { if (yes) event.detail.issueRequest(true); });
});

/* --- Small helps -------------------------------------------------------------------------------------------------- */
async function copyText(button) {
  await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent.trim());
  const icon = button.querySelector(".ti");
  icon?.classList.replace("ti-copy", "ti-check");
  setTimeout(() => icon?.classList.replace("ti-check", "ti-copy"), 1600);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copyText(button);
});

document.addEventListener("change", (event) => {  // filters: <select data-autosubmit>
  if (event.target.matches("[data-autosubmit]")) event.target.form.requestSubmit();
});

document.addEventListener("submit", (event) => {  // a form is sent once
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || form.matches("[hx-post],[data-hx-post]")) return;
  const button = event.submitter;
  if (button) setTimeout(() => { button.disabled = true; button.classList.add("is-sending"); });
});

window.addEventListener("pageshow", (event) => {  // back button: forms can be sent again
  if (!event.persisted) return;
  document.querySelectorAll(".is-sending").forEach((b) => { b.disabled = false; b.classList.remove("is-sending"); });
});

function showNotice(text) {
  const notice = document.getElementById("fw-notice");
  notice.textContent = text;
  notice.hidden = false;
}

/* A part of the page that is still to come shows a placeholder; when its call fails, it says so and offers a retry. */
function showNotLoaded(part) {
  if (!part.hasAttribute("hx-get") || !part.querySelector(".placeholder-glow, .placeholder")) return false;
  part.waitingHtml = part.innerHTML;
  part.replaceChildren(document.getElementById("fw-not-loaded").content.cloneNode(true));
  return true;
}

document.addEventListener("click", (event) => {
  const part = event.target.closest("[data-load-again]")?.closest("[hx-get]");
  if (!part) return;
  part.innerHTML = part.waitingHtml;
  const swap = part.getAttribute("hx-swap") || "innerHTML";
  window.htmx.ajax("GET", part.getAttribute("hx-get"), { source: part, target: part, swap });
});

document.addEventListener("htmx:sendError", (event) => {
  if (!showNotLoaded(event.detail.elt)) showNotice(document.body.dataset.textOffline);
});
document.addEventListener("htmx:responseError", (event) => {
  if (showNotLoaded(event.detail.elt)) return;
  const isServer = event.detail.xhr.status >= 500;
  showNotice(isServer ? document.body.dataset.textOffline : document.body.dataset.textRefused);
});
document.addEventListener("htmx:afterOnLoad", () => { document.getElementById("fw-notice").hidden = true; });

/* --- Alpine (CSP build: components live here, templates only name them) -------------------------------------------- */
document.addEventListener("alpine:init", () => {
  window.Alpine.data("filterList", () => ({  // x-model="wanted"; entries carry data-filter="lower-case words"
    wanted: "",
    init() {
      this.$watch("wanted", (value) => {
        const needle = value.trim().toLowerCase();
        this.$root.querySelectorAll("[data-filter]").forEach((entry) => {
          entry.classList.toggle("d-none", !entry.dataset.filter.includes(needle));
        });
      });
    },
  }));
});

document.addEventListener("DOMContentLoaded", drawCharts);
document.addEventListener("htmx:afterSettle", drawCharts);
let resizing = 0;
window.addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => charts.forEach(({ chart }) => chart.resize()), 120);
});
document.addEventListener("shown.bs.tab", () => charts.forEach(({ chart }) => chart.resize()));

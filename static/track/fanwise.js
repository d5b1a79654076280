/* Fanwise tracker: what people do on a page. One file, no dependency, ES5 (WeChat's browser). docs/tracking.md
   <script src="https://…/static/track/fanwise.js" data-key="fwk_…" data-consent="required" async></script> */
(function (window, document) {
  "use strict";
  var script = document.currentScript || document.querySelector("script[data-key^=fwk_]");
  var early = window.fanwise || [];  // calls made before this file arrived: fanwise.push(["like", "a1"])
  if (!script || early.track) return;
  var key = script.getAttribute("data-key"), name = "fw." + key, needsConsent = script.getAttribute("data-consent") === "required";
  var url = script.src.replace(/\/static\/.*$/, "") + "/collect/v1/events?key=" + key;
  var idleMs = 1000 * (script.getAttribute("data-idle") || 60), delayMs = 1000 * (script.getAttribute("data-delay") || 3);
  var MAX_QUEUE = 200, MAX_BATCH = 50, MAX_AGE_MS = 6.5 * 864e5;
  var memory = {}, waiting = [], page = {}, busy = false, dead = false, failures = 0, timer = 0, token;

  // --- what is kept on the device: v visitor, q queue, c consent, o opted out, t token -------------------------------
  function load() {
    try { memory = JSON.parse(localStorage.getItem(name)) || memory; } catch (e) { /* private mode: memory only */ }
    memory.q = memory.q || [];
    return memory;
  }
  function save() {
    try { localStorage.setItem(name, JSON.stringify(memory)); } catch (e) { /* full or forbidden */ }
  }
  function random() {
    var bytes = new Uint8Array(12), text = "", i;
    (window.crypto || window.msCrypto).getRandomValues(bytes);
    for (i = 0; i < 12; i++) text += (bytes[i] + 256).toString(16).slice(1);
    return text;
  }
  function asksForPrivacy() {
    return navigator.globalPrivacyControl === true || navigator.doNotTrack === "1";
  }
  function isOut() {
    var s = load();
    return dead || s.o || s.c === "denied" || (asksForPrivacy() && s.c !== "granted");
  }
  function isAllowed() { return !isOut() && (!needsConsent || memory.c === "granted"); }

  // --- events --------------------------------------------------------------------------------------------------------
  function track(kind, more) {
    var event = { id: random(), kind: kind, at: Date.now() }, field;
    more = more || {};
    if (!more.item && page.item) event.item = page.item;
    event.url = page.url;
    event.title = page.title;
    if (more.item && more.item !== page.item) { delete event.url; delete event.title; }
    for (field in more) if (more[field] != null) event[field] = more[field];
    if (isOut()) return;
    if (isAllowed()) queue([event]);
    else if (waiting.length < MAX_BATCH) waiting.push(event);  // in memory only, until the person agrees
  }
  function queue(events) {
    load();
    memory.v = memory.v || random();
    memory.t = token || memory.t;
    memory.q = memory.q.concat(events).slice(-MAX_QUEUE);
    save();
    later(memory.q.length >= 20 ? 0 : delayMs);
  }
  function later(ms) {
    if (timer && ms) return;
    clearTimeout(timer);
    timer = setTimeout(function () { timer = 0; flush(); }, ms);
  }
  function drop(sent) {
    var ids = {}, i;
    for (i = 0; i < sent.length; i++) ids[sent[i].id] = 1;
    load();
    memory.q = memory.q.filter(function (event) { return !ids[event.id]; });
    save();
  }
  function body(events) {
    return JSON.stringify({ visitor: memory.v, token: memory.t, consent: memory.c || "unknown", sent_at: Date.now(), events: events });
  }
  function flush(isLeaving) {
    if (!isAllowed() || navigator.onLine === false || !memory.v) return;
    memory.q = memory.q.filter(function (event) { return Date.now() - event.at < MAX_AGE_MS; });
    var batch = memory.q.slice(0, MAX_BATCH);
    if (!batch.length && !memory.t) return;
    if (isLeaving) {  // what is still on its way goes again: ids make repeats harmless
      if (navigator.sendBeacon && navigator.sendBeacon(url, body(batch))) drop(batch);
    } else if (!busy) post(batch);
  }
  function post(batch) {
    var request = new XMLHttpRequest(), claim = memory.t;
    busy = true;
    request.open("POST", url);
    request.timeout = 15000;
    request.setRequestHeader("Content-Type", "text/plain");
    request.onloadend = function () {
      var status = request.status;
      busy = false;
      if (status === 202 || status === 400 || status === 413) {  // taken, or never to be taken
        drop(batch);
        failures = 0;
        if (memory.t === claim) { token = undefined; delete memory.t; save(); }
        if (memory.q.length) later(0);
      } else if (status === 401 || status === 403) dead = true;  // this key does not work here
      else later(Math.min(5000 * Math.pow(2, failures++), 300000));
    };
    request.send(body(batch));
  }

  // --- the page: view, visible time, depth ---------------------------------------------------------------------------
  var visibleMs = 0, depth = 0, last = 0, touched = 0;
  function now() { return window.performance ? performance.now() : Date.now(); }
  function meta(selector, attribute) {
    var element = document.querySelector(selector);
    return element ? element.getAttribute(attribute) : null;
  }
  function begin(what) {
    what = what || {};
    report();
    depth = 0;
    page = {
      item: what.item || script.getAttribute("data-item") || meta('meta[name="fanwise:item"]', "content"),
      url: what.url || meta('link[rel="canonical"]', "href") || location.href.split("#")[0],
      title: what.title || document.title
    };
    last = touched = now();
    track("view");
    measure();
  }
  function measure() {
    var root = document.documentElement, height = Math.max(root.scrollHeight, 1);
    depth = Math.max(depth, Math.min(1, ((window.pageYOffset || root.scrollTop) + window.innerHeight) / height));
  }
  function count(wasSeen) {  // time since the last count, while the page is seen and somebody is there
    var at = now(), end = document.querySelector("[data-fw-playing]") ? at : Math.min(at, touched + idleMs);
    if (wasSeen) visibleMs += Math.max(0, Math.min(end - last, 5000));
    last = at;
  }
  function isSeen() { return document.visibilityState !== "hidden"; }
  function report() {
    if (visibleMs < 1000) return;
    track("read", { dwell_seconds: Math.round(visibleMs / 100) / 10, value: Math.round(depth * 100) / 100 });
    visibleMs = 0;
  }
  function leave() {
    var media = document.querySelectorAll("[data-fw-media]"), i;
    for (i = 0; i < media.length; i++) reportMedia(media[i]);
    report();
    flush(true);
  }
  function touch() { touched = now(); }
  function on(target, names, act) {
    names.split(" ").forEach(function (one) { target.addEventListener(one, act, true); });
  }
  on(document, "visibilitychange", function () {
    if (isSeen()) { last = touched = now(); return; }
    count(true);
    leave();
  });
  on(window, "pagehide", function () { count(isSeen()); leave(); });
  on(window, "pageshow", function (event) { if (event.persisted) begin(); });
  on(window, "online", function () { later(0); });
  on(window, "scroll", function () { touch(); measure(); });
  on(window, "touchstart mousemove keydown click", touch);
  setInterval(function () { count(isSeen()); }, 1000);

  // --- marked elements: <button data-fw="like" data-fw-item="a1">, <video data-fw-media="v1"> ------------------------
  on(document, "click", function (event) {
    for (var one = event.target; one && one.getAttribute; one = one.parentNode) {
      var kind = one.getAttribute("data-fw");
      if (kind) return track(kind, { item: one.getAttribute("data-fw-item"), name: one.getAttribute("data-fw-name") });
    }
  });
  on(document, "play timeupdate pause ended", function (event) {
    var media = event.target, step;
    if (!media.getAttribute || media.getAttribute("data-fw-media") === null) return;
    step = media.currentTime - (media.fwAt || 0);
    if (step > 0 && step < 2 && event.type !== "play") media.fwSeconds = (media.fwSeconds || 0) + step;
    media.fwAt = media.currentTime;
    if (media.duration) media.fwShare = Math.max(media.fwShare || 0, Math.min(1, media.currentTime / media.duration));
    if (event.type === "pause" || event.type === "ended") { media.removeAttribute("data-fw-playing"); reportMedia(media); }
    else media.setAttribute("data-fw-playing", "");
  });
  function reportMedia(media) {
    if (!(media.fwSeconds >= 1)) return;
    var item = media.getAttribute("data-fw-media"), share = Math.round((media.fwShare || 0) * 100) / 100;
    track("play", { item: item, dwell_seconds: Math.round(media.fwSeconds * 10) / 10, value: share });
    media.fwSeconds = 0;
  }

  // --- what pages may call -------------------------------------------------------------------------------------------
  function short(kind) { return function (item, more) { more = more || {}; more.item = item; track(kind, more); }; }
  var api = {
    track: track, page: begin, like: short("like"), share: short("share"), favourite: short("favourite"),
    comment: short("comment"), custom: function (what, props) { track("custom", { name: what, props: props }); },
    flush: function () { later(0); },
    identify: function (claim) { token = claim; if (isAllowed()) queue([]); },
    consent: function (isGiven) {
      var before = load().c, note = { id: random(), kind: "consent", at: Date.now(), state: isGiven ? "granted" : "withdrawn" };
      memory.c = isGiven ? "granted" : "denied";
      if (isGiven) {
        delete memory.o;
        save();
        queue(waiting.concat(before === "granted" ? [] : [note]));
      } else {  // one last word, so that nothing goes on being kept; nothing at all when nobody had agreed
        if (before === "granted" && memory.v && navigator.sendBeacon) navigator.sendBeacon(url, body([note]));
        forget();
      }
      waiting = [];
    },
    optOut: function () { load().o = 1; waiting = []; forget(); },  // sends nothing, from now on
    optIn: function () { delete load().o; save(); },
    push: function (call) { api[call[0]].apply(api, call.slice(1)); }
  };
  function forget() { token = undefined; memory.q = []; delete memory.v; delete memory.t; save(); }
  window.fanwise = api;

  var found = /[?&]fwt=([^&#]+)/.exec(location.search);
  if (found) {  // a link that knows the reader: remember it, and take it out of the address, which people pass on
    if (window.history.replaceState) history.replaceState(history.state, "", location.href.replace(/([?&])fwt=[^&#]+&?/, "$1").replace(/[?&](#|$)/, "$1"));
    api.identify(found[1]);
  }
  begin();
  early.forEach(api.push);
})(window, document);

/* Fanwise for mini programs: what people do on its pages. One file, no dependency, ES5. docs/tracking.md
   app.js, first line: var fanwise = require("./fanwise-mini.js");
   fanwise.init({ server: "https://…", key: "fwk_…", consent: "required" });
   Views, time, sharing and favourites of every page are noted by themselves; name the item with
   fanwise.page({ item: "article-1", title: "…" }) in the page's onLoad. The server's domain must be on the mini
   program's list of request domains, the mini program's AppID on the key's list of places. */
"use strict";
var MAX_QUEUE = 200, MAX_BATCH = 50, MAX_AGE_MS = 6.5 * 864e5, MAX_READ_MS = 30 * 60e3;
var config = {}, state = { q: [] }, name = "", url = "", waiting = [], page = {}, token;
var busy = false, dead = false, failures = 0, timer = 0, since = 0, depth, isShown = false;

// --- what is kept on the device: v visitor, q queue, c consent, o opted out, t token ---------------------------------
function save() {
  wx.setStorage({ key: name, data: state });
}
function random() {
  var text = "", i;
  for (i = 0; i < 6; i++) text += (65536 + Math.floor(Math.random() * 65536)).toString(16).slice(1);
  return text;
}
function isOut() {
  return dead || !url || !!state.o || state.c === "denied";
}
function isAllowed() {
  return !isOut() && (config.consent !== "required" || state.c === "granted");
}

// --- events ----------------------------------------------------------------------------------------------------------
function track(kind, more) {
  var event = { id: random(), kind: kind, at: Date.now(), item: page.item, title: page.title }, field;
  more = more || {};
  if (more.item && more.item !== page.item) delete event.title;
  for (field in more) if (more[field] != null) event[field] = more[field];
  if (isOut()) return;
  if (isAllowed()) queue([event]);
  else if (waiting.length < MAX_BATCH) waiting.push(event);  // in memory only, until the person agrees
}
function queue(events) {
  state.v = state.v || random() + random();
  state.t = token || state.t;
  state.q = state.q.concat(events).slice(-MAX_QUEUE);
  save();
  later(state.q.length >= 20 ? 0 : 3000);
}
function later(ms) {
  if (timer && ms) return;
  clearTimeout(timer);
  timer = setTimeout(function () { timer = 0; flush(); }, ms);
}
function drop(sent) {
  var ids = {}, i;
  for (i = 0; i < sent.length; i++) ids[sent[i].id] = 1;
  state.q = state.q.filter(function (event) { return !ids[event.id]; });
  save();
}
function body(events) {
  return JSON.stringify({ visitor: state.v, token: state.t, consent: state.c || "unknown", sent_at: Date.now(), events: events });
}
function flush() {
  if (busy || !isAllowed() || !state.v) return;
  state.q = state.q.filter(function (event) { return Date.now() - event.at < MAX_AGE_MS; });
  var batch = state.q.slice(0, MAX_BATCH), claim = state.t;
  if (!batch.length && !claim) return;
  busy = true;
  send(body(batch), function (status) {
    busy = false;
    if (status === 202 || status === 400 || status === 413) {  // taken, or never to be taken
      failures = 0;
      if (state.t === claim) { token = undefined; delete state.t; }
      drop(batch);
      if (state.q.length) later(0);
    } else if (status === 401 || status === 403) dead = true;  // this key does not work here
    else later(Math.min(5000 * Math.pow(2, failures++), 300000));
  });
}
function send(text, done) {
  wx.request({
    url: url, method: "POST", data: text, timeout: 15000, header: { "content-type": "text/plain" },
    success: function (answer) { done(answer.statusCode); }, fail: function () { done(0); }
  });
}

// --- pages -----------------------------------------------------------------------------------------------------------
function address(target) {
  var options = target.options || {}, names = Object.keys(options).sort();
  var query = names.map(function (one) { return one + "=" + options[one]; }).join("&");
  return ((target.route || "") + (query ? "?" + query : "")).slice(0, 128);
}
function begin(what) {  // the page names its item; may be called before or after it is shown
  what = what || {};
  if (isShown && what.item && what.item !== page.item) { report(); page.item = what.item; page.title = what.title; track("view"); }
  else page = { item: what.item || page.item, title: what.title || page.title, isNamed: !!what.item };
}
function show(target) {
  if (!page.isNamed || page.owner && page.owner !== target) page = target.fanwise || { item: address(target) };
  page.owner = target;
  target.fanwise = page;
  isShown = true;
  since = Date.now();
  depth = undefined;
  track("view");
}
function report() {
  var ms = Math.min(Date.now() - since, MAX_READ_MS);
  since = Date.now();
  if (isShown && ms >= 1000) track("read", { dwell_seconds: Math.round(ms / 100) / 10, value: depth });
}
function hide() {
  report();
  isShown = false;
  page = {};
}
function before(options, hook, act) {
  var own = options[hook];
  options[hook] = function () {
    act.call(this, arguments);
    return own && own.apply(this, arguments);
  };
}
function after(options, hook, act) {
  var own = options[hook];
  options[hook] = function () {
    var answer = own && own.apply(this, arguments);
    act.call(this, arguments);
    return answer;
  };
}
function watch(options) {  // what Page() is given, with our hooks around the page's own
  after(options, "onShow", function () { show(this); });
  before(options, "onHide", hide);
  before(options, "onUnload", hide);
  before(options, "onReachBottom", function () { depth = 1; });
  if (options.onShareAppMessage) before(options, "onShareAppMessage", function () { track("share"); });
  if (options.onShareTimeline) before(options, "onShareTimeline", function () { track("share"); });
  if (options.onAddToFavorites) before(options, "onAddToFavorites", function () { track("favourite"); });
  return options;
}

// --- what the mini program may call ----------------------------------------------------------------------------------
function short(kind) {
  return function (item, more) { more = more || {}; more.item = item; track(kind, more); };
}
function forget() {
  token = undefined;
  waiting = [];
  state.q = [];
  delete state.v;
  delete state.t;
  save();
}
module.exports = {
  init: function (options) {
    config = options;
    name = "fw." + options.key;
    url = options.server.replace(/\/$/, "") + "/collect/v1/events?key=" + options.key;
    state = wx.getStorageSync(name) || {};
    state.q = state.q || [];
    wx.onAppHide(function () { report(); flush(); });
    wx.onAppShow(function () { since = Date.now(); later(0); });
    if (options.auto !== false && typeof Page === "function") {
      var original = Page;
      Page = function (one) { return original(watch(one)); };  // eslint-disable-line no-global-assign
    }
  },
  watch: watch, page: begin, track: track, like: short("like"), share: short("share"), favourite: short("favourite"),
  comment: short("comment"),
  custom: function (what, props) { track("custom", { name: what, props: props }); },
  play: function (item, seconds, share) { track("play", { item: item, dwell_seconds: seconds, value: share }); },
  flush: function () { later(0); },
  identify: function (claim) { token = claim; if (isAllowed()) queue([]); },
  consent: function (isGiven) {
    var earlier = state.c, note = { id: random(), kind: "consent", at: Date.now(), state: isGiven ? "granted" : "withdrawn" };
    var held = waiting;
    state.c = isGiven ? "granted" : "denied";
    if (isGiven) {
      delete state.o;
      waiting = [];
      queue(held.concat(earlier === "granted" ? [] : [note]));
    } else {  // one last word, so that nothing goes on being kept; nothing at all when nobody had agreed
      if (earlier === "granted" && state.v) send(body([note]), function () {});
      forget();
    }
  },
  optOut: function () { state.o = 1; forget(); },  // sends nothing, from now on
  optIn: function () { delete state.o; save(); }
};

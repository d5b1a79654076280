/* The sample page of the tracker: the question for consent, opting out, and a list of what is being noted. */
"use strict";
(function () {
  const name = `fw.${document.body.dataset.key}`, seen = new Set();
  const find = (id) => document.getElementById(id);
  const kept = () => JSON.parse(localStorage.getItem(name) || "{}");
  const ask = find("ask");

  function show() {
    const { c, o, q } = kept();
    if (ask) ask.hidden = Boolean(c || o);
    find("out").hidden = Boolean(o);
    find("in").hidden = !o;
    (q || []).filter((event) => !seen.has(event.id)).forEach((event) => {
      seen.add(event.id);
      const line = document.createElement("li");
      const more = [event.dwell_seconds && `${event.dwell_seconds} s`, event.value && `${Math.round(event.value * 100)} %`, event.name];
      line.textContent = [event.kind, ...more.filter(Boolean)].join(" · ");
      find("noted").prepend(line);
      find("nothing").hidden = true;
    });
  }

  function say(...call) { (window.fanwise = window.fanwise || []).push(call); show(); }
  if (ask) {
    find("yes").onclick = () => say("consent", true);
    find("no").onclick = () => say("consent", false);
  }
  find("out").onclick = () => say("optOut");
  find("in").onclick = () => say("optIn");
  show();
  setInterval(show, 200);
})();

"use strict";
const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en-US");
const seen = new Set();
const history = [];   // a minute of object counts, oldest first
let firstLook = true;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;   // never as HTML: the content comes from outside
  return made;
}

function hue(text) {
  let sum = 0;
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) % 360;
  return sum;
}

function face(name) {
  const made = element("span", "face", name.split(/\s+/).slice(0, 2).map((word) => word[0] || "").join("").toUpperCase());
  made.style.background = `hsl(${hue(name)} 34% 47%)`;
  return made;
}

const clock = (iso) => iso.slice(11, 23);
const money = (amount) => new Intl.NumberFormat("en-US", { style: "currency", currency: "USD", maximumFractionDigits: 0 }).format(amount);

function person(contact) {
  const p = contact.properties;
  const line = element("div", "person", [p.firstname, p.lastname].filter(Boolean).join(" ") || p.email || contact.id);
  if (p.jobtitle || p.email) line.append(element("em", "", " · " + (p.jobtitle || p.email)));
  return line;
}

function row(record, name, sub, people, deals) {
  const item = element("li", "company" + (seen.has(record.id) || firstLook ? "" : " fresh"));
  const who = element("div");
  who.append(element("div", "name", name), element("div", "sub", sub));
  const linked = element("div", "people");
  for (const contact of people.slice(0, 2)) linked.append(person(contact));
  if (people.length > 2) linked.append(element("div", "sub", `and ${people.length - 2} more contacts`));
  for (const deal of deals.slice(0, 2)) linked.append(element("div", "deal", [deal.properties.dealname || "Deal", deal.properties.amount ? money(deal.properties.amount) : "", deal.properties.dealstage].filter(Boolean).join(" · ")));
  if (deals.length > 2) linked.append(element("div", "sub", `and ${deals.length - 2} more deals`));
  item.append(face(name), who, linked, element("time", "", clock(record.createdAt)));
  seen.add(record.id);
  return item;
}

function drawNewest(newest) {
  const list = $("newest");
  const companies = newest.companies.length > 0;
  $("list-title").textContent = companies || !newest.contacts.length ? "Newest companies" : "Newest contacts";
  const rows = companies
    ? newest.companies.map((c) => row(c, c.properties.name || c.properties.domain || c.id, [c.properties.domain, c.properties.city].filter(Boolean).join(" · ") || c.properties.simulation_name || "", c.contacts, c.deals))
    : newest.contacts.map((c) => row(c, [c.properties.firstname, c.properties.lastname].filter(Boolean).join(" ") || c.properties.email || c.id, c.properties.email || "", [], []));
  list.replaceChildren(...rows);
  if (!rows.length) list.append(element("li", "empty", "Nothing here yet. Records appear as simulations deliver them."));
  firstLook = false;
  const newestRecord = [...newest.companies, ...newest.contacts].sort((a, b) => b.id - a.id)[0];
  $("last").textContent = newestRecord ? clock(newestRecord.createdAt).slice(0, 8) : "–";
  $("last-more").textContent = newestRecord ? newestRecord.properties.simulation_name || "UTC" : "nothing yet";
}

function drawSpark(counts) {
  const width = 600, height = 112, top = Math.max(4, ...counts) * 1.12;
  const points = counts.map((count, i) => [i * width / (counts.length - 1), height - 2 - count / top * (height - 8)].map((n) => n.toFixed(1)).join(","));
  const line = "M" + points.join("L");
  const levels = [0.25, 0.5, 0.75].map((share) => `<line x1="0" x2="${width}" y1="${height * share}" y2="${height * share}"/>`).join("");
  $("spark").innerHTML = `${levels}<path class="area" d="${line}L${width},${height}L0,${height}Z"/><path class="stroke" d="${line}"/>`;
  const lastTen = counts.slice(-10).reduce((sum, count) => sum + count, 0) / 10;
  $("rate").textContent = `${number.format(Math.round(lastTen * 10) / 10)}/s over 10 s · peak ${number.format(Math.max(...counts))}/s`;
}

function drawPlan(plan) {
  $("plan").hidden = !plan;
  if (!plan) return;
  const slices = plan.plannedBySlice.length, width = 1000, height = 150, top = Math.max(1, plan.total, plan.delivered) * 1.04;
  const start = Date.parse(plan.start), end = Date.parse(plan.end), now = Date.parse(plan.now);
  const at = (moment) => Math.max(0, Math.min(width, (moment - start) / (end - start) * width));
  const y = (count) => (height - 2 - count / top * (height - 8)).toFixed(1);
  // a slice's count is complete at the slice's end; the last one, under way, at this moment
  const x = (slice, last) => (last && now < end ? at(now) : (slice + 1) * width / slices).toFixed(1);
  const line = (counts, partly) => `M0,${y(0)}` + counts.map((count, i) => `L${x(i, partly && i === counts.length - 1)},${y(count)}`).join("");
  const delivered = line(plan.deliveredBySlice, true);
  const reached = plan.deliveredBySlice.length ? x(plan.deliveredBySlice.length - 1, true) : 0;
  const levels = [0.25, 0.5, 0.75, 1].map((share) => `<line x1="0" x2="${width}" y1="${y(plan.total * share)}" y2="${y(plan.total * share)}"/>`).join("");
  const today = now > start && now < end ? `<line class="now" x1="${at(now)}" x2="${at(now)}" y1="0" y2="${height}"/>` : "";
  $("lines").innerHTML = `${levels}${today}<path class="filled" d="${delivered}L${reached},${height}L0,${height}Z"/><path class="planned" d="${line(plan.plannedBySlice, false)}"/><path class="delivered" d="${delivered}"/>`;
  const missing = plan.due - plan.delivered;
  $("plan-name").textContent = plan.name ? `· ${plan.name}` : "";
  $("plan-delivered").textContent = number.format(plan.delivered);
  $("plan-due").textContent = number.format(plan.due);
  $("plan-total").textContent = number.format(plan.total);
  $("plan-type").textContent = plan.objectType;
  $("plan-state").textContent = now < start ? "not started yet" : plan.delivered >= plan.total ? "complete" : missing > 0 ? `${number.format(missing)} on their way` : "on time";
  $("plan-start").textContent = clock(plan.start).slice(0, 8);
  $("plan-end").textContent = clock(plan.end).slice(0, 8) + " UTC";
}

function remember(objects) {
  history.push({ at: Date.now(), objects });
  while (history.length > 1 && (history[0].at < Date.now() - 60500 || history[0].objects.companies > objects.companies)) history.shift();
}

function short(call) {
  const path = call.path.replace(/^\/crm\/(objects\/|v\d+\/objects\/|v\d+\/)?/, "").replace(/^associations\/([^/]+)\/([^/]+)\//, "$1 → $2 ").replace("/batch/", " ").replace("batch/", "").replace(/^\//, "");
  return call.method === "POST" ? path : `${call.method} ${path}`;
}

function drawSummary(summary) {
  remember(summary.objects);
  for (const type of ["companies", "contacts", "deals"]) {
    $(type).textContent = number.format(summary.objects[type]);
    const gained = summary.objects[type] - history[0].objects[type];
    const notes = [gained > 0 ? `+${number.format(gained)} in ${Math.round((Date.now() - history[0].at) / 1000)} s` : "", summary.archived[type] ? `${number.format(summary.archived[type])} archived` : ""];
    $(type + "-more").textContent = notes.filter(Boolean).join(" · ") || "\u00a0";
  }
  const account = summary.accounts[0];
  $("account").textContent = summary.accounts.length === 1 ? `account ${account.accountId} · ${account.accountType}` : `${summary.accounts.length} accounts`;
  const calls = summary.calls, share = calls.lastTenSeconds / calls.limitPerTenSeconds;
  $("calls").textContent = number.format(calls.lastTenSeconds);
  $("limit").textContent = number.format(calls.limitPerTenSeconds);
  $("meter").style.width = Math.min(100, share * 100) + "%";
  $("meter").className = share >= 0.98 ? "full" : share >= 0.8 ? "near" : "";
  const count = (wanted) => calls.byPath.filter(wanted).reduce((sum, call) => sum + call.count, 0);
  $("total").textContent = number.format(calls.total);
  $("today").textContent = number.format(summary.accounts.reduce((sum, each) => sum + each.callsToday, 0));
  for (const [id, value] of [["throttled", count((c) => c.status === 429)], ["failed", count((c) => c.status === 0 || (c.status >= 400 && c.status !== 429))], ["faults", summary.faults.length]]) {
    $(id).textContent = number.format(value);
    $(id).className = value ? "bad" : "";
  }
  const rows = calls.byPath.sort((a, b) => b.count - a.count).slice(0, 14).map((call) => {
    const line = element("tr");
    const bad = call.status === 0 || call.status >= 400;
    line.append(element("td", "", short(call)), element("td", "s" + (bad ? " bad" : ""), call.status || "cut"), element("td", "n", number.format(call.count)));
    return line;
  });
  $("paths").replaceChildren(...rows);
  drawSpark(summary.recordsPerSecond);
}

async function get(path) {
  const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(4000) });
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
}

async function look() {
  try {
    const [summary, newest, planned] = await Promise.all([get("/_emulator/summary"), get("/_emulator/newest?limit=9"), get("/_emulator/plan")]);
    drawSummary(summary);
    drawNewest(newest);
    drawPlan(planned.plan);
    $("dot").className = "dot live";
    $("state").textContent = "live";
  } catch (problem) {
    $("dot").className = "dot away";
    $("state").textContent = "not answering";
  }
  setTimeout(look, 1000);
}
look();

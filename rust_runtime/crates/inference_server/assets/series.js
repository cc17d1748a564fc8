// Figures over time, from the text that Prometheus reads.

const PREFIX = "oxidizedvision_";
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
const SAMPLE = /^(\w+)(?:\{(.*)\})? (\S+)/;

/** Every sample of a text: its name without the prefix, its labels and its value. */
export function samples(text) {
  return text.split("\n").flatMap((line) => {
    const found = SAMPLE.exec(line);
    if (!found || !found[1].startsWith(PREFIX)) return [];
    const labels = {};
    for (const [, key, value] of (found[2] ?? "").matchAll(LABEL)) {
      labels[key] = value.replace(/\\(.)/g, (_, char) => (char === "n" ? "\n" : char));
    }
    return [{ name: found[1].slice(PREFIX.length), labels, value: Number(found[3]) }];
  });
}

/** The value below which a share of what a histogram counted lies; null where it counted nothing. */
export function quantile(buckets, share) {
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  const total = sorted.at(-1)?.[1] ?? 0;
  if (!(total > 0)) return null;
  const rank = share * total;
  let [below, from] = [0, 0];
  for (const [bound, count] of sorted) {
    if (count >= rank) {
      if (!Number.isFinite(bound)) return from;
      return from + (bound - from) * ((rank - below) / (count - below || 1));
    }
    [below, from] = [count, bound];
  }
  return from;
}

/** The sums that figures are made of, of one model or, without a name, of all. */
export function totals(list, model) {
  const sums = { answered: 0, refused: 0, waiting: 0, inFlight: 0, rows: 0, runs: 0 };
  const whole = new Map();
  const infer = new Map();
  for (const { name, labels, value } of list) {
    if (model && labels.model !== model) continue;
    // What is about no model is no load: this page's own questions, for one.
    const counted = name === "requests_total" && labels.model;
    if (counted) sums[labels.code < "400" ? "answered" : "refused"] += value;
    else if (name === "queue_depth") sums.waiting += value;
    else if (name === "in_flight") sums.inFlight += value;
    else if (name === "batch_size_sum") sums.rows += value;
    else if (name === "batch_size_count") sums.runs += value;
    else if (name === "request_seconds_bucket") add(whole, labels.le, value);
    else if (name === "seconds_bucket" && labels.phase === "infer") add(infer, labels.le, value);
  }
  return { ...sums, times: whole.size > 0 ? whole : infer };
}

function add(buckets, bound, value) {
  const key = bound === "+Inf" ? Infinity : Number(bound);
  buckets.set(key, (buckets.get(key) ?? 0) + value);
}

/** What happened between two moments, given their totals and the seconds between them. */
export function figures(before, now, seconds) {
  const grown = (key) => Math.max(0, now[key] - before[key]);
  const buckets = [...now.times].map(([bound, count]) => {
    return [bound, Math.max(0, count - (before.times.get(bound) ?? 0))];
  });
  const milliseconds = (share) => {
    const value = quantile(buckets, share);
    return value === null ? null : value * 1000;
  };
  const runs = grown("runs");
  return {
    rate: grown("answered") / seconds,
    refused: grown("refused") / seconds,
    waiting: now.waiting,
    inFlight: now.inFlight,
    batch: runs > 0 ? grown("rows") / runs : null,
    p50: milliseconds(0.5),
    p95: milliseconds(0.95),
  };
}

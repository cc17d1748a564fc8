/** The value below which a share of the others lies, between the two that are nearest. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] ?? NaN;
  const above = sorted[Math.ceil(place)] ?? NaN;
  return below + (above - below) * (place - Math.floor(place));
}

export const median = (values: readonly number[]) => quantile(values, 0.5);

export interface Summary {
  count: number;
  least: number;
  most: number;
  mean: number;
  deviation: number;
  /** How many are NaN or infinite; they are left out of the rest. */
  strange: number;
}

export function summary(values: ArrayLike<number>): Summary {
  let [least, most, sum, squares, strange] = [Infinity, -Infinity, 0, 0, 0];
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at] ?? 0;
    if (!Number.isFinite(value)) {
      strange += 1;
      continue;
    }
    least = Math.min(least, value);
    most = Math.max(most, value);
    sum += value;
    squares += value * value;
  }
  const used = values.length - strange;
  const mean = used > 0 ? sum / used : NaN;
  const deviation = used > 0 ? Math.sqrt(Math.max(0, squares / used - mean * mean)) : NaN;
  return { count: values.length, least, most, mean, deviation, strange };
}

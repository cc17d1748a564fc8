/** Numbers and sizes as people read them. */

export function milliseconds(value: number): string {
  if (value < 1) return `${value.toFixed(2)} ms`;
  if (value < 100) return `${value.toFixed(1)} ms`;
  if (value < 10_000) return `${Math.round(value)} ms`;
  return seconds(value);
}

export function seconds(value: number): string {
  return `${(value / 1000).toFixed(value < 9_950 ? 1 : 0)} s`;
}

export function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  if (value < 1_000_000) return `${(value / 1000).toFixed(value < 10_000 ? 1 : 0)} kB`;
  if (value < 1_000_000_000) return `${(value / 1_000_000).toFixed(value < 10_000_000 ? 1 : 0)} MB`;
  return `${(value / 1_000_000_000).toFixed(1)} GB`;
}

export function percent(share: number): string {
  const value = share * 100;
  return `${value.toFixed(value > 0 && value < 0.95 ? 2 : 1)} %`;
}

/** A tensor's number, short enough for a table. */
export function number(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(2) : value.toPrecision(4);
}

export function dimensions(dims: readonly (number | string)[]): string {
  return dims.length === 0 ? "scalar" : dims.join(" × ");
}

export function megapixels(width: number, height: number): string {
  const millions = (width * height) / 1e6;
  return `${millions.toFixed(millions < 9.95 ? 1 : 0)} megapixels`;
}

/** One word for one, another for more. */
export function count(amount: number, one: string, more = `${one}s`): string {
  return `${amount} ${amount === 1 ? one : more}`;
}

/** How numbers are written for people in progress lines and reports. */

const thousands = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** 12,300 */
export function count(value: number): string {
  return Number.isFinite(value) ? thousands.format(value) : String(value);
}

/**
 * Four significant digits, zeros included, so that a changing number keeps its width: 0.4120, 12.35, 12346, 4.120e-7.
 * "n/a" for what has no value, such as R² of equal targets.
 */
export function significant(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "n/a" : String(value);
  if (value === 0) return "0";
  const rounded = Number(value.toPrecision(digits));
  const size = Math.abs(rounded);
  if (size < 1e-4 || size >= 1e9) return rounded.toExponential(digits - 1);
  return size >= 10 ** digits ? String(Math.round(value)) : rounded.toPrecision(digits);
}

/** As `significant`, without zeros at the end: 0.412, 1e-5. */
export function brief(value: number, digits = 4): string {
  const text = significant(value, digits);
  return text.includes(".") ? text.replace(/^([^e]*?)\.?0+(e|$)/, "$1$2") : text;
}

/** A difference: +2.07%, -0.26%. */
export function percent(value: number): string {
  return Number.isFinite(value) ? `${value > 0 ? "+" : ""}${value.toFixed(2)}%` : "n/a";
}

/** Of chance: 0.024, <0.001. */
export function probability(p: number): string {
  if (Number.isNaN(p)) return "n/a";
  return p < 0.001 ? "<0.001" : p.toFixed(3);
}

/** 0.8 s, 12 s, 1 min 20 s, 2 h 5 min, 3 d 4 h. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "unknown";
  if (seconds < 9.95) return `${Math.max(seconds, 0).toFixed(1)} s`;
  const whole = Math.round(seconds);
  for (const [size, unit, smaller, smallerUnit] of units) {
    if (whole < size) continue;
    const rest = Math.floor((whole % size) / smaller);
    return rest === 0
      ? `${Math.floor(whole / size)} ${unit}`
      : `${Math.floor(whole / size)} ${unit} ${rest} ${smallerUnit}`;
  }
  return `${whole} s`;
}

const units = [
  [86_400, "d", 3600, "h"],
  [3600, "h", 60, "min"],
  [60, "min", 1, "s"],
] as const;

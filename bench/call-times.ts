/** Seconds of each call for a time, ascending, after some that are not measured. */
export function callTimes(call: () => unknown, seconds: number, warmUp: number): Float64Array {
  for (let i = 0; i < warmUp; i++) call();
  const times: number[] = [];
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    const started = performance.now();
    call();
    times.push((performance.now() - started) / 1000);
  }
  return Float64Array.from(times).sort();
}

/** @param times ascending */
export const quantile = (times: Float64Array, q: number): number => times[Math.floor(q * (times.length - 1))];

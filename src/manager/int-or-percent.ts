/** The number that an intstr.IntOrString means of `total`. Of a percentage the fraction is dropped, as Job does. */
export function scaled(value: number | string, total: number): number {
  return typeof value === 'number' ? value : Math.floor((Number.parseInt(value, 10) * total) / 100);
}

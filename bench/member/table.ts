/** Prints what was measured with what is aimed at beside it. */

export interface Row {
  readonly what: string;
  readonly ours: number;
  readonly theirs?: number | undefined;
  readonly aim?: string;
  readonly met?: boolean | undefined;
  /** How many times better. */
  readonly ratio?: number | undefined;
}

/** How many times `a` is `b`, where both are known. */
export function ratio(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b;
}

/** One line a row, below a heading. */
export function table(rows: readonly Row[]): readonly string[] {
  const columns = ['quorate', 'hashicorp/raft', 'ratio', 'aim'];
  return [
    line(['', ...columns]),
    ...rows.map(({ what, ours, theirs, aim = '', met, ratio: times }) =>
      line([
        what,
        figure(ours),
        theirs === undefined ? '–' : figure(theirs),
        times === undefined ? '' : `${times.toFixed(1)} ×`,
        met === undefined ? aim : `${aim}  ${met ? 'met' : 'missed'}`,
      ]),
    ),
  ];
}

const widths = [48, 12, 16, 9, 0];

function line(cells: readonly string[]): string {
  const padded = cells.map((cell, at) => {
    if (at === 0) return cell.padEnd(widths[at]!);
    return at === cells.length - 1 ? `   ${cell}` : cell.padStart(widths[at]!);
  });
  return padded.join('').trimEnd();
}

function figure(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en');
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
}

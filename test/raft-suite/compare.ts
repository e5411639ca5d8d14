/**
 * How an output is compared: line by line, without the log lines, and nothing reads `ok`.
 *
 * Log lines say how an implementation talks about what it does; all other lines say what it does.
 */

const LOG_LINE = /^\s*(DEBUG|INFO|WARN|ERROR)( |$)/;

/** The lines that count. */
export function comparable(lines: readonly string[]): string[] {
  const kept = lines.filter((line) => !LOG_LINE.test(line));
  return kept.length === 0 ? ['ok'] : kept;
}

/** An output as lines: a newline at its end opens no further line. */
export function outputLines(output: string): string[] {
  if (output === '') return [];
  return (output.endsWith('\n') ? output.slice(0, -1) : output).split('\n');
}

/** Lines of context around a difference. */
const CONTEXT_LINES = 3;

/**
 * The difference between two outputs with a bit of what is around it: ` ` before lines that both
 * have, `-` before those only expected, `+` before those only given, `@@` where lines are left out.
 * Empty where they are equal.
 */
export function unifiedDiff(expected: readonly string[], actual: readonly string[]): string[] {
  const edits = editsBetween(expected, actual);
  if (edits.every((edit) => edit.startsWith(' '))) return [];
  const near = edits.map((_, i) =>
    edits
      .slice(Math.max(0, i - CONTEXT_LINES), i + CONTEXT_LINES + 1)
      .some((edit) => !edit.startsWith(' ')),
  );
  const shown: string[] = [];
  let expectedLine = 1;
  let actualLine = 1;
  edits.forEach((edit, i) => {
    if (near[i]) {
      if (i === 0 || !near[i - 1]) shown.push(`@@ -${expectedLine} +${actualLine} @@`);
      shown.push(edit);
    }
    if (!edit.startsWith('+')) expectedLine++;
    if (!edit.startsWith('-')) actualLine++;
  });
  return shown;
}

/** A shortest list of edits, by the longest common subsequence of what is not equal at both ends. */
function editsBetween(expected: readonly string[], actual: readonly string[]): string[] {
  let head = 0;
  while (head < expected.length && head < actual.length && expected[head] === actual[head]) head++;
  let tail = 0;
  while (
    tail < expected.length - head &&
    tail < actual.length - head &&
    expected[expected.length - 1 - tail] === actual[actual.length - 1 - tail]
  ) {
    tail++;
  }
  const same = (line: string): string => ` ${line}`;
  return [
    ...expected.slice(0, head).map(same),
    ...middleEdits(
      expected.slice(head, expected.length - tail),
      actual.slice(head, actual.length - tail),
    ),
    ...expected.slice(expected.length - tail).map(same),
  ];
}

function middleEdits(expected: readonly string[], actual: readonly string[]): string[] {
  const width = actual.length + 1;
  // common[i * width + j]: the most lines that expected from i on and actual from j on share.
  const common = new Uint32Array((expected.length + 1) * width);
  for (let i = expected.length - 1; i >= 0; i--) {
    for (let j = actual.length - 1; j >= 0; j--) {
      common[i * width + j] =
        expected[i] === actual[j]
          ? common[(i + 1) * width + j + 1]! + 1
          : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
    }
  }
  const edits: string[] = [];
  let i = 0;
  let j = 0;
  while (i < expected.length || j < actual.length) {
    if (i < expected.length && j < actual.length && expected[i] === actual[j]) {
      edits.push(` ${expected[i++]}`);
      j++;
    } else if (
      j >= actual.length ||
      (i < expected.length && common[(i + 1) * width + j]! >= common[i * width + j + 1]!)
    ) {
      edits.push(`-${expected[i++]}`);
    } else {
      edits.push(`+${actual[j++]}`);
    }
  }
  return edits;
}

/** Every file says its format; this program reads those it knows, and all before them. */
import { QuorateError } from '../../base/errors.ts';

/** @throws QuorateError `format-too-new` */
export function checkFormat(path: string, format: number, newest: number): void {
  if (format <= newest) return;
  throw new QuorateError(
    'format-too-new',
    `${path} has format ${format}; this program reads up to ${newest}: use a newer one`,
    { details: { path, format, newest } },
  );
}

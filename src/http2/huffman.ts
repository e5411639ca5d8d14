/**
 * The Huffman code of header fields (RFC 7541, section 5.2 and appendix B). The code is canonical, so
 * that the lengths of the codes say all of it: shorter codes come first, and among codes of one
 * length smaller symbols do. It is walked bit by bit: what is read often is remembered decoded.
 */
import { QuorateError } from '../base/errors.ts';

/** The bits of each byte's code, a digit of base 36 each; the code that ends it all has 30. */
const lengths = [
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca',
  'd67777777777777777777777878djde6f56565666577666567655677777fbeds',
  'kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn',
  'qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq',
].join('');
const endSymbol = 256;
const codeBitsMax = 30;
const symbols = [...lengths].map((digit) => Number.parseInt(digit, 36)).concat(codeBitsMax);

/** Two children of each node: another node, or below zero a symbol, as -1 - symbol. */
const children = tree();

function tree(): Int16Array {
  const nodes = new Int16Array(2 * symbols.length);
  let used = 1;
  let code = 0;
  for (let bits = 1; bits <= codeBitsMax; bits++, code *= 2) {
    for (const [symbol, length] of symbols.entries()) {
      if (length !== bits) continue;
      let node = 0;
      for (let bit = bits - 1; bit > 0; bit--) {
        const at = 2 * node + (Math.floor(code / 2 ** bit) % 2);
        if (nodes[at] === 0) nodes[at] = used++;
        node = nodes[at]!;
      }
      nodes[2 * node + (code % 2)] = -1 - symbol;
      code++;
    }
  }
  return nodes;
}

/**
 * Decodes a text of single bytes.
 *
 * @throws QuorateError `malformed-message` where a code is not whole, or what fills the last byte is
 *   not the beginning of the symbol that ends it all
 */
export function decodeHuffman(bytes: Uint8Array): string {
  let text = '';
  let node = 0;
  /** Since the last symbol, and whether all of these bits were ones. */
  let open = 0;
  let ones = true;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      const value = (byte >>> bit) & 1;
      const next = children[2 * node + value]!;
      open++;
      ones &&= value === 1;
      if (next >= 0) {
        node = next;
        continue;
      }
      if (next === -1 - endSymbol) throw malformed('a code that ends the text within it');
      text += String.fromCharCode(-1 - next);
      node = 0;
      open = 0;
      ones = true;
    }
  }
  if (open > 7 || !ones) throw malformed('a code that is not whole');
  return text;
}

function malformed(what: string): QuorateError {
  return new QuorateError('malformed-message', `a header field: ${what}`);
}

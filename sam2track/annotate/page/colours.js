/** Colours of objects: twenty that differ for colour-blind eyes too, by hue or by lightness. */

// Okabe and Ito's palette without black; the rest was searched for, so that any two of all twenty are
// 17 apart in CIE L*a*b* for normal, protan and deutan eyes (tests/annotate/page/test_people.py).
export const COLOURS = [
  "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7",
  "#e02040", "#0000e0", "#600040", "#e0e0e0", "#604000", "#0060e0", "#e0e0a0",
  "#208040", "#002080", "#c0c060", "#602020", "#006080", "#0000a0",
];

/**
 * The colour of an object: its own, or the one of its number.
 * @param {{number: number, colour: string|null}} thing
 */
export function colourOf(thing) {
  return thing.colour || COLOURS[(thing.number - 1) % COLOURS.length];
}

/** Black or white, whichever has more contrast with a colour (WCAG 2).
 * @param {string} colour "#rrggbb"
 */
export function inkOn(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000000" : "#ffffff";
}

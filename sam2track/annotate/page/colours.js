/** Colours of objects: twenty that differ for colour-blind eyes too, by hue or by lightness. */

// Okabe and Ito's palette without black, then darker and lighter steps of hues that stay apart.
export const COLOURS = [
  "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7",
  "#ffffff", "#8c510a", "#b2df8a", "#7b3294", "#fdc5a1", "#01665e", "#c7b8ea",
  "#a50026", "#a6f0e4", "#4d5a00", "#ff9bb3", "#313695", "#bdbdbd",
];

/**
 * The colour of an object: its own, or the one of its number.
 * @param {{number: number, colour: string|null}} thing
 */
export function colourOf(thing) {
  return thing.colour || COLOURS[(thing.number - 1) % COLOURS.length];
}

/** Black or white, whichever is easier to read on a colour.
 * @param {string} colour "#rrggbb"
 */
export function inkOn(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#000000" : "#ffffff";
}

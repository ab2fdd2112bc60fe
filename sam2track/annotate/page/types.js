/**
 * The values that the server gives, as JSDoc types. Frames count from 0, coordinates are video
 * pixels, colours are "#rrggbb".
 *
 * @typedef {{size: [number, number], counts: string}} Runs a mask as COCO's compressed run lengths
 *
 * @typedef {Object} MaskRecord
 * @property {number} object
 * @property {[number, number]} size height and width
 * @property {string} counts
 * @property {number|null} [score] predicted IoU, 0..1
 * @property {number|null} [presence] logit
 * @property {number} [confidence] 0..1
 * @property {string} [made] prompt, propagated, brush or imported
 * @property {boolean} [fresh] false: does not follow from the prompts any more
 *
 * @typedef {{size: [number, number], counts: string, score: number|null}} Candidate
 *
 * @typedef {Object} Attribute
 * @property {string} name
 * @property {string} type text, number, checkbox or select
 * @property {string[]} values
 * @property {string} [default]
 *
 * @typedef {{name: string, colour: string|null, attributes: Attribute[]}} ObjectClass
 *
 * @typedef {Object} Lease
 * @property {string} who
 * @property {number|null} frame
 * @property {boolean} mine
 *
 * @typedef {Object} Thing an object of a video
 * @property {number} id
 * @property {number} number
 * @property {string} class
 * @property {string} name
 * @property {string|null} colour
 * @property {Record<string, string>} attributes
 * @property {string} state
 * @property {boolean} locked
 * @property {string} comment
 *
 * @typedef {Object} PromptRecord
 * @property {number} object
 * @property {number} frame
 * @property {string} kind clicks, mask, brush or imported
 * @property {[number, number][]} points
 * @property {number[]} labels 1 = on the object, 0 = not
 * @property {[number, number, number, number]|null} box xyxy
 *
 * @typedef {Object} ReviewRecord
 * @property {number|null} object
 * @property {number|null} frame
 * @property {string} state
 * @property {string} comment
 * @property {boolean} locked
 *
 * @typedef {Object} VideoSummary
 * @property {number} id
 * @property {string} name
 * @property {number} length
 * @property {number} width
 * @property {number} height
 * @property {number} fps
 * @property {string} state
 * @property {string} comment
 * @property {number} object_count
 * @property {number} tracked_frames
 * @property {number} doubtful
 * @property {Lease|null} lease
 * @property {string} hash of its content
 * @property {boolean} locked
 * @property {boolean} missing whether its file is gone
 * @property {boolean} tracking
 *
 * @typedef {VideoSummary & {objects: Thing[], prompts: PromptRecord[],
 *   reviews: ReviewRecord[]}} VideoDetail
 *
 * @typedef {{start: number, stop: number, kind: string, why?: string}} Span stop is left out
 *
 * @typedef {{object: number, start: number, stop: number, direction: string}} StaleSpan
 *
 * @typedef {{video: number, object: number|null, number: number|null, frame: number|null,
 *   last: number|null, why: string, state: string}} ReviewItem of frames from `frame` to `last`, or of a whole object
 *
 * @typedef {Object} Session
 * @property {string} version
 * @property {{id: string, name: string, folder: string}} project
 * @property {string} who
 * @property {{name: string, state: string, message: string}} model
 * @property {ObjectClass[]} classes
 * @property {{name: string, about: string, reads: boolean, images: boolean}[]} export_formats
 * @property {string[]} folders from which videos may be added by path
 *
 * @typedef {[number, number]} Point x and y in video pixels
 */
export {};

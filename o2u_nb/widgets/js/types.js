// The shapes of what passes between the browser and Python, for the type checker only: no module
// imports this file when the grid runs. The Python side is o2u_nb/widgets/grid.py.

/** @import { Action } from "./actions.js" */
/** @import { Range } from "./ranges.js" */

/**
 * One sample, see `ReviewSession.page`.
 * @typedef {object} Row
 * @property {string} sample_id
 * @property {number | null} rank null while it is concealed, as are the score and the suggestion
 * @property {string | null} label null while it is concealed
 * @property {boolean} named whether the id may be shown
 * @property {string | null} suggested
 * @property {number | null} p_wrong
 * @property {string} kind
 * @property {Decision | null} decision
 * @property {string | null} new_label
 * @property {string} note
 * @property {string[]} tags
 * @property {number | null} similarity while similar samples are listed
 * @property {boolean | null} same_label
 */

/** @typedef {"keep" | "relabel" | "drop" | "unsure"} Decision */

/**
 * A row as the grid holds it. `revision` tells whether it is up to date. `isDecided` is set when a
 * decision was answered, until Python sends the row with that decision.
 * @typedef {Row & { revision: number, isDecided?: boolean }} HeldRow
 */

/**
 * @typedef {object} Settings
 * @property {string} order_by
 * @property {boolean} descending
 * @property {boolean} advance
 * @property {boolean} only_suspects
 * @property {"" | "pair"} group_by
 * @property {boolean} note_filter
 * @property {"" | "hints" | "labels" | "some labels"} concealed what the reviewer does not see
 * @property {string | null} tag_filter
 * @property {string | null} label_filter
 * @property {string} decision_filter
 * @property {string} text_filter
 * @property {[given: string, suggested: string] | null} pair_filter
 * @property {number | null} position_filter how many samples it lets through
 * @property {Alike | null} alike_filter
 */

/**
 * The listing of similar samples, see `review.alike.Alike`. `of` are the first of those that they
 * are similar to.
 * @typedef {object} Alike
 * @property {string} title
 * @property {string} by
 * @property {string} how
 * @property {string[]} of
 * @property {number} count
 * @property {number} same
 * @property {boolean} knows_labels
 * @property {"all" | "same" | "other"} labels
 */

/**
 * The values that settings can have, and the words for decisions.
 * @typedef {object} Choices
 * @property {string[]} classes
 * @property {string[]} orders
 * @property {string[]} order_titles what people read instead
 * @property {string[]} decisions
 * @property {Buttons} buttons
 * @property {Words} on_tile
 */

/** @typedef {Record<Action, { text: string, hint: string }>} Buttons the words on buttons */
/** @typedef {Record<Decision, string>} Words the words for decisions on tiles */

/**
 * The traits of the widget.
 * @typedef {object} Traits
 * @property {number} length
 * @property {number} order
 * @property {number} revision
 * @property {number | null} place
 * @property {Range[]} chosen
 * @property {{ suspects: number, remaining: number }} counts
 * @property {Settings} settings
 * @property {Choices} choices
 * @property {number} tile_size
 * @property {number} tall
 * @property {Group[]} groups
 * @property {HiddenMatches} hidden
 * @property {string[]} tags in use, the commonest first
 * @property {number} noted how many samples have a note
 * @property {string} hint where missing pictures were expected, "" where none is missing
 */

/** @typedef {[start: number, stop: number, title: string]} Group */
/** @typedef {{ count: number, filters: string[] }} HiddenMatches */

/**
 * What accepting all suggestions from the probability `p` on would do; see `review.bulk.Above`.
 * The first pictures come with it.
 * @typedef {object} Above
 * @property {"above"} kind
 * @property {number} p
 * @property {number} count
 * @property {number} decided
 * @property {number} unsuggested
 * @property {[given: string, suggested: string, count: number][]} pairs
 * @property {number} more pairs
 * @property {string[]} ids
 * @property {string[]} captions
 */

/**
 * The widget's model, as anywidget hands it over.
 * @typedef {object} Model
 * @property {<Name extends keyof Traits>(name: Name) => Traits[Name]} get
 * @property {<Name extends keyof Traits>(name: Name, value: Traits[Name]) => void} set
 * @property {() => void} save_changes
 * @property {(message: object) => void} send
 * @property {(event: string, handler: (...details: any[]) => void) => void} on
 */

/**
 * Rows from `start` on, and JPEG files of `size` pixels for the samples named in `pictures`.
 * @typedef {object} Page
 * @property {"page"} kind
 * @property {number} order
 * @property {number} revision
 * @property {number} start
 * @property {Row[]} rows
 * @property {number} size
 * @property {string[]} pictures
 */

/**
 * All that is known of one sample as HTML, in which Python has escaped what other people wrote; its
 * likeliest classes other than the given one, and the ids of its look-alikes.
 * @typedef {object} Card
 * @property {"card"} kind
 * @property {string} sample_id
 * @property {LikelyClass[]} classes
 * @property {string[]} near
 * @property {string} html
 */

/**
 * A picture with all its pixels.
 * @typedef {object} Original
 * @property {"original"} kind
 * @property {string} sample_id
 */

/**
 * Two samples to be seen side by side, with what is known of each as HTML.
 * @typedef {object} Compared
 * @property {"compare"} kind
 * @property {string} view
 * @property {string[]} ids
 * @property {string[]} cards
 */

/**
 * The answer to `go` where the filters hide the sample.
 * @typedef {object} Hidden
 * @property {"hidden"} kind
 * @property {string} view
 * @property {string} sample_id
 */

/**
 * What was decided outside of this grid.
 * @typedef {object} Told
 * @property {"told"} kind
 * @property {string} said
 */

/** @typedef {[name: string, share: number | null]} LikelyClass */

/**
 * The class `near` that is probably meant by `name`, which is no class; null if there is none.
 * @typedef {object} Near
 * @property {"near"} kind
 * @property {string} name
 * @property {string | null} near
 */

/**
 * The answer to the message of number `seq` from the view `view`.
 * @typedef {object} Done
 * @property {"done"} kind
 * @property {string} view
 * @property {number} seq
 * @property {string | null} [said]
 * @property {string} [failed]
 */

/** @typedef {Page | Card | Original | Compared | Hidden | Told | Above | Near | Done} Message */

export {};

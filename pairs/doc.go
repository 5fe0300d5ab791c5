// Package pairs reads preference data, in every layout that people keep it in, as [schemas.Pair].
//
// [Inputs] turns files, globs and directories into a list of files, [Plan] cuts the list into work items, and [Read] calls back with
// the pairs of one item. Files are JSON lines, a JSON array of objects, or Parquet; line files and arrays may be compressed (gzip,
// zstd). Whatever the ranges of the items, the pairs are the same, and a file larger than memory is fine.
//
// # Layouts
//
// Each row's columns tell its layout; [Options].Format overrides.
//
//   - text: prompt, chosen and rejected are plain text. Without a prompt, chosen and rejected hold it both and it is extracted; but
//     where a column question, input or the like looks like the prompt, the row is refused, and --columns says which it is.
//   - chat: chosen and rejected are lists of messages, prompt is one too or is not there. A prompt that is a text beside lists
//     (UltraFeedback binarized) counts as not there: the lists hold whole dialogues. Where both lists begin with the messages of the
//     prompt they hold whole dialogues too, and the prompt is not taken twice.
//   - sharegpt: conversations (or messages), with chosen and rejected as single turns, from/value or role/content.
//   - alpaca: instruction, input and history with chosen and rejected as text. They become messages.
//   - hh: chosen and rejected are dialogues "\n\nHuman: …\n\nAssistant: …". They become messages, since that is what a chat model
//     needs; for a base model without a template say --format=text, which gives the plain text that TRL makes of them. With a
//     prompt column beside them the dialogues are prompt+chosen and prompt+rejected, unless they begin with it already (only when
//     asked for by --format=hh).
//   - tokens: prompt_ids, chosen_ids, rejected_ids. Recognised only where there is no chosen and rejected.
//
// An implicit prompt is extracted by the rule of TRL 1.16.0's extract_prompt: the longest common beginning, in messages or in
// characters; where characters differ after a space the space goes to the completions; where one side is the beginning of the other
// all but the last of it is the prompt. (One thing is different: where already the first characters differ, TRL goes on without a prompt,
// or cuts at the end of a chosen that ends in a space; here the row is refused.)
//
// # Columns beside them
//
// A system column becomes the first message, tools and chat_template_kwargs go to the template; in the text layout, where they would
// change nothing, they are refused unless --format=text says that they may travel as metadata. In messages, fields beyond role and
// content keep their order; fields that are null are dropped (Parquet gives every message every field), except content.
// Images and KTO labels are refused by name. All other columns travel in Meta as [Options].Meta says.
//
// # Rows that are refused
//
// A bad row never stops the reading: it is reported with a code and a reason. JSON is read strictly: a key that stands twice in an
// object, NaN, and the escape of half a character (a lone surrogate) are refused, because readers differ in what they make of them
// and the tokens would silently differ.
//
// The one trap: an error of [Read] comes after the rows before it were delivered. A truncated gzip file gives its readable rows, then
// the error.
package pairs

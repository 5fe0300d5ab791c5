// Package tokenize turns preference pairs into token ids: PCollection<schemas.Pair> → PCollection<schemas.TokenPair>.
//
// # Behavior
//
// The ids are those that TRL 1.16.0 makes of the same row. Text gets the tokenizer's end-of-sequence string appended to both
// completions where it is absent; then the prompt, the prompt with chosen and the prompt with rejected are tokenized, each with
// special tokens. Messages go through the chat template (rows with tools, also an empty list of them, through the one named tool_use if
// the model has one), the prompt with the generation prompt added, and the renderings are
// tokenized without special tokens, as the template writes its own. The completions are what follows the prompt; where the
// prompt's tokens are no prefix of both sequences, prompt and both completions meet at the longest prefix all three share (see
// [Boundary]). Then rows whose prompt reaches max_length are dropped and the other sequences are cut to it.
//
// # Determinism
//
// A row's ids depend on the row and the options alone. The date a template may ask for is an option, not the clock.
//
// # Failure
//
// A row that can't be scored goes to the second output with its code; no row fails a bundle. A tokenizer or template that can't
// be read does.
//
// [Encoder] is the work without Beam. The one trap: a prompt that ends in a space or a template that renders the prompt alone
// differently moves the boundary into the prompt. Such rows are marked as diverged and counted.
package tokenize

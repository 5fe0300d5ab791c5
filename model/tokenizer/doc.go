// Package tokenizer reads Hugging Face tokenizer.json files and encodes text to exactly the ids that the Rust crate tokenizers gives.
//
// [Load] and [Parse] make a [Tokenizer] of the components of the file, one file of this package each: added tokens are cut out of the
// text, a normalizer changes what is between them, a pre-tokenizer splits it into words, a model gives the ids of each word, a
// post-processor adds special tokens; a decoder turns ids into text again. A component, field or regular expression that this package
// does not know is an error that names it, because guessing would give other ids.
//
// The file says what is done. transformers changes that after loading, and this package follows it (version 5) in what
// tokenizer_config.json says: the named special tokens (as strings or objects), added_tokens_decoder, additional_special_tokens and
// extra_special_tokens become special added tokens where the file lacks them, and split_special_tokens is refused. The post-processor
// of the file stands: add_bos_token and add_eos_token don't change it, as they don't in transformers 5 (before, the classes of Llama
// and Gemma built another one). Not followed: a Python class that builds its components anew from the vocabulary (LlamaTokenizer of
// transformers 5; use_fast=False), clean_up_tokenization_spaces, and the truncation and padding of tokenizer.json, which belong to
// whoever makes batches.
//
// What a vocabulary lacks and has no unknown token for is left out, as the crate does: SmolLM2's lacks some control characters.
//
// The one trap: Encode does not join. The ids of two texts, one after the other, are not the ids of the joined text.
package tokenizer

// Package tokenizer reads Hugging Face tokenizer.json files and encodes text to exactly the ids that the Rust crate tokenizers (0.23.3)
// gives, or that transformers' AutoTokenizer (5.23) gives for the directory.
//
// [Parse] and [Load] make a [Tokenizer] of the components of the file, one file of this package each: added tokens are cut out of the
// text, a normalizer changes what is between them, a pre-tokenizer splits it into words, a model (BPE or Unigram) gives the ids of each
// word, a post-processor adds special tokens; a decoder turns ids into text again. A component, field or regular expression that this
// package does not know is an error that names it, because guessing would give other ids.
//
// The file says what is done, unless there is tokenizer_config.json or config.json: then it is what transformers does with the directory,
// which package internal/auto finds out. Most of its classes build their components anew from the vocabulary: LlamaTokenizer,
// GemmaTokenizer, Qwen2Tokenizer, Qwen3_5Tokenizer, GPT2Tokenizer and GPTNeoXTokenizer are followed, others are refused by name. Which
// class it is depends on tokenizer_class, on the model type and on what the file holds; where mistral_common is installed transformers may
// take that instead, which is not followed. The named special tokens (as strings or objects, with the class's own where the config is
// silent), added_tokens_decoder, added_tokens.json, additional_special_tokens and extra_special_tokens become special added tokens where
// the file lacks them. add_bos_token and add_eos_token change nothing, as they don't there: the post-processor of the file stands, but for
// GPTNeoXTokenizer, which drops it. split_special_tokens and fix_mistral_regex are refused. Truncation and padding of tokenizer.json
// belong to whoever makes batches.
//
// Of the crate's components these are refused by name: the normalizer ByteLevel, the pre-tokenizer UnicodeScripts, the
// models WordPiece and WordLevel, BPE with dropout, continuing_subword_prefix or end_of_word_suffix, anything after the pre-tokenizer
// ByteLevel, and a Metaspace of prepend_scheme first after a normalizer that could take away what a text begins with, as Precompiled,
// Strip, StripAccents, Nmt and BertNormalizer could.
//
// What a vocabulary lacks and has no unknown token for is left out, as the crate does: SmolLM2's lacks some control characters.
//
// The one trap: Encode does not join. The ids of two texts, one after the other, are not the ids of the joined text.
package tokenizer

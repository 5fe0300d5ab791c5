// Package auto says what transformers' AutoTokenizer (version 5.23, without mistral_common) makes of a model directory ([Read]):
// which class ([Class]), and which components that class puts in the place of those of tokenizer.json ([PlanOf]).
//
// The one trap: most classes of that version don't read tokenizer.json as it is. They take the vocabulary, the merges, the
// post-processor and the added tokens from it and build everything else anew, so the ids can differ from what the file says.
package auto

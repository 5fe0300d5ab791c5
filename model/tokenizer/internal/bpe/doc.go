// Package bpe is byte-pair encoding of one word: a [Model] holds vocabulary and merges, a [Session] encodes words with the buffers and
// the word cache of one goroutine.
//
// The one trap: a byte-level model ([Spec].Bytes) takes words as raw bytes, though its vocabulary is written in the byte-level
// alphabet, where a space is "Ġ". The alphabet is undone when the model is made, never while encoding.
package bpe

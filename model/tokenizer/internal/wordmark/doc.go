// Package wordmark holds the decoders of the Rust crate tokenizers for vocabularies whose tokens say where words begin or end: WordPiece,
// BPEDecoder and CTC. Each makes of the tokens those whose text, joined, is the text.
//
// The one trap: clean-up is done token by token, so a space that is at the end of one token and a full stop that begins the next stay.
package wordmark

// Package checkpoint reads and writes Hugging Face model directories: config.json, safetensors files (one or sharded), and the tokenizer
// files that travel with them.
//
// [Dir] is an open directory, its tensors mapped into memory; [Tensor] is a view of one of them in its stored type; [Save] writes a
// directory that transformers loads with default arguments. Weights in bitsandbytes' 4 bits are read as transformers stores them, or made of
// others ([Dir.Quantize]); package quant has the arithmetic.
//
// The one trap: a Tensor's Data is a view of the mapped file. It is valid until [Dir.Close], and the file must not be changed in place
// while it is open; replacing it by rename is safe.
package checkpoint

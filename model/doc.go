// Package model says what a language model is to Steelyard: its configuration and architecture as data ([Config]), the flat batch of
// tokens that goes in ([Batch]), and the two interfaces an engine implements ([Scorer], [Trainable]). It computes nothing.
//
// Legend, for this package and model/cpu: T tokens of a batch, C model width (hidden_size), H query heads, G key-value heads, D head
// width, F feed-forward width, V vocabulary, N scored tokens. Gradients are d + the name.
//
// The one trap: a batch's completions share their prompt. Tokens holds a prompt once and then every completion that continues from
// it, so a position is not an index: see [Group].
package model

// Package family reads a Hugging Face config.json into a [model.Config]: [Parse]. A file a family, or a few that differ by a line, says
// what its keys mean, with the defaults of its class in transformers 5.23, and what its tensors are called.
//
// The one trap: a key that is missing, one that is null and one that says the default may be three things. A family's file says which
// default a missing key has; null is another value where the class lets it be one (sliding_window, num_key_value_heads, pad_token_id).
package family

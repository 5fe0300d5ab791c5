package model

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// A Config is an architecture as data: what one block needs to compute any supported family. Family files fill it from config.json.
//
// Fields that a family may leave at their zero value carry omitempty, so that a field added for a new family does not change the
// digest of the others.
type Config struct {
	Family       string `json:"-"` // config.json model_type. Example: "llama"
	MaxPositions int    `json:"-"` // max_position_embeddings; longer sequences are refused
	Names        Names  `json:"-"` // the tensors' names in a checkpoint
	// Padding is pad_token_id, or nil. Looking this token up gives the embedding no gradient, as torch.nn.Embedding's padding_idx has it,
	// also where a chat template ends turns with it; a tied head's gradient reaches its row all the same.
	Padding *int `json:"-"`

	Vocab        int // V, vocab_size
	Hidden       int // C, hidden_size
	Layers       int // num_hidden_layers
	Heads        int // H, num_attention_heads
	KVHeads      int // G, num_key_value_heads; H is a multiple of it
	HeadDim      int // D, head_dim
	Intermediate int // F, intermediate_size

	NormEps float64 // rms_norm_eps
	Rope    Rope
	Tied    bool `json:",omitempty"` // tie_word_embeddings: the head is the embedding

	AttentionBias bool `json:",omitempty"` // biases on q, k, v and o
	MLPBias       bool `json:",omitempty"` // biases on gate, up and down
}

// A Rope is the rotary embedding of a model.
type Rope struct {
	Type  string  // "default", "linear" or "llama3"
	Theta float64 // rope_theta
	// Factor scales "linear" and "llama3"; the others belong to "llama3".
	Factor               float64 `json:",omitempty"`
	LowFreqFactor        float64 `json:",omitempty"`
	HighFreqFactor       float64 `json:",omitempty"`
	OriginalMaxPositions int     `json:",omitempty"`
}

// Digest returns "sha256:" and the digest of everything in the configuration that a log-probability depends on. How many positions a
// model was declared for is not among it, nor what its tensors are called.
func (c *Config) Digest() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic("model: a Config holds a value that JSON has no word for: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// String is one line for people. Example: "llama, 30 layers of width 576".
func (c *Config) String() string {
	return fmt.Sprintf("%s, %d layers of width %d", c.Family, c.Layers, c.Hidden)
}

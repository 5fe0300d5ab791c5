package model

// A Config is an architecture as data: what one block needs to compute any supported family. Family files fill it from config.json.
type Config struct {
	Family string // config.json model_type. Example: "llama"

	Vocab        int // V, vocab_size
	Hidden       int // C, hidden_size
	Layers       int // num_hidden_layers
	Heads        int // H, num_attention_heads
	KVHeads      int // G, num_key_value_heads; H is a multiple of it
	HeadDim      int // D, head_dim
	Intermediate int // F, intermediate_size
	MaxPositions int // max_position_embeddings; longer sequences are refused

	NormEps float32 // rms_norm_eps
	Rope    Rope
	Tied    bool // tie_word_embeddings: the head is the embedding

	AttentionBias bool // biases on q, k, v and o
	MLPBias       bool // biases on gate, up and down
}

// A Rope is the rotary embedding of a model.
type Rope struct {
	Type  string  // "default", "linear" or "llama3"
	Theta float64 // rope_theta
	// Factor scales "linear" and "llama3"; the others belong to "llama3".
	Factor, LowFreqFactor, HighFreqFactor float64
	OriginalMaxPositions                  int
}

// A TensorSpec is a tensor that a checkpoint of a Config holds.
type TensorSpec struct {
	Name  string
	Shape []int
	Decay bool // see Param.Decay
}

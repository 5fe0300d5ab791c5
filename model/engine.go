package model

import (
	"context"
	"fmt"
)

// A Want asks for values beside the log-probability. Asking changes no bit of the log-probabilities.
type Want uint8

// What can be asked for.
const (
	WantEntropy   Want = 1 << iota // entropy of the predicted distribution, nats
	WantRank1                      // whether the token was the most probable one (the first of equals)
	WantLogSumP2                   // log Σ_v p_v², for WPO
	WantMeanLogit                  // mean of the logits over the vocabulary
	WantRouters                    // how experts were chosen; nothing where the model has none
)

// Scores holds a value a scored token, in the batch's order (see [Batch.Scored]). Slices that were not asked for are nil.
type Scores struct {
	Logp      []float32 // (N) natural log-probability of the token
	Entropy   []float32 // (N)
	Rank1     []bool    // (N)
	LogSumP2  []float32 // (N)
	MeanLogit []float32 // (N)
	Routers   []Router  // one a group of the batch
}

// A Router is how the mixtures of experts of a model spread a group's tokens, summed over its sequences and the layers that have experts: a
// prompt's tokens count once for each of its completions. E experts.
type Router struct {
	Tokens float64   // tokens times layers
	Chosen []float64 // (E) how many of them an expert was chosen for
	Prob   []float64 // (E) sum of its probability
}

// A Scorer gives the log-probabilities of completion tokens. A pair's values are the same bits whatever else is in the batch, and
// whatever the number of threads (docs/numerics.md). It serves one call at a time.
type Scorer interface {
	// Score's slices belong to the caller.
	Score(ctx context.Context, b Batch, want Want) (Scores, error)
	Config() *Config
	// Numerics names the arithmetic, version and class. Example: "fma16/2".
	Numerics() string
	Close() error
}

// A Trainable is a Scorer whose parameters can be trained.
type Trainable interface {
	Scorer
	// Forward is Score that keeps what Backward needs. Its values are Score's, bit for bit. Of its slices only Routers is the caller's: the
	// others hold until the next Forward, so that a step allocates none.
	Forward(ctx context.Context, b Batch, want Want) (Scores, error)
	// Backward adds to the gradients of the parameters, given d loss / d logp of every scored token of the last Forward, and, where a loss
	// looks at it, d loss / d Router.Prob of every group; else nil.
	Backward(ctx context.Context, dLogp []float32, dRouter [][]float32) error
	// Params returns the trainable parameters in a fixed order. Their Data and Grad stay valid and in place until Close.
	Params() []Param
}

// A MemoryPlanner is a Trainable that computes again, in its backward pass, what it has no memory to keep. No result depends on it.
type MemoryPlanner interface {
	Trainable
	// LimitMemory says how much memory the calls to come may take; what an earlier Forward kept is dropped.
	LimitMemory(MemoryLimit) error
	// PlanMemory says what Forward and Backward of a batch of so many tokens will take, and what is computed again. Where the limit leaves no
	// way, it returns a *MemoryError, as those calls then do.
	PlanMemory(tokens int) (MemoryPlan, error)
}

// A MemoryLimit is how much memory an engine may take.
type MemoryLimit struct {
	// Bytes that weights, gradients and the buffers of a batch may take together; 0 is no limit. Weights that stay where they are mapped count.
	Bytes int64
	// Checkpointing keeps nothing of a layer but its input, whatever Bytes would allow.
	Checkpointing bool
}

// A MemoryPlan is what a batch takes.
type MemoryPlan struct {
	Weights int64 `json:"weights"` // bytes of weights and gradients
	Buffers int64 `json:"buffers"` // bytes of all that a batch needs, with what its matrix products pack
	// Layers of the model; those of which the input alone is kept; those of which all but the feed-forward network's first products is kept.
	Layers     int `json:"layers"`
	Recomputed int `json:"recomputed"`
	Partly     int `json:"partly"`
}

// A MemoryError is returned for a batch that cannot be computed within the limit.
type MemoryError struct {
	Tokens       int
	Least, Limit int64 // bytes that it takes at the least, and those of the limit
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("a batch of %d tokens takes at least %d bytes with the weights and gradients, and the limit is %d", e.Tokens, e.Least, e.Limit)
}

// A Param is a trainable tensor under its name in the checkpoint.
type Param struct {
	Name  string
	Shape []int
	Data  []float32 // row-major master weights
	Grad  []float32 // as long as Data; Backward adds to it, the trainer clears it
	// Decay says whether decoupled weight decay applies, by transformers' rule: not to biases nor to norm weights.
	Decay bool
}

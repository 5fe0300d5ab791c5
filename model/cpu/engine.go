package cpu

import (
	"context"
	"errors"
	"fmt"

	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/checkpoint/adapter"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/activation"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/arena"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/attention"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/keep"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/parallel"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/rotary"
)

// Options of an engine.
type Options struct {
	// Threads that compute; 0 means GOMAXPROCS. Results don't depend on it.
	Threads int
	// Adapter is added to the weights; nil is none. A Scorer views its tensors: close it after the Scorer.
	Adapter *adapter.Adapter
	// BF16 rounds the factors of the forward pass's products with weights to bfloat16: faster, and another arithmetic. The backward pass
	// stays float32.
	BF16 bool
}

// Numerics names the arithmetic that an engine with the options has on this machine. Example: "fma16/2"
func (o Options) Numerics() string {
	if o.BF16 {
		return simd.ClassBF16 + "+" + simd.Class()
	}
	return simd.Class()
}

// Check says whether this machine, and this build, can do what the options ask for.
func (o Options) Check() error {
	err := simd.Check()
	if err == nil && o.BF16 && !simd.HasBF16() {
		err = ErrNoBF16
	}
	return err
}

// ErrNoBF16 is returned for options with BF16 where the processor doesn't multiply bfloat16 numbers.
var ErrNoBF16 = fmt.Errorf("cpu: bf16: this processor, with its %s kernels, has no products of bfloat16 numbers (AVX512_BF16): leave bf16 out, or compute on another machine", simd.Active())

// ErrNoForward is returned by Backward when no Forward went before it, or another call came between: run Forward on the batch, then
// Backward once.
var ErrNoForward = errors.New("cpu: Backward without a Forward before it")

// ErrFrozen is returned by NewTrainable for weights in 4 bits without an adapter: they can't be trained themselves.
var ErrFrozen = errors.New("cpu: weights in 4 bits are frozen: train an adapter on them (use_peft), or leave out load_in_4bit")

// An Engine is a model.Scorer, and a model.Trainable where it was made with NewTrainable. It serves one call at a time.
type Engine struct {
	cfg     *model.Config
	w       *weights
	params  []model.Param
	pool    *simd.Pool
	threads *parallel.Threads // pool's

	loops               loops
	attn                attention.Attention
	act                 activation.Func
	rotary, local       *rotary.Table // of layers, and of those with a window; nil where there is none
	headVocab, headRows int
	arena               arena.Arena
	rank, largestB      int // the adapter's greatest rank, and elements of a B
	lowRank             lowRank
	batch               run
	scores              model.Scores // of the last Forward
	kept                bool         // batch is that of the last Forward, until Backward
	held                int64        // bytes of weights and gradients
	panels              int64        // bytes of what the threads' products pack, at the most
	bound               model.MemoryLimit

	// The backward pass ends at layer lowest, and needs the gradient of its input only where the embedding below is trained.
	lowest int
	below  bool

	numerics string
	gemm     func(p *simd.Pool, c []float32, ldc int, a, b simd.Operand, add bool) // products with weights, forwards

	// rows counts the rows that the blocks' matrix products went over, for tests: a shared prompt must count once.
	rows struct{ forward, backward int }
}

var _ model.MemoryPlanner = (*Engine)(nil)

// NewScorer returns a Scorer over the weights of d, which stay where they are mapped: close d after the Scorer.
func NewScorer(d *checkpoint.Dir, cfg *model.Config, o Options) (model.Scorer, error) {
	if err := errors.Join(o.Check(), d.Validate(cfg)); err != nil {
		return nil, err
	}
	e, err := newFrozen(cfg, d.Tensor, false, o)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// newFrozen returns an engine whose weights stay as they are stored; with train, what o.Adapter holds is trainable.
func newFrozen(cfg *model.Config, from source, train bool, o Options) (*Engine, error) {
	held, err := loadFrozen(cfg, from)
	if err != nil {
		return nil, err
	}
	var params []model.Param
	if o.Adapter != nil {
		if params, err = adapt(held, cfg, o.Adapter, train); err != nil {
			return nil, err
		}
	}
	return newEngine(cfg, held, params, o), nil
}

// NewTrainable returns a Trainable with a float32 copy of the weights of d, which may be closed. It takes 8 bytes a weight, and what
// the activations of the largest batch need. With an adapter it trains a copy of what that holds and nothing else, under the names of
// the adapter's file; the weights stay where they are mapped, and d open until the Trainable is closed.
func NewTrainable(d *checkpoint.Dir, cfg *model.Config, o Options) (model.Trainable, error) {
	if err := errors.Join(o.Check(), d.Validate(cfg)); err != nil {
		return nil, err
	}
	if o.Adapter != nil {
		if p := o.Adapter.Config.LoraDropout; p != 0 {
			return nil, fmt.Errorf("cpu: the adapter asks for a lora_dropout of %v, which is not supported: set it to 0 in its adapter_config.json", p)
		}
		e, err := newFrozen(cfg, d.Tensor, true, o)
		if err != nil {
			return nil, err
		}
		return e, nil
	}
	if d.Quantized() {
		return nil, ErrFrozen
	}
	held, params, err := loadTrainable(cfg, d.Tensor)
	if err == nil {
		err = d.Release()
	}
	if err != nil {
		return nil, err
	}
	return newEngine(cfg, held, params, o), nil
}

func newEngine(c *model.Config, held map[string]tensor, params []model.Param, o Options) *Engine {
	pool := simd.NewPool(o.Threads)
	e := &Engine{cfg: c, w: assemble(c, held), params: params, pool: pool, threads: parallel.New(pool),
		attn: attention.New(c), act: activation.Of(c.Activation), rotary: rotary.New(c.Rope, c.HeadDim),
		headVocab: headVocab, headRows: headRows, held: bytesOf(held), panels: int64(pool.Threads()) * simd.WorkspaceBytes()}
	e.numerics, e.gemm = o.Numerics(), simd.Gemm
	if o.BF16 {
		e.gemm = simd.GemmBF16
	}
	e.batch = run{tiles: make([]attention.Tile, pool.Threads()), keeps: make([]keep.Level, c.Layers)}
	if o.Adapter != nil {
		for _, m := range o.Adapter.Modules {
			e.rank, e.largestB = max(e.rank, m.A.Shape[0]), max(e.largestB, m.B.Shape[0]*m.B.Shape[1])
		}
	}
	e.below = e.w.embed.dw != nil || e.w.positions.dw != nil
	for !e.below && e.lowest < c.Layers && !e.w.layers[e.lowest].trained() {
		e.lowest++
	}
	e.local = e.rotary
	if c.Local != nil {
		e.local = rotary.New(*c.Local, c.HeadDim)
	}
	for i := range e.w.layers {
		switch {
		case c.NoRope != nil && c.NoRope[i]:
		case c.Window(i) > 0:
			e.w.layers[i].rotary = e.local
		default:
			e.w.layers[i].rotary = e.rotary
		}
	}
	return e
}

// Numerics names the arithmetic: see Options.Numerics.
func (e *Engine) Numerics() string { return e.numerics }

// Config returns the model's configuration.
func (e *Engine) Config() *model.Config { return e.cfg }

// Params returns the trainable parameters, in the order of the configuration's tensors or the adapter's.
func (e *Engine) Params() []model.Param { return e.params }

// Close ends the engine's threads. A second Close does nothing.
func (e *Engine) Close() error {
	if e.pool != nil {
		e.pool.Close()
	}
	e.pool, e.kept = nil, false
	return e.arena.Free()
}

// Score computes the log-probabilities of the batch's completion tokens.
func (e *Engine) Score(ctx context.Context, b model.Batch, want model.Want) (model.Scores, error) {
	return e.run(ctx, b, want, toScore)
}

// Forward is Score that keeps what Backward needs. The next Forward writes where its scores are, but for Routers.
func (e *Engine) Forward(ctx context.Context, b model.Batch, want model.Want) (model.Scores, error) {
	s, err := e.run(ctx, b, want, toTrain)
	e.kept = err == nil
	return s, err
}

// run takes a batch through the model.
func (e *Engine) run(ctx context.Context, b model.Batch, want model.Want, why purpose) (model.Scores, error) {
	e.kept = false // its memory is about to be used again
	r := &e.batch
	r.routers = nil
	if err := e.begin(r, b, why); err != nil {
		r.cut = r.cut[:0] // the spans that the tasks of the last batch point to may be overwritten
		return model.Scores{}, err
	}
	if want&model.WantRouters != 0 && e.cfg.Experts != nil {
		for range r.groups {
			n := e.cfg.Experts.Count
			r.routers = append(r.routers, model.Router{Chosen: make([]float64, n), Prob: make([]float64, n)})
		}
	}
	for _, table := range []*rotary.Table{e.rotary, e.local} {
		if table != nil {
			table.Grow(r.longest)
		}
	}
	e.lookup(r)
	for i := range e.w.layers {
		if err := ctx.Err(); err != nil {
			return model.Scores{}, err
		}
		e.forward(r, i)
	}
	var s model.Scores
	if why == toTrain {
		e.scores = roomForScores(e.scores, len(r.target), want)
		s = e.scores
	} else {
		s = roomForScores(s, len(r.target), want)
	}
	if err := e.predictAll(ctx, r, &s, want); err != nil {
		return model.Scores{}, err
	}
	s.Routers, r.routers = r.routers, nil // what Backward computes again is not counted again
	return s, nil
}

// begin lays out a batch and gives it its buffers and its tasks.
func (e *Engine) begin(r *run, b model.Batch, why purpose) error {
	if err := r.lay(b, e.cfg); err != nil {
		return err
	}
	return e.prepare(r, why)
}

// Backward adds to the gradients, given d loss / d logp of the last Forward's scored tokens and d loss / d Router.Prob of its groups, or
// nil. After an error they are incomplete.
func (e *Engine) Backward(ctx context.Context, dLogp []float32, dRouter [][]float32) error {
	if !e.kept {
		return ErrNoForward
	}
	r := &e.batch
	if len(dLogp) != len(r.target) {
		return fmt.Errorf("cpu: Backward was given %d gradients for %d scored tokens", len(dLogp), len(r.target))
	}
	if dRouter != nil && len(dRouter) != len(r.groups) {
		return fmt.Errorf("cpu: Backward was given %d routers' gradients for %d groups", len(dRouter), len(r.groups))
	}
	r.grads.dRouter = dRouter
	e.kept = false
	if err := e.predictBackward(ctx, r, dLogp); err != nil {
		return err
	}
	for i := len(e.w.layers) - 1; i >= e.lowest; i-- {
		if err := ctx.Err(); err != nil {
			return err
		}
		e.backward(r, i)
	}
	if e.below {
		e.lookupBackward(r)
	}
	return nil
}

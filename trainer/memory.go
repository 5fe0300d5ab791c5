package trainer

import (
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/steelyard-ml/steelyard/model"
)

// ErrMemory is returned for a micro-batch that memory_budget has no room for, whatever is computed again. The message says what it takes.
var ErrMemory = errors.New("memory_budget is too small")

// Of what a run holds beside weights, gradients, the optimizer's state and the buffers of a micro-batch:
const (
	garbageBytes = 64 << 20  // what is no longer used and not yet collected
	otherBytes   = 128 << 20 // the program and rows
)

// A Memory is what a run holds at its peak, as it is planned for a micro-batch of so many tokens.
type Memory struct {
	Tokens    int   `json:"tokens"`
	Bytes     int64 `json:"bytes"`     // of the whole process
	Optimizer int64 `json:"optimizer"` // of them, the optimizer's state
	model.MemoryPlan
}

func (m Memory) String() string {
	s := fmt.Sprintf("memory: %s for micro-batches of %d tokens: %s weights and gradients, %s optimizer, %s activations; ",
		size(m.Bytes), m.Tokens, size(m.Weights), size(m.Optimizer), size(m.Buffers))
	if m.Recomputed+m.Partly == 0 {
		return s + "nothing is computed again"
	}
	return s + fmt.Sprintf("of %d layers %d are computed again, %d in part", m.Layers, m.Recomputed, m.Partly)
}

// limitMemory holds the policy to the budget, and the collector to little garbage, until the function it returns is called.
func (r *run) limitMemory() (restore func(), err error) {
	for _, t := range r.adamw.State() {
		r.memory.Optimizer += 4*int64(len(t.Data)) + int64(len(t.Codes))
	}
	budget, err := parseBytes(r.o.MemoryBudget)
	if err != nil {
		return nil, err
	}
	p, ok := r.policy.(model.MemoryPlanner)
	if !ok {
		if budget > 0 || r.o.GradientCheckpointing {
			return nil, errors.New("trainer: this policy does not plan its memory: leave out gradient_checkpointing and memory_budget")
		}
		return r.collect(), nil
	}
	limit := model.MemoryLimit{Checkpointing: r.o.GradientCheckpointing}
	if budget > 0 {
		limit.Bytes = max(budget-r.beside(), 1)
	}
	if err := p.LimitMemory(limit); err != nil {
		return nil, err
	}
	r.memory.Tokens = r.o.MicroBatchTokens
	r.memory.MemoryPlan, err = p.PlanMemory(r.memory.Tokens)
	r.memory.Bytes = r.memory.Weights + r.memory.Buffers + r.beside()
	if err != nil {
		// A run whose pairs are short may never see one.
		r.warning = fmt.Sprintf("memory: a micro-batch of %d tokens would take %s, more than memory_budget; smaller ones may fit", r.memory.Tokens, size(r.memory.Bytes))
	}
	return r.collect(), nil
}

// collect has Go collect garbage before it is more than garbageBytes, and returns what undoes that. By default garbage may become as much as
// weights, gradients and the optimizer's state together.
func (r *run) collect() (restore func()) {
	heap := r.memory.Optimizer + 1
	for _, p := range r.policy.Params() {
		heap += 4 * int64(len(p.Data)+len(p.Grad))
	}
	percent := int(min(100, max(1, garbageBytes*100/heap)))
	before := debug.SetGCPercent(percent)
	if before < percent { // as GOGC says, or none at all
		debug.SetGCPercent(before)
	}
	return func() { debug.SetGCPercent(before) }
}

// beside returns what the run holds beside what the policy plans.
func (r *run) beside() int64 { return r.memory.Optimizer + garbageBytes + otherBytes }

// noMemory says of a refusal for want of memory what it means for the run; it returns any other error as it is.
func (r *run) noMemory(err error, pairs []scored) error {
	var refused *model.MemoryError
	p, ok := r.policy.(model.MemoryPlanner)
	if !ok || !errors.As(err, &refused) {
		return err
	}
	if _, err := p.PlanMemory(refused.Tokens); err != nil { // a step takes more than scores alone
		errors.As(err, &refused)
	}
	cure := "lower micro_batch_tokens"
	what := fmt.Sprintf("a micro-batch of %d pairs and %d tokens", len(pairs), refused.Tokens)
	if len(pairs) == 1 {
		what = fmt.Sprintf("pair %s (%s) of %d tokens", pairs[0].ID, r.where(pairs[0].Source), refused.Tokens)
		cure = "precompute with a lower max_length"
	}
	return fmt.Errorf("%w: %s takes at least %s, and it is %s; raise it, or %s", ErrMemory, what, size(refused.Least+r.beside()), r.o.MemoryBudget, cure)
}

// units of sizes, those of a power of two before those whose names end theirs.
var units = []struct {
	name  string
	bytes float64
}{{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40}, {"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12}, {"b", 1}, {"", 1}}

// parseBytes reads a size, as 3GiB, 3500 MB or 3000000000; "" is 0.
func parseBytes(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	for _, u := range units {
		number, ok := strings.CutSuffix(strings.ToLower(text), u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if n *= u.bytes; err == nil && n >= 1 && n <= math.MaxInt64/2 {
			return int64(n), nil
		}
		break
	}
	return 0, fmt.Errorf("%q is no size; write a number with a unit, as 3GiB or 3500MB", text)
}

// size writes bytes so that parseBytes reads no less.
func size(n int64) string {
	if n < 1<<30 {
		return fmt.Sprintf("%dMiB", (n+1<<20-1)>>20)
	}
	return fmt.Sprintf("%.2fGiB", math.Ceil(float64(n)/(1<<30)*100)/100)
}

package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/steelyard-ml/steelyard/bench/host"
	"github.com/steelyard-ml/steelyard/bench/work"
	"github.com/steelyard-ml/steelyard/internal/simd/peak"
)

// The runs of ours.
const (
	Reference     = "reference pass"
	ReferenceBF16 = "reference pass, bf16"
	Reference2048 = "reference pass, batches of 2,048 tokens"
	Full          = "training, all weights"
	Checkpointed  = "training, all weights, gradient checkpointing"
	LoRA          = "training, LoRA"
)

// The runs of peers.
const (
	Torch           = "PyTorch, float32"
	TorchBF16       = "PyTorch, bfloat16 autocast"
	TRL             = "TRL, float32, batch 1"
	TRLLoRA         = "TRL and PEFT, float32, batch 1, LoRA"
	TRLCheckpointed = "TRL, float32, batch 1, gradient checkpointing"
)

// Passes are reference passes and training steps of ours and of the peers over the same pairs.
type Passes struct {
	MaxLength int // tokens of a sequence
	Gauge     host.Gauge
	Pairs     []work.Pair // of the sample
	IDs       []string    // of the pairs, as a cache names them
	Steps     int         // optimizer steps of 4 pairs, from the first of the sample on
	Warm      int         // so many of them, the first, are not timed: memory is touched for the first time in them
	Rank      int         // of the adapters; their alpha is twice that
	Runs      []Run
	Budget    int // tokens of a batch of the reference pass
}

// A Run is one process.
type Run struct {
	Name          string
	Peer          bool
	Counterpart   string  // of a peer: the training run of ours that does the same
	Reference     float64 // seconds
	Train         float64 // seconds, of the optimizer steps that are timed
	TrainPairs    int
	Wall          float64   // seconds of the whole process
	Losses        []float64 // one a step
	ReferencePeak int64     // bytes of a process that does the reference pass alone
	Peak          int64     // bytes of the process
	IDs           []string
	Logps         [][2]float64 // the reference's sums
	Failed        string
}

// PairsPerSecond returns the speeds of the reference pass and of training.
func (p *Passes) PairsPerSecond(r Run) (reference, train float64) {
	return float64(len(p.Pairs)) / r.Reference, float64(r.TrainPairs) / r.Train
}

// Trained are the pairs of the optimizer steps that are timed.
func (p *Passes) Trained() []work.Pair {
	return p.Pairs[min(4*p.Warm, len(p.Pairs)):min(4*p.Steps, len(p.Pairs))]
}

// ours returns the median of a kind of run of ours: of its times and its peaks.
func (p *Passes) ours(name string) (m Run) {
	m = Run{Name: name, Reference: math.NaN(), Train: math.NaN()}
	var reference, train, peak []float64
	for _, r := range p.Runs {
		if r.Peer || r.Name != name || r.Failed != "" {
			continue
		}
		m.Losses, m.TrainPairs, m.Logps = r.Losses, r.TrainPairs, r.Logps
		reference, train, peak = append(reference, r.Reference), append(train, r.Train), append(peak, float64(r.Peak))
	}
	if len(peak) > 0 {
		m.Reference, m.Train, m.Peak = work.Median(reference), work.Median(train), int64(work.Median(peak))
	}
	return m
}

// find returns a peer's run, of NaNs where there is none.
func (p *Passes) find(name string) Run {
	for _, r := range p.Runs {
		if r.Peer && r.Name == name && r.Failed == "" {
			return r
		}
	}
	return Run{Name: name, Reference: math.NaN(), Train: math.NaN(), TrainPairs: 1}
}

// A Comparison is a peer beside ours.
type Comparison struct {
	Run
	ReferencePairs, TrainPairs float64 // a second
	Faster                     float64 // our reference pass
	TrainFaster                float64 // our training
	Memory                     float64 // ours of the peer's in training
	Difference                 float64 // the largest of a step's loss
	LogpDifference             float64 // the largest of a reference sum, in nats
	SameTokens                 bool
}

// Comparisons returns the peers, each beside ours.
func (p *Passes) Comparisons() (all []Comparison) {
	reference := p.ours(Reference)
	for _, r := range p.Runs {
		if !r.Peer || r.Failed != "" {
			continue
		}
		c, ours := Comparison{Run: r}, p.ours(r.Counterpart)
		c.ReferencePairs, c.TrainPairs = p.PairsPerSecond(r)
		c.Faster = r.Reference / reference.Reference
		c.TrainFaster = perPair(r) / perPair(ours)
		c.Memory = ratio(ours.Peak, r.Peak)
		c.SameTokens = slices.Equal(p.IDs, r.IDs)
		c.Difference = math.NaN()
		if len(ours.Losses) > 0 && len(ours.Losses) == len(r.Losses) && r.TrainPairs == ours.TrainPairs {
			c.Difference = 0
			for i := range r.Losses {
				c.Difference = max(c.Difference, math.Abs(r.Losses[i]-ours.Losses[i]))
			}
		}
		c.LogpDifference = math.NaN()
		if len(reference.Logps) > 0 && len(reference.Logps) == len(r.Logps) {
			c.LogpDifference = 0
			for i := range r.Logps {
				for side := range 2 {
					c.LogpDifference = max(c.LogpDifference, math.Abs(r.Logps[i][side]-reference.Logps[i][side]))
				}
			}
		}
		all = append(all, c)
	}
	return all
}

// A Rounded is the reference pass in bfloat16 beside that in float32.
type Rounded struct {
	Faster        float64
	Largest, Mean float64 // differences of a completion's sum, in nats
	Same, Pairs   int     // pairs of which the same completion is the more probable one
}

// BF16 returns what products in bfloat16 change, or nil where they were not measured.
func (p *Passes) BF16() *Rounded {
	wide, rounded := p.ours(Reference), p.ours(ReferenceBF16)
	if len(rounded.Logps) == 0 || len(rounded.Logps) != len(wide.Logps) {
		return nil
	}
	r := Rounded{Faster: wide.Reference / rounded.Reference, Pairs: len(wide.Logps)}
	for i, w := range wide.Logps {
		b := rounded.Logps[i]
		for side := range 2 {
			d := math.Abs(b[side] - w[side])
			r.Largest, r.Mean = max(r.Largest, d), r.Mean+d/float64(2*r.Pairs)
		}
		if (b[0] > b[1]) == (w[0] > w[1]) {
			r.Same++
		}
	}
	return &r
}

func perPair(r Run) float64 { return r.Train / float64(r.TrainPairs) }

// ratio is a/b, or NaN where either is missing.
func ratio(a, b int64) float64 {
	if a == 0 || b == 0 {
		return math.NaN()
	}
	return float64(a) / float64(b)
}

// An Own is a kind of run of ours on the page.
type Own struct {
	Name       string
	Seconds    []float64 // of each run
	Median     float64
	PerSecond  float64 // pairs
	Operations float64 // necessary ones, a second
	Share      float64 // of the peak
	Peak       int64
	Losses     []float64
}

// Own returns our runs by kind.
func (p *Passes) Own(r *Report) (all []Own) {
	peak := r.Peak(p.Gauge, r.Threads)
	for _, name := range []string{Reference, ReferenceBF16, Reference2048, Full, Checkpointed, LoRA} {
		m := p.ours(name)
		o := Own{Name: name, Peak: m.Peak, Losses: m.Losses}
		for _, run := range p.Runs {
			if !run.Peer && run.Name == name && run.Failed == "" {
				o.Seconds = append(o.Seconds, max(run.Reference, run.Train))
			}
		}
		if o.Seconds == nil {
			continue
		}
		o.Median = work.Median(o.Seconds)
		necessary, pairs := p.necessary(r, name)
		o.PerSecond = float64(pairs) / o.Median
		o.Operations = necessary / o.Median
		o.Share = o.Operations / peak
		all = append(all, o)
	}
	return all
}

// necessary counts the operations of a kind of run of ours, and its pairs. What is computed a second time in gradient checkpointing is not
// necessary.
func (p *Passes) necessary(r *Report, name string) (operations float64, pairs int) {
	var err error
	switch name {
	case Reference, ReferenceBF16, Reference2048:
		var parts work.Parts
		parts, err = work.Forward(r.Config, p.Pairs)
		operations, pairs = parts.Sum(), len(p.Pairs)
	case LoRA:
		operations, err = work.LoRA(r.Config, p.Rank, p.Trained())
		pairs = len(p.Trained())
	default:
		operations, err = work.Full(r.Config, p.Trained())
		pairs = len(p.Trained())
	}
	if err != nil {
		return math.NaN(), pairs
	}
	return operations, pairs
}

// Size says how much the sample is.
func (p *Passes) Size() string {
	once, both, scored := 0, 0, 0
	for _, pair := range p.Pairs {
		once += pair.Tokens()
		both += pair.Tokens() + pair.Prompt
		scored += pair.Chosen + pair.Rejected
	}
	return fmt.Sprintf("%d tokens in both sequences, %d with the prompt once, %d of them scored", both, once, scored)
}

// PerPair says what a forward pass takes.
func (p *Passes) PerPair(r *Report) string {
	parts, err := work.Forward(r.Config, p.Pairs)
	if err != nil {
		return err.Error()
	}
	sum := parts.Sum()
	return fmt.Sprintf("%.0f GFLOP a pair, %.0f %% of them linear layers, %.0f %% attention, %.0f %% the head",
		sum/float64(len(p.Pairs))/1e9, 100*parts.Linear/sum, 100*parts.Attention/sum, 100*parts.Head/sum)
}

// LossBound is how far a step's loss may be from that of a peer that does the same arithmetic.
const LossBound = 1e-4

// onZen4 is a verdict on a factor to a peer: what peers make of a processor differs from one to the next.
func onZen4(r *Report, what string, value, bound float64) work.Verdict {
	return work.Verdict{What: what, Value: value, Bound: bound, Unit: "×", Host: "Zen 4", Other: !r.Machine.Zen4()}
}

func (p *Passes) verdicts(r *Report) (all []work.Verdict) {
	shares := map[string]float64{}
	for _, o := range p.Own(r) {
		shares[o.Name] = o.Share
	}
	for _, s := range []struct {
		name  string
		bound float64
	}{{Reference, 0.72}, {Full, 0.64}, {LoRA, 0.60}} {
		if v, ok := shares[s.name]; ok {
			all = append(all, work.Verdict{What: s.name + ": share of the peak", Value: v, Bound: s.bound, Unit: "%"})
		}
	}
	if b := p.BF16(); b != nil {
		twice := p.Gauge.Rate(peak.BF16, r.Threads) >= 1.8*p.Gauge.Float32(r.Threads)
		all = append(all, work.Verdict{What: ReferenceBF16 + " against float32", Value: b.Faster, Bound: 1.5, Unit: "×", Host: "twice the rate", Other: !twice})
	}
	best := p.bestTRL()
	reference, full, lora := p.ours(Reference), p.ours(Full), p.ours(LoRA)
	for _, s := range []struct {
		peer             string
		reference, train float64
	}{{best, 2.5, 2.7}, {Torch, 1.6, 1.8}, {TorchBF16, 1.15, 1.2}} {
		peer := p.find(s.peer)
		all = append(all,
			onZen4(r, "reference pass against "+s.peer, peer.Reference/reference.Reference, s.reference),
			onZen4(r, "training against "+s.peer, perPair(peer)/perPair(full), s.train))
	}
	all = append(all,
		onZen4(r, "training against "+TRLLoRA, perPair(p.find(TRLLoRA))/perPair(lora), 3),
		work.Verdict{What: "peak memory, " + Reference2048 + ", of the weights in float32", Value: ratio(p.ours(Reference2048).Peak, 4*r.Weights), Bound: 1.3, Most: true, Unit: "×"},
		work.Verdict{What: "peak memory in training, of " + best + "'s", Value: ratio(full.Peak, p.find(best).Peak), Bound: 0.5, Most: true, Unit: "×"},
		work.Verdict{What: "peak memory in training, gradient checkpointing on both, of TRL's", Value: ratio(p.ours(Checkpointed).Peak, p.find(TRLCheckpointed).Peak), Bound: 0.6, Most: true, Unit: "×"})
	for _, c := range p.Comparisons() {
		if c.Name != TorchBF16 { // another arithmetic
			all = append(all, work.Verdict{What: "losses against " + c.Name + ": largest difference", Value: c.Difference, Bound: LossBound, Most: true})
		}
	}
	return all
}

// bestTRL names the fastest run of TRL that trains all weights in float32 without gradient checkpointing.
func (p *Passes) bestTRL() string {
	best := p.find(TRL)
	for _, r := range p.Runs {
		if r.Peer && r.Failed == "" && r.Counterpart == Full && r.Name != Torch && r.Name != TorchBF16 && !(perPair(r) >= perPair(best)) {
			best = r
		}
	}
	return best.Name
}

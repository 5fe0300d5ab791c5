package trainer

import (
	"context"
	"math"
	"sort"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/trainer/loss"
	"github.com/steelyard-ml/steelyard/trainer/optim"
)

// wanted is what every step asks of the model beside log-probabilities, for its metrics.
const wanted = model.WantEntropy | model.WantRank1 | model.WantMeanLogit

// A scored pair is one with what the policy says about it in a step.
type scored struct {
	schemas.CachedPair
	chosen, rejected side
	router           model.Router // of a model with experts, where the auxiliary loss is on
}

// A side sums over a completion's tokens, in order, in float64.
type side struct {
	tokens                int
	logp, entropy, logits float64 // logits: of the means over the vocabulary
	rank1                 int     // tokens that were the most probable ones
}

// step takes optimizer step k, counted from 0: it averages the loss over each group of pairs and over the groups, whatever the
// micro-batches are.
func (r *run) step(ctx context.Context, k int) (Metrics, error) {
	pairs, groups, err := r.load(ctx, k)
	if err != nil {
		return Metrics{}, err
	}
	terms := make([]loss.Term, len(pairs))
	if err := r.backward(ctx, k, pairs, groups, terms); err != nil {
		return Metrics{}, err
	}
	norm, err := optim.Norm(r.policy.Params())
	if err != nil {
		return Metrics{}, r.nonFinite(k+1, pairs, err)
	}
	rate := r.o.LearningRate * r.schedule.At(k)
	r.adamw.Step(rate, optim.ClipScale(norm, r.o.MaxGradNorm))

	m := average(r.o.Beta, r.aux, pairs, groups, terms)
	for _, p := range pairs {
		r.tokens += int64(2*len(p.PromptIDs) + len(p.ChosenIDs) + len(p.RejectedIDs)) // as TRL counts: both sequences
	}
	m.GlobalStep, m.GradNorm, m.LearningRate, m.Epoch, m.NumTokens = k+1, norm, rate, r.plan.epochs(k+1), r.tokens
	return m, nil
}

// load reads the pairs of a step, and says which are a group.
func (r *run) load(ctx context.Context, k int) (pairs []scored, groups []span, err error) {
	epoch, places := r.plan.step(k)
	for _, g := range places {
		from := len(pairs)
		for i := g.From; i < g.To; i++ {
			row, err := r.rows.At(ctx, r.order(epoch, i))
			if err != nil {
				return nil, nil, err
			}
			pairs = append(pairs, scored{CachedPair: row})
		}
		groups = append(groups, span{from, len(pairs)})
	}
	return pairs, groups, nil
}

// backward sets the terms of a step's pairs and adds to the gradients of the parameters:
//
//	Σ_groups 1/G · Σ_group 1/|group| · d loss / d parameters
//
// A loss that looks at a whole group, and the routers' auxiliary loss, need all its values before the first gradient: where a step takes
// more than one micro-batch, they are computed beforehand.
func (r *run) backward(ctx context.Context, k int, pairs []scored, groups []span, terms []loss.Term) error {
	micro := cut(pairs, r.o.MicroBatchTokens)
	whole := !r.loss.PerPair() || r.aux != 0
	before := whole && len(micro) > 1
	if before {
		for _, c := range micro {
			if err := r.forward(ctx, k, pairs[c.From:c.To], r.policy.Score); err != nil {
				return err
			}
		}
		r.evaluate(pairs, groups, terms)
	}
	weights := shares(groups)
	var routers [][]float32
	for i, c := range micro {
		if err := r.forward(ctx, k, pairs[c.From:c.To], r.policy.Forward); err != nil {
			return err
		}
		switch {
		case before: // evaluated above
		case whole:
			r.evaluate(pairs, groups, terms)
		default:
			r.evaluate(pairs, []span{c}, terms)
		}
		if i == 0 {
			routers = r.routerGradient(pairs, groups)
		}
		d := gradient(pairs[c.From:c.To], terms[c.From:c.To], weights[c.From:c.To])
		var dRouter [][]float32
		if routers != nil {
			dRouter = routers[c.From:c.To]
		}
		if err := r.policy.Backward(ctx, d, dRouter); err != nil {
			return err
		}
	}
	return nil
}

// forward fills in what the policy says about pairs.
func (r *run) forward(ctx context.Context, k int, pairs []scored, score func(context.Context, model.Batch, model.Want) (model.Scores, error)) error {
	want := wanted
	if r.aux != 0 {
		want |= model.WantRouters
	}
	scores, err := score(ctx, batchOf(pairs), want)
	if err != nil {
		return r.noMemory(err, pairs)
	}
	read(pairs, scores)
	for _, p := range pairs {
		if err := r.checkFinite(k+1, p); err != nil {
			return err
		}
		if k == 0 {
			if err := r.checkIdentity(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// evaluate sets the terms of the pairs in the given groups.
func (r *run) evaluate(pairs []scored, groups []span, terms []loss.Term) {
	for _, g := range groups {
		var group []loss.Pair
		for _, p := range pairs[g.From:g.To] {
			group = append(group, p.pair())
		}
		r.loss.Eval(group, terms[g.From:g.To])
	}
}

// pair is what a loss sees.
func (p scored) pair() loss.Pair {
	return loss.Pair{
		Chosen:   loss.Completion{Logp: p.chosen.logp, Ref: p.RefChosenLogps},
		Rejected: loss.Completion{Logp: p.rejected.logp, Ref: p.RefRejectedLogps},
	}
}

// shares returns every pair's weight in a step: 1/(pairs of its group)/(groups).
func shares(groups []span) []float64 {
	var out []float64
	for _, g := range groups {
		for range g.To - g.From {
			out = append(out, 1/float64((g.To-g.From)*len(groups)))
		}
	}
	return out
}

// gradient returns d loss / d logp of every scored token: a sum's derivative is the same for all its terms.
func gradient(pairs []scored, terms []loss.Term, weights []float64) []float32 {
	var out []float32
	for i, p := range pairs {
		chosen, rejected := float32(terms[i].DChosen*weights[i]), float32(terms[i].DRejected*weights[i])
		for range p.ChosenIDs {
			out = append(out, chosen)
		}
		for range p.RejectedIDs {
			out = append(out, rejected)
		}
	}
	return out
}

// cut cuts pairs into runs of at most so many tokens, but of one pair at least: into as few as in their order there can be and, among
// those, with the largest as small as can be, so that a step needs no more memory than its passes do.
func cut(pairs []scored, tokens int) []span {
	fewest := fill(pairs, tokens)
	return fill(pairs, sort.Search(tokens, func(n int) bool { return len(fill(pairs, n)) <= len(fewest) }))
}

// fill cuts pairs into runs of at most so many tokens, but of one pair at least, each as long as can be.
func fill(pairs []scored, tokens int) []span {
	var out []span
	used := math.MaxInt
	for i, p := range pairs {
		n := len(p.PromptIDs) + len(p.ChosenIDs) + len(p.RejectedIDs)
		if used > tokens-n {
			out = append(out, span{i, i})
			used = 0
		}
		out[len(out)-1].To = i + 1
		used += n
	}
	return out
}

// batchOf lays pairs out as a model takes them.
func batchOf(pairs []scored) model.Batch {
	var b model.Batch
	for _, p := range pairs {
		b.Add(p.PromptIDs, p.ChosenIDs, p.RejectedIDs)
	}
	return b
}

// read sums a batch's scores into its pairs.
func read(pairs []scored, s model.Scores) {
	at := 0
	sum := func(tokens int) side {
		out := side{tokens: tokens}
		for i := at; i < at+tokens; i++ {
			out.logp += float64(s.Logp[i])
			if s.Entropy != nil {
				out.entropy += float64(s.Entropy[i])
				out.logits += float64(s.MeanLogit[i])
				if s.Rank1[i] {
					out.rank1++
				}
			}
		}
		at += tokens
		return out
	}
	for i := range pairs {
		pairs[i].chosen = sum(len(pairs[i].ChosenIDs))
		pairs[i].rejected = sum(len(pairs[i].RejectedIDs))
		if s.Routers != nil {
			pairs[i].router = s.Routers[i]
		}
	}
}

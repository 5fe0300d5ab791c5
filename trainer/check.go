package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/schemas"
)

// Errors of what is checked before the first update, to be tested with errors.Is. The remedies stand in their messages.
var (
	// ErrMismatch is returned when the cache was made by another model, tokenizer or template than the policy's.
	ErrMismatch = errors.New("the cache does not belong to this policy")
	// ErrIdentity is returned when the policy, which should still be the reference, gives a pair other values than the cache.
	ErrIdentity = errors.New("the policy does not reproduce the cache")
)

// comparedItems are the names of what is compared between a cache and a policy.
var comparedItems = append(slices.Clone(valueItems), schemas.ItemTokenizer, schemas.ItemChatTemplate)

// valueItems are those that the reference's values depend on.
var valueItems = []string{
	schemas.ItemWeights, schemas.ItemArchitecture, schemas.ItemAdapter, schemas.ItemQuantization, schemas.ItemNumerics,
}

// none is the digest of what a cache or a policy does without.
const none = "none"

// A Mismatch is an item in which cache and policy differ, and the option that lets it pass.
type Mismatch struct {
	Item      string       `json:"item"`
	Cache     schemas.Item `json:"cache"`
	Policy    schemas.Item `json:"policy"`
	AllowedBy string       `json:"allowed_by"`
}

// An identity says how far the policy's sums may be from the cache's before the first update.
type identity struct {
	asserted  bool
	tolerance float64 // nats; 0 means equal bits
}

// compare holds the fingerprint of a cache's values, and how its view was tokenized, against the policy's. It returns the differences
// that the options allow and what may be asserted at step 0; the error, of ErrMismatch, names every difference that they don't allow.
func compare(o Options, values, tokens, policy, policyTokens schemas.Fingerprint) ([]Mismatch, identity, error) {
	var allowed []Mismatch
	var refused []error
	judge := func(name string, held, policy schemas.Item, by string) {
		if slices.Contains(o.AllowMismatch, name) {
			by = "allow_mismatch"
		}
		if by != "" {
			allowed = append(allowed, Mismatch{name, held, policy, by})
			return
		}
		cure := ""
		if held.Digest == cache.Several {
			cure = "; train on one of these views"
		}
		refused = append(refused, fmt.Errorf("%s: the cache has %s, the policy %s%s", name, describe(held), describe(policy), cure))
	}
	id := identity{asserted: true}
	for _, d := range values.Differ(policy) {
		by := ""
		switch name := d[0].Name; {
		case o.PolicyDiffers:
			by = "policy_differs"
		case name == schemas.ItemNumerics && o.LogpTolerance > 0:
			by, id.tolerance = "logp_tolerance", o.LogpTolerance
		default:
			id.asserted = false
		}
		judge(d[0].Name, d[0], d[1], by)
	}
	for _, name := range []string{schemas.ItemTokenizer, schemas.ItemChatTemplate} {
		held, policy := tokens.Item(name), policyTokens.Item(name)
		used := held.Digest != "" && held.Digest != none // else the data came as ids, or as plain text
		if used && held.Digest != policy.Digest {
			judge(name, held, policy, "")
		}
	}
	if refused != nil {
		return nil, id, fmt.Errorf("%w:\n%w\nTrain the model that the cache was made with, or precompute a cache with this one. "+
			"To go on regardless, name items in allow_mismatch; policy_differs is for a policy that starts elsewhere than its reference, "+
			"logp_tolerance for a cache of another arithmetic", ErrMismatch, errors.Join(refused...))
	}
	id.asserted = id.asserted && !o.PolicyDiffers
	return allowed, id, nil
}

func describe(it schemas.Item) string {
	switch {
	case it.Digest == "":
		return "no such item"
	case it.Detail == "":
		return it.Digest
	}
	return fmt.Sprintf("%s (%s)", it.Digest, it.Detail)
}

// checkIdentity refuses a pair whose sums under the policy are not those of the cache.
func (r *run) checkIdentity(p scored) error {
	if !r.identity.asserted {
		return nil
	}
	chosen, rejected := math.Abs(p.chosen.logp-p.RefChosenLogps), math.Abs(p.rejected.logp-p.RefRejectedLogps)
	if chosen <= r.identity.tolerance && rejected <= r.identity.tolerance {
		return nil
	}
	return fmt.Errorf("%w: pair %s (%s): the policy's log-probabilities are %v chosen and %v rejected, the cache's are %v and %v; "+
		"before the first update they must be %s. Either the cache was changed after it was written or another program wrote it "+
		"(`steelyard verify` finds which parts; precompute it again), or the policy starts elsewhere than its reference "+
		"(then set policy_differs)", ErrIdentity, p.ID, r.where(p.Source), p.chosen.logp, p.rejected.logp,
		p.RefChosenLogps, p.RefRejectedLogps, r.identity)
}

func (id identity) String() string {
	if id.tolerance == 0 {
		return "equal to the last bit"
	}
	return fmt.Sprintf("within logp_tolerance %v of each other", id.tolerance)
}

// sampledRows is how many rows are scored again before a run. Chance finds a cache that is wrong throughout; single rows that are wrong
// are found where they are trained on in the first step, and by `steelyard verify`.
const sampledRows = 4

// checkSample scores a few random rows of the whole view and holds them against the cache. It returns the largest difference of a sum, in nats.
func (r *run) checkSample(ctx context.Context) (float64, error) {
	draw := rand.New(rand.NewPCG(r.o.Seed, 0x5a4d504c45))
	worst := 0.0
	for range min(sampledRows, r.plan.rows) {
		row, err := r.rows.At(ctx, draw.IntN(r.rows.Len()))
		if err != nil {
			return 0, err
		}
		pairs := []scored{{CachedPair: row}}
		scores, err := r.policy.Score(ctx, batchOf(pairs), 0)
		if err != nil {
			return 0, r.noMemory(err, pairs)
		}
		read(pairs, scores)
		p := pairs[0]
		if err := r.checkIdentity(p); err != nil {
			return 0, err
		}
		worst = max(worst, math.Abs(p.chosen.logp-p.RefChosenLogps), math.Abs(p.rejected.logp-p.RefRejectedLogps))
	}
	return worst, nil
}

// where names the place of a row in its data set.
func (r *run) where(s schemas.Source) string {
	if int(s.File) < len(r.view.Inputs) {
		return fmt.Sprintf("%s at %d", r.view.Inputs[s.File].Path, s.Pos)
	}
	return fmt.Sprintf("input %d at %d", s.File, s.Pos)
}

// checkFinite refuses a pair whose values under the policy are not numbers.
func (r *run) checkFinite(step int, p scored) error {
	sum := p.chosen.logp + p.rejected.logp
	if !math.IsNaN(sum) && !math.IsInf(sum, 0) {
		return nil
	}
	return fmt.Errorf("%w: step %d, pair %s (%s): the policy's log-probabilities are %v chosen and %v rejected; %s",
		ErrNonFinite, step, p.ID, r.where(p.Source), p.chosen.logp, p.rejected.logp, divergedCure)
}

// ErrNonFinite is returned when a loss or a gradient is NaN or infinite. Nothing is saved from then on; the last checkpoint is good.
var ErrNonFinite = errors.New("training diverged")

const divergedCure = "nothing was saved since the last checkpoint; begin again with a lower learning_rate, more warmup_steps or a smaller max_grad_norm, " +
	"and look at these pairs"

// nonFinite says that a step's gradient is not finite, and which pairs it came from.
func (r *run) nonFinite(step int, pairs []scored, cause error) error {
	const shown = 8
	var names []string
	for _, p := range pairs[:min(shown, len(pairs))] {
		names = append(names, fmt.Sprintf("%s (%s)", p.ID, r.where(p.Source)))
	}
	if len(pairs) > shown {
		names = append(names, fmt.Sprintf("and %d more", len(pairs)-shown))
	}
	return fmt.Errorf("%w: step %d: %w; its pairs are %s; %s", ErrNonFinite, step, cause, strings.Join(names, ", "), divergedCure)
}

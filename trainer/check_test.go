package trainer

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/schemas"
)

func fingerprint(numerics string, digests ...string) schemas.Fingerprint {
	f := schemas.Fingerprint{}
	for i, name := range []string{schemas.ItemWeights, schemas.ItemArchitecture, schemas.ItemAdapter, schemas.ItemQuantization} {
		f = append(f, schemas.Item{Name: name, Digest: digests[i], Detail: "of " + name})
	}
	return append(f, schemas.Item{Name: schemas.ItemNumerics, Digest: numerics})
}

func tokens(tokenizer, template string) schemas.Fingerprint {
	return schemas.Fingerprint{
		{Name: schemas.ItemTokenizer, Digest: tokenizer}, {Name: schemas.ItemChatTemplate, Digest: template}, {Name: schemas.ItemMaxLength, Digest: "1024"},
	}
}

func TestCompare(t *testing.T) {
	same, sameTokens := fingerprint("fma16/2", "w", "a", "none", "none"), tokens("t", "c")
	exact, off := identity{asserted: true}, identity{}
	for _, test := range []struct {
		name           string
		values, tokens schemas.Fingerprint
		set            func(*Options)
		refused        []string // of the error; none means that it passes
		allowed        []string // item and by what
		identity       identity
	}{
		{name: "the same", values: same, tokens: sameTokens, identity: exact},
		{name: "weights", values: fingerprint("fma16/2", "other", "a", "none", "none"), tokens: sameTokens,
			refused: []string{"weights: the cache has other (of weights), the policy w (of weights)", "allow_mismatch"}},
		{name: "several", values: fingerprint("generic/1", "w", "a", "lora", "none"), tokens: tokens("u", "d"),
			refused: []string{"adapter: the cache has lora", "numerics: the cache has generic/1, the policy fma16/2", "tokenizer: the cache has u, the policy t", "chat_template: the cache has d"}},
		{name: "an item lacks", values: same[:4], tokens: sameTokens, refused: []string{"numerics: the cache has no such item, the policy fma16/2"}},
		{name: "weights allowed", values: fingerprint("fma16/2", "other", "a", "none", "none"), tokens: sameTokens,
			set: func(o *Options) { o.AllowMismatch = []string{"weights"} }, allowed: []string{"weights allow_mismatch"}, identity: off},
		{name: "the wrong item allowed", values: fingerprint("fma16/2", "other", "a", "none", "none"), tokens: sameTokens,
			set: func(o *Options) { o.AllowMismatch = []string{"adapter"} }, refused: []string{"weights:"}},
		{name: "policy differs", values: fingerprint("generic/1", "other", "b", "none", "none"), tokens: sameTokens,
			set:     func(o *Options) { o.PolicyDiffers = true },
			allowed: []string{"weights policy_differs", "architecture policy_differs", "numerics policy_differs"}, identity: off},
		{name: "policy differs is no word for tokenizers", values: same, tokens: tokens("u", "c"),
			set: func(o *Options) { o.PolicyDiffers = true }, refused: []string{"tokenizer:"}},
		{name: "tokenizer allowed", values: same, tokens: tokens("u", "c"),
			set: func(o *Options) { o.AllowMismatch = []string{"tokenizer"} }, allowed: []string{"tokenizer allow_mismatch"}, identity: exact},
		{name: "other arithmetic", values: fingerprint("generic/1", "w", "a", "none", "none"), tokens: sameTokens,
			set: func(o *Options) { o.LogpTolerance = 0.5 }, allowed: []string{"numerics logp_tolerance"}, identity: identity{true, 0.5}},
		{name: "tolerance without cause", values: same, tokens: sameTokens, set: func(o *Options) { o.LogpTolerance = 0.5 }, identity: exact},
		{name: "views that differ", values: same,
			tokens:  schemas.Fingerprint{{Name: schemas.ItemTokenizer, Digest: "several", Detail: "t in view r1, u in view r2"}, {Name: schemas.ItemChatTemplate, Digest: "c"}},
			refused: []string{"tokenizer: the cache has several (t in view r1, u in view r2), the policy t; train on one of these views"}},
		{name: "pairs that came as ids", values: same, tokens: tokens("none", "none"), identity: exact},
		{name: "pairs that came as text", values: same, tokens: tokens("t", "none"), identity: exact},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := DefaultOptions()
			if test.set != nil {
				test.set(&o)
			}
			allowed, id, err := compare(o, test.values, test.tokens, same, sameTokens)
			if test.refused != nil {
				if !errors.Is(err, ErrMismatch) {
					t.Fatalf("got error %v", err)
				}
				for _, want := range test.refused {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("got %v\nwant %q in it", err, want)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range allowed {
				got = append(got, m.Item+" "+m.AllowedBy)
			}
			if diff := cmp.Diff(test.allowed, got); diff != "" {
				t.Errorf("allowed (-want +got):\n%s", diff)
			}
			if id != test.identity {
				t.Errorf("identity %+v, want %+v", id, test.identity)
			}
		})
	}
}

// TestOneUlp: one sum of the first step, off by one unit in the last place, stops the run, whichever it is.
func TestOneUlp(t *testing.T) {
	o := smallOptions() // a step is 4 pairs
	for i := range 4 {
		for _, side := range []string{"chosen", "rejected"} {
			policy := newTable(3, 7, 0.5, -1, 0.25, 2, 0, 1, -0.5, 1)
			pairs := cached(t, policy, randomPairs(4, 3, 7)...)
			spoil := &pairs[i].RefChosenLogps
			if side == "rejected" {
				spoil = &pairs[i].RefRejectedLogps
			}
			*spoil = math.Nextafter(*spoil, 0)
			r, _ := testRun(t, o, policy, pairs)
			_, err := r.step(t.Context(), 0)
			if !errors.Is(err, ErrIdentity) {
				t.Fatalf("%s of pair %d: got error %v", side, i, err)
			}
			for _, want := range []string{pairs[i].ID, "data.jsonl at", "equal to the last bit", "steelyard verify", "policy_differs"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v\nwant %q in it", err, want)
				}
			}
			if _, err := r.step(t.Context(), 1); err != nil { // later steps assert nothing
				t.Errorf("step 2: %v", err)
			}
			r.identity.tolerance = 1e-9
			if _, err := r.step(t.Context(), 0); errors.Is(err, ErrIdentity) {
				continue // the policy has moved by now
			}
			t.Error("a policy that has moved passes within 1e-9")
		}
	}
}

// TestTolerance: with a cache of another arithmetic, sums may differ by as much as was said.
func TestTolerance(t *testing.T) {
	for _, test := range []struct {
		off    float64
		passes bool
	}{{0.4, true}, {-0.4, true}, {0.6, false}, {math.NaN(), false}} {
		policy := newTable(3, 7)
		pairs := cached(t, policy, randomPairs(4, 3, 7)...)
		for i := range pairs {
			pairs[i].RefRejectedLogps += test.off
		}
		r, _ := testRun(t, smallOptions(), policy, pairs)
		r.identity.tolerance = 0.5
		worst, err := r.checkSample(t.Context())
		if test.passes != (err == nil) {
			t.Errorf("off by %v: got error %v", test.off, err)
		}
		if test.passes && math.Abs(worst-math.Abs(test.off)) > 1e-12 {
			t.Errorf("off by %v: measured %v", test.off, worst)
		}
	}
}

// TestSampleFindsAWrongCache, before the first step and over the whole view.
func TestSampleFindsAWrongCache(t *testing.T) {
	policy := newTable(3, 7)
	pairs := cached(t, policy, randomPairs(500, 3, 7)...)
	for i := range pairs {
		if i >= 100 { // the first step would not see it
			pairs[i].RefChosenLogps++
		}
	}
	o := smallOptions()
	o.TrainSamplingStrategy = SamplingSequential
	r, _ := testRun(t, o, policy, pairs)
	if _, err := r.checkSample(t.Context()); !errors.Is(err, ErrIdentity) {
		t.Errorf("got error %v", err)
	}
}

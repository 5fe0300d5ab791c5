package trainer

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/trainer/loss"
)

// TestAverage works a step of two groups by hand: means over a group's pairs or tokens first, then over the groups, as TRL does; a mean
// over all pairs would differ.
func TestAverage(t *testing.T) {
	pair := func(chosen, rejected side, refChosen, refRejected float64) scored {
		return scored{CachedPair: schemas.CachedPair{RefChosenLogps: refChosen, RefRejectedLogps: refRejected}, chosen: chosen, rejected: rejected}
	}
	pairs := []scored{
		// tokens, logp, entropy, logits, rank1; log-ratios 2 and −1, 0 and 1, then 4 and 4
		pair(side{2, -10, 4, 1, 1}, side{1, -8, 2, 3, 1}, -12, -7),
		pair(side{3, -6, 5, 2, 0}, side{1, -4, 1, 1, 1}, -6, -5),
		pair(side{4, -2, 8, 8, 4}, side{2, -3, 4, -2, 0}, -6, -7),
	}
	terms := []loss.Term{{Loss: 1}, {Loss: 3}, {Loss: 10}}
	got := average(0.5, 0, pairs, []span{{0, 2}, {2, 3}}, terms)
	want := Metrics{
		Loss:              (2 + 10) / 2.,
		RewardsChosen:     (0.5 + 2) / 2,       // β·(2 + 0)/2, β·4
		RewardsRejected:   (0 + 2) / 2.,        // β·(−1 + 1)/2, β·4
		RewardsMargins:    (0.5 + 0) / 2,       // β·(3 − 1)/2, 0
		RewardsAccuracies: 0.25,                // (1 + 0)/2 and 0: equal rewards are no hit
		LogpsChosen:       (-8 - 2) / 2.,       //
		LogpsRejected:     (-6 - 3) / 2.,       //
		LogitsChosen:      (3./5 + 8./4) / 2,   // over tokens
		LogitsRejected:    (4./2 - 2./2) / 2,   //
		Entropy:           (12./7 + 12./6) / 2, // over the tokens of both sides
		MeanTokenAccuracy: (1./5 + 4./4) / 2,   // of chosen alone
	}
	for i, v := range got.averaged() {
		if w := *want.averaged()[i]; math.Abs(*v-w) > 1e-15 {
			t.Errorf("field %d: got %v, want %v", i, *v, w)
		}
	}
}

func TestJournal(t *testing.T) {
	three := `{"global_step":1,"loss":0.5}` + "\n" + `{"global_step":2,"loss":0.25}` + "\n" + `{"global_step":3,"loss":0.125}` + "\n"
	lines := strings.SplitAfter(three, "\n")
	for _, test := range []struct {
		name, text string
		kept       int
		want       string
	}{
		{"cut back", three, 2, lines[0] + lines[1]},
		{"all", three, 3, three},
		{"a torn line", lines[0] + lines[1][:9], 5, lines[0]},
		{"not a line of ours", lines[0] + "oops\n" + lines[1], 5, lines[0]},
		{"from the beginning", three, 0, ""},
		{"empty", "", 3, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "metrics.jsonl")
			if err := os.WriteFile(path, []byte(test.text), 0o644); err != nil {
				t.Fatal(err)
			}
			j, err := openJournal(path, test.kept)
			if err != nil {
				t.Fatal(err)
			}
			defer j.f.Close()
			if err := j.write(Metrics{GlobalStep: 9, Loss: math.Ln2}); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got, last, _ := strings.Cut(string(text), `{"global_step":9`)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !strings.Contains(last, `"loss":0.6931471805599453,`) || !strings.HasSuffix(last, "}\n") {
				t.Errorf("the line of the step is %q", last)
			}
		})
	}
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	j, err := openJournal(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer j.f.Close()
	if err := j.write(Metrics{GlobalStep: 4, Entropy: math.NaN()}); err == nil || !strings.Contains(err.Error(), "metrics of step 4") {
		t.Errorf("a NaN is written, or the error %v says not where", err)
	}
}

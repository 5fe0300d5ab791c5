package pipelines_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/pipelines"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/transforms/reflogp"
)

// Rows scored again have, to the bit, the values that precompute gave them; a row that cannot be scored is refused with its reason.
func TestRescorer(t *testing.T) {
	s, made := run(t, options(t, "direct", chats(t, 9)...))
	var rows []schemas.TokenPair
	for i, p := range made {
		made[i].Meta, made[i].Raw = "", ""
		rows = append(rows, p.TokenPair)
	}
	bad := rows[2]
	bad.ChosenIDs = append(slices.Clone(bad.ChosenIDs), 1<<30)
	bad.ID = cache.PairID(bad.PromptIDs, bad.ChosenIDs, bad.RejectedIDs)
	bad.Source.Pos = 1 << 40
	rows = append(rows, bad)

	r := pipelines.NewRescorer(reflogp.Model{Dir: demoModel(t)})
	defer r.Close()
	for range 2 { // the model is loaded once
		var got []schemas.CachedPair
		var refused []schemas.Quarantined
		err := r.Score(t.Context(), s.Run.Fingerprint, rows, func(p schemas.CachedPair) { got = append(got, p) }, func(q schemas.Quarantined) { refused = append(refused, q) })
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(got, func(a, b schemas.CachedPair) int { return int(a.Source.Pos - b.Source.Pos) })
		if diff := cmp.Diff(made, got); diff != "" {
			t.Errorf("want -, got +:\n%s", diff)
		}
		if len(refused) != 1 || refused[0].Source.Pos != 1<<40 || refused[0].Reason == "" {
			t.Errorf("refused: %+v", refused)
		}
	}

	other := slices.Clone(s.Run.Fingerprint)
	other[0].Digest = "sha256:00"
	for name, c := range map[string]struct {
		dir  string
		made schemas.Fingerprint
		says string
	}{
		"another model": {demoModel(t), other, "weights of the cache is sha256:00"},
		"no model":      {filepath.Join(t.TempDir(), "nowhere"), s.Run.Fingerprint, "nowhere"},
	} {
		r := pipelines.NewRescorer(reflogp.Model{Dir: c.dir})
		err := r.Score(t.Context(), c.made, rows, nil, nil)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got error %v, want one that says %q", name, err, c.says)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestRepairRun(t *testing.T) {
	run := pipelines.RepairRun("steelyard x")
	if run.ID == "" || run.Owner.PID == 0 || run.Program != "steelyard x" || run.Started.IsZero() || run.Runner != "repair" {
		t.Errorf("%+v", run)
	}
}

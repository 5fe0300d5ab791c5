package trainer

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/schemas"
)

func epochOrder(o Options, rows, epoch int) []int {
	at := order(o, rows)
	var out []int
	for i := range rows {
		out = append(out, at(epoch, i))
	}
	return out
}

func TestOrder(t *testing.T) {
	o := DefaultOptions()
	first, second := epochOrder(o, 100, 0), epochOrder(o, 100, 1)
	other := o
	other.Seed++
	if slices.Equal(first, second) || slices.Equal(first, epochOrder(other, 100, 0)) || slices.Equal(second, epochOrder(other, 100, 0)) {
		t.Error("epochs or seeds share an order")
	}
	if !slices.Equal(first, epochOrder(o, 100, 0)) {
		t.Error("the same epoch has two orders")
	}
	sorted := slices.Sorted(slices.Values(first))
	o.TrainSamplingStrategy = SamplingSequential
	if want := epochOrder(o, 100, 3); !slices.Equal(sorted, want) || want[0] != 0 || want[99] != 99 {
		t.Errorf("the random order holds %v, the sequential one is %v", sorted, want)
	}
}

// TestDistinct: of repeats the first place stays, in the order of the data.
func TestDistinct(t *testing.T) {
	policy := newTable(3, 7)
	pairs := cached(t, policy, randomPairs(20, 3, 7)...)
	var all pairRows
	for i := range 100 {
		p := pairs[i*i%20]
		p.Source.Pos = int64(i)
		all = append(all, p)
	}
	d, err := distinct(t.Context(), all, filepath.Join(t.TempDir(), distinctName))
	if err != nil {
		t.Fatal(err)
	}
	defer d.kept.Close()
	seen := map[schemas.PairID]bool{}
	var want, got []int64
	for _, p := range all {
		if !seen[p.ID] {
			want = append(want, p.Source.Pos)
		}
		seen[p.ID] = true
	}
	for i := range d.Len() {
		p, err := d.At(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p.Source.Pos)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
	all[3].ID = "no id"
	if _, err := distinct(t.Context(), all, filepath.Join(t.TempDir(), distinctName)); err == nil {
		t.Error("a row without a pair id passes")
	}
}

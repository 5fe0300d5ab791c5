package trainer

import (
	"slices"
	"testing"
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

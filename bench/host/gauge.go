package host

import (
	"github.com/steelyard-ml/steelyard/bench/work"
	"github.com/steelyard-ml/steelyard/internal/simd/peak"
)

// A Reading is the rate of a loop of multiply-adds at one moment: the median of five runs.
type Reading struct {
	Loop    string
	Float32 bool
	Threads int
	Rate    float64 // operations a second
}

// A Gauge is the readings that were taken between the runs of a section.
type Gauge []Reading

// turns make a run of some 20 ms on a core that does two vectors a cycle.
const turns = 6_000_000

// Read takes a reading of every loop on so many threads.
func (g *Gauge) Read(threads int) {
	for _, l := range peak.Loops() {
		var runs []float64
		for range 5 {
			runs = append(runs, l.Rate(threads, turns))
		}
		*g = append(*g, Reading{l.Name, l.Float32(), threads, work.Median(runs)})
	}
}

// Rate returns the median reading of a loop.
func (g Gauge) Rate(loop string, threads int) float64 {
	var rates []float64
	for _, r := range g {
		if r.Loop == loop && r.Threads == threads {
			rates = append(rates, r.Rate)
		}
	}
	return work.Median(rates)
}

// Float32 returns the median reading of the fastest loop of float32s, in operations a second; NaN where there is none.
func (g Gauge) Float32(threads int) float64 {
	best := work.Median(nil)
	for _, r := range g {
		if !r.Float32 || r.Threads != threads {
			continue
		}
		if rate := g.Rate(r.Loop, threads); !(rate <= best) {
			best = rate
		}
	}
	return best
}

// Range returns the lowest and the highest reading of the loops of float32s, each time of the fastest of them; NaN where there is none.
func (g Gauge) Range(threads int) [2]float64 {
	low, high := work.Median(nil), work.Median(nil)
	for i := 0; i < len(g); {
		at := g[i] // a turn of Read begins with its first loop
		best := 0.0
		for first := true; i < len(g) && (first || g[i].Loop != at.Loop); i, first = i+1, false {
			if g[i].Float32 && g[i].Threads == threads {
				best = max(best, g[i].Rate)
			}
		}
		if best > 0 && !(best >= low) {
			low = best
		}
		if best > 0 && !(best <= high) {
			high = best
		}
	}
	return [2]float64{low, high}
}

// Count returns how many readings there are of each loop on so many threads.
func (g Gauge) Count(threads int) (n int) {
	for _, r := range g {
		if r.Threads == threads && r.Loop == g[0].Loop {
			n++
		}
	}
	return n
}
